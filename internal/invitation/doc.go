// Package invitation is what a welcome mail's one-time link leads to: who is
// invited to which tenant, which keys its token is derived from, when it stops
// working, what a password must be like, and the form in which it is kept.
//
// It has no database and no pages in it. It may import the standard library,
// internal/tenant and x/crypto.
package invitation
