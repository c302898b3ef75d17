// Command chaos provisions tenants through the REST API while it kills, with
// kill -9 and at moments that a seed chooses, the worker, the api, Temporal,
// PostgreSQL, Redis, the Stellar network and the mail server. Beside that, things
// happen to the tenants themselves: a rollback is requested, the run is cancelled
// or terminated in Temporal, the mail server refuses the address, the ledger is
// away for longer than the steps may be repeated; what parks is retried, skipped
// or rolled back as a person would, and some of what ends FAILED is provisioned
// anew.
//
// When every operation has ended it holds what is there (schemas, roles,
// contracts, mails, transactions, runs, the audit log, the reconciler's findings)
// against what the states say and what was asked. It prints a table and fails if
// anything is left over or is missing.
//
//	make chaos SEED=7 ROUNDS=60 N=3
//
// The seed decides what is killed, what happens to which tenant, how long chaos
// waits before either, and what is decided of what parks; what the programs are
// doing at that moment is up to the machine. It runs on a stack of its own that
// is started with DEVSTACK_ISOLATE=1.
package main
