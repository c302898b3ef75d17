// Package role holds the components of the stack that this program itself can
// be: Temporal, the local Stellar network, the mail catcher and a small Redis.
//
// A role runs inside the supervisor, or as a child process that is a copy of
// this program (devstack temporal --port ...); its flags are the same in both.
// Secrets never stand on a command line: a child reads them from the variables
// that the product uses too (DB_PASSWORD, MAIL_PASSWORD).
package role
