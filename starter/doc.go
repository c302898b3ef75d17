// Starter is the operator's command line: it provisions tenants, shows where
// they are, and acts on operations that need a person. It uses the same
// package as the API (internal/operations), so both read, act and audit alike;
// it needs the same settings and no running api.
//
// A file per subcommand; wire.go connects them with what they act on. On
// standard output there is the answer and nothing else; messages and progress
// go to standard error.
package main
