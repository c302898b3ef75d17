// Package runner does one operation of any kind, from its claim to its end: the
// stages in order, the parking of what fails, the requests of people, and the
// way back. It knows no kind: what is particular to one stands in the table of
// kinds (internal/tenant) and in the activities that a workflow binds to it.
//
// It may import activities, internal/tenant, saga and the SDK's workflow
// package. Everything here is replayed: a change of order needs
// workflow.GetVersion and a recorded history (docs/ARCHITECTURE.md).
package runner
