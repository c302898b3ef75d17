// Package sorohost runs the real Soroban host (the crates soroban-env-host and
// soroban-simulation), compiled once to WebAssembly, inside the Go process.
// Contracts, metering, authorisation and fees are judged by it; the ledger it
// reads is the caller's.
//
// The Rust sources are in src/; build.sh makes sorohost.wasm from them, and
// build.sh --check compares. No Rust is needed at run time.
//
// It knows nothing of transactions, queues or RPC, and imports no Stellar code:
// XDR goes in and out as bytes.
package sorohost
