// Command chaos has tenants live through the REST API while it kills, with kill -9
// and at moments that a seed chooses, the worker, the api, Temporal, PostgreSQL,
// Redis, the Stellar network and the mail server. Each tenant is provisioned and then
// goes through further operations, each asked for when the one before has settled,
// of a kind that the table of kinds has for the tenant's status by then. Beside the
// kills, the network loses transactions, puts them off, is behind or full of higher
// bids, and things happen to the operations themselves: a rollback is requested, the run
// is cancelled or terminated in Temporal, the mail server refuses the address, the
// ledger is away for longer than the steps may be repeated; what parks is retried,
// skipped, rolled back or left to the next operation, as a person would.
//
// When every life has ended it holds what is there (statuses, steps, schemas, roles
// and their access, contracts and what they say on the ledger, mails, transactions,
// runs, the audit log, the reconciler's findings) against what the table of kinds has
// for the operations that the tenants went through, and against what was asked. It
// prints what was done and what became of it, and fails if anything is left over or
// is missing.
//
//	make chaos SEED=7 ROUNDS=60 N=3
//
// The seed decides what is killed, how many operations a tenant has, what happens to
// each, how long chaos waits before either, what is decided of what parks, and what
// kinds are chosen by. What the programs are doing at that moment is up to the
// machine, and with it the status from which the next kind is chosen. It runs on a
// stack of its own that is started with DEVSTACK_ISOLATE=1.
package main
