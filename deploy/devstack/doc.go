// Command devstack runs everything that the product needs, on one machine and
// without Docker: PostgreSQL, Redis, a Temporal server with its Web UI, a local
// Stellar network, and a mail catcher that stands in for SendGrid.
//
//	devstack up [flags] [COMMAND [ARG...]]
//
// starts the stack, makes it ready (database migrated, namespace and search
// attributes registered, deployer funded, contract uploaded), and runs COMMAND
// with the addresses and secrets in its environment; then it stops the stack and
// returns COMMAND's exit status. Without COMMAND it stays up until Ctrl-C. While
// the stack is ready, the file .devstack/env holds the same variables:
//
//	set -a; . .devstack/env; set +a
//
// The first Ctrl-C (or SIGTERM) goes to COMMAND, and then ends the stack in
// order; a second one ends all at once.
//
// LEDGER_INTERVAL is the time between ledgers (default 1s). With LEDGER_CONTROL=1
// tests command the Stellar network at STELLAR_CONTROL_URL, see docs/stellar.md.
//
// With DEVSTACK_ISOLATE=1 every component is a child process, whose pid is in
// .devstack/pids/<postgres|redis|temporal|stellar|mail>, and which is started
// again, on the same port and data, when it is killed. Without it Temporal, the
// Stellar network and the mail catcher run inside devstack, and a component that
// dies ends the stack.
//
// # Components of one's own
//
// A test that kills a component must not do that to a stack that others use.
// It starts one by itself:
//
//	devstack temporal --store memory
//	devstack temporal --store sqlite --sqlite-file FILE
//	DB_PASSWORD=... devstack temporal --store postgres --db-port PORT --database chaos_1
//	devstack stellar  [--data-dir DIR] [--interval 100ms] [--control]
//	MAIL_PASSWORD=KEY devstack mail [--data-file FILE]
//	devstack redis
//
// Each picks free ports unless --port says otherwise, makes what it needs
// (store postgres makes the databases NAME and NAME_visibility; drop them
// afterwards), and writes lines NAME=value with its addresses to standard
// output, then the line "ready". It stops on SIGTERM or SIGINT. After kill -9,
// start it again with the same store and --port as before: clients find it where
// it was, and workflows of the stores sqlite and postgres go on. --namespace
// makes a namespace without waiting for the server's caches. In the environment
// of a stack, DEVSTACK_BIN names this program and DB_PASSWORD is set.
package main
