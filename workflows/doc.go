// Package workflows says what happens in which order: one file per workflow,
// contract.go with the names that others rely on, options.go with every
// time-out and retry.
//
// It may import activities, internal/tenant, saga and the SDK's workflow
// package; never adapters or the SDK's client. Everything here is replayed: a
// change of order needs workflow.GetVersion and a recorded history
// (docs/ARCHITECTURE.md).
package workflows
