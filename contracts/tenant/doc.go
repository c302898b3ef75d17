// Package tenantcontract is the Soroban contract of a tenant as the Go program
// sees it: the compiled code, the names of its functions, and its values.
//
// The source is src/, in Rust; build.sh makes tenant.wasm from it, and
// build.sh --check compares. contract_test.go holds the names against the
// interface that the compiled contract carries.
//
// Contracts of earlier code live on, with the code that they were made of, until
// somebody upgrades them. So before code changes that was shipped, copy
// tenant.wasm to testdata, under its version; add its hash to earlier; raise the
// version in src/lib.rs, Cargo.toml and here. What an earlier version has stored
// must stay readable: internal/devnet upgrades contracts of each.
//
// It imports nothing but the standard library: encoding calls is the caller's.
package tenantcontract
