// Command chaos provisions tenants through the REST API while it kills, with
// kill -9 and at moments that a seed chooses, the worker, the api, Temporal,
// PostgreSQL, Redis, the Stellar network and the mail server. Then it waits
// until every operation has ended or is parked, and holds what is there (schemas,
// roles, contracts, mails, transactions) against what the states say. It prints
// a table and fails if anything is left over or is missing.
//
//	make chaos SEED=7 ROUNDS=60 N=3
//
// The seed decides what is killed and how long it waits before each kill; what
// the programs are doing at that moment is up to the machine. It runs on a stack
// of its own that is started with DEVSTACK_ISOLATE=1.
package main
