// Package standby keeps a stock of tenants that are made ahead, so that whoever asks for
// one need not wait for a schema and a ledger. It begins and purges standbys; making one
// is an operation like any other.
//
// It knows neither rows nor the ledger: both are behind the interfaces that it declares.
package standby
