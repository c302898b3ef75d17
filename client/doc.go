// Package client calls the tenant provisioning API.
//
// The methods and types in api.gen.go are made of the API's document by make
// client. What is written by hand makes them bearable: requests are repeated
// where that is safe (retry.go), which a key of their own makes them
// (idempotency.go); Wait follows an operation to its end; Tenants and Operations
// read all pages; Events and OperationEvents read the streams of events.
//
// An answer that is an error is a *Problem, for errors.As and IsCode. A value
// that a newer server sends, such as a State that this package does not know, is
// no error.
//
// It imports nothing of the rest of the project, so that another may take it as
// it is.
package client
