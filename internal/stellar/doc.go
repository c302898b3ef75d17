// Package stellar deploys each tenant's contract on the Stellar network, reads
// it, and ends it.
//
// The ledger can be neither locked nor undone, so three things make a step here
// safe to kill and repeat at any point:
//
//   - the contract's address follows from the tenant's id and generation, so it
//     is known before anything is sent;
//   - each transaction is in the [Journal] before it is sent, through the
//     operation's fence, and the journal takes one at a time per purpose;
//   - after any doubt the network is asked for the transaction by its hash, and
//     until it is known to be in no ledger, and past the time at which it could
//     get into one, nothing but the same bytes is sent.
//
// Channel accounts lend their sequence numbers, so that many deployments fit
// into one ledger. The deployer authorises as source of the operation, and a
// fee-bump lets it pay.
//
// The package must not know about workflows or SQL; the journal is an interface
// that it declares.
package stellar
