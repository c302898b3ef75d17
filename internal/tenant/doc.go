// Package tenant is the domain: what a tenant and an operation are, which
// states they go through, which actions a person may take in each state, and
// the one vocabulary of errors that every other package speaks.
//
// It has no infrastructure in it. It may import the standard library,
// google/uuid and x/text, and nothing else. The transition tables are replayed
// workflow code: a change to them is guarded by the replay tests.
package tenant
