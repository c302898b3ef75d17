// Package rpc asks a Stellar RPC server: for the entries of its ledger, for what
// a call would do, and for whatever else its protocol knows. It says what a
// failure means to an operator, and keeps the keys in the server's URL out of
// every error.
//
// The package must not know about the journal or the tenants' contracts.
package rpc
