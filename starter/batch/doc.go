// Package batch provisions the tenants of a file, a bounded number at a time.
// It may be run again after an interruption, or on a file that is done: each
// row has an idempotency key, so that a row that was accepted before is
// followed and not created a second time. It keeps a result file up to date
// while it works.
//
// It must not know how files are read or progress is shown beyond the types
// that it is given, nor what is behind [Control].
package batch
