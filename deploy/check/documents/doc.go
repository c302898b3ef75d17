// Package documents holds what people read against the repository: links lead
// somewhere, what is named is there, and every runbook can be found.
package documents
