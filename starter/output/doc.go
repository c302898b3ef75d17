// Package output renders what the operator's command line answers: as a table
// for people, or as one JSON document for programs. The field names of the
// documents are those of the HTTP API; they are stable, programs read them.
//
// Rendering is pure: the same answer gives the same bytes. It may import
// internal/tenant.
package output
