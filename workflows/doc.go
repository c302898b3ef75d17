// Package workflows says what happens in which order: a file for each kind of
// operation, which binds its row in the table of kinds (internal/tenant) to
// activities, and the reconciliation. How an operation runs is in runner.
//
// It may import activities, internal/tenant, runner, saga and the SDK's workflow
// package; never adapters or the SDK's client. Everything here is replayed: a
// change of order needs workflow.GetVersion and a recorded history
// (docs/ARCHITECTURE.md).
package workflows
