// Package e2e holds the end-to-end tests: they build the product's binaries,
// run them as processes on the embedded stack, take away what they need, kill
// them, and look at what is left.
//
// The product is driven from outside alone: by HTTP, by the command line, by
// signals to Temporal, by SQL, by Stellar RPC, and by what the mail provider
// has taken. Each test has an installation of its own, that is a database, a
// namespace and queues in Temporal, an account on the ledger, a mail server and
// ports, so that all of them run at the same time.
//
// To stop a step in the middle, it is held from outside: by a trigger in the
// test's database that waits for a lock, by a network proxy, or by a mail
// server that does not answer.
//
// E2E_BIN names a directory with api, worker and starter to test instead of the
// present source; E2E_SEED repeats a random test.
package e2e
