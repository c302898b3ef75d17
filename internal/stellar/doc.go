// Package stellar deploys each tenant's contract on the Stellar network, reads
// it, and changes its status.
//
// The contract's address follows from the tenant's id and generation, so it is
// known before anything is sent. What is sent goes through package submit, which
// brings each transaction to its fate; here it is decided which one is needed,
// by what the journal and the ledger say. So a step may be killed and repeated
// at any point.
//
// The package must not know about workflows or SQL.
package stellar
