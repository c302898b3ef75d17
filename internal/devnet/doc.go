// Package devnet is a Stellar network in one process, for tests and the
// embedded stack: a ledger that closes at a chosen interval, a transaction
// queue, the JSON-RPC interface of Stellar RPC, and a friendbot. Contracts run
// on the real Soroban host (package sorohost); signatures, sequence numbers,
// fees, limits and archival follow stellar-core with the settings of testnet.
//
// It is not a validator: there is no consensus, no peer and no history archive,
// and of the classic operations only those on native accounts are executed. See
// README.md for what differs from the network.
//
// It must not know about tenants, and only tests and the embedded stack may
// import it.
package devnet
