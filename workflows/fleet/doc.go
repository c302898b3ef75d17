// Package fleet runs work on all tenants: pages of tenants, several at a time, in waves,
// with an error budget, and the pause, resume, retry and abort that people ask for. It
// knows no kind of work.
//
// The rows are the truth (fleet_runs, fleet_items), and the workflow follows them: it
// asks what is next (activities.Fleet), does that, and asks again. So an action is a
// compare-and-set of the run's row, whoever takes it: the API and the command line write
// it and wake the workflow; an update or a signal has an activity write it. All are
// audited by the same statement, and a workflow that was terminated is replaced by the
// reconciler without losing anything but the tenants under way, which are done again.
//
// A new kind of work takes five places:
//
//  1. internal/tenant/fleet.go: its FleetKind and its row, with the settings it begins
//     with.
//  2. internal/postgres/fleet.go: fleetTargets, the query that selects its tenants.
//  3. activities: a struct with FleetItems and the interface of what does one tenant,
//     and one activity that takes a FleetChunk and calls Each. What it does to a tenant
//     it marks done in the transaction of its effect (queueFleetFence, queueFleetDone).
//  4. workflows: a file like migrate.go, a line in register.go.
//  5. internal/connect/steps.go and worker/workers.go: made and registered.
//
// It is accepted by operations.Fleets.Submit; listing, actions, dispatch and takeover
// are there for every kind.
//
// It may import activities, internal/tenant and the SDK's workflow package. Everything
// here is replayed: a change of order needs workflow.GetVersion and a recorded history.
package fleet
