// Package submit brings one transaction to its fate on the Stellar network.
//
// A ledger can be neither locked nor undone, so two things make a transaction
// safe to be killed and repeated at any point:
//
//   - it is in the [Journal] before it is sent, through the operation's fence,
//     and the journal takes one at a time per purpose;
//   - after any doubt the network is asked for it by its hash, and until it is
//     known to be in no ledger, and past the time at which it could get into
//     one, nothing but the same bytes is sent.
//
// Channel accounts lend their sequence numbers, so that many transactions fit
// into one ledger. The deployer authorises as source of the operations, and a
// fee-bump lets the fee payer pay.
//
// The package must not know what a transaction does, nor about SQL; the journal
// is an interface that it declares.
package submit
