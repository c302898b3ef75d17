// Package tenantcontract is the Soroban contract of a tenant as the Go program
// sees it: the compiled code, the names of its functions, and its values.
//
// The source is src/, in Rust; build.sh makes tenant.wasm from it, and
// build.sh --check compares. contract_test.go holds the names against the
// interface that the compiled contract carries.
//
// It imports nothing but the standard library: encoding calls is the caller's.
package tenantcontract
