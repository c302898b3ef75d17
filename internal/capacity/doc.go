// Package capacity has one worker at a time read what adding tenants uses up, so that
// provisioning waits in its rows before any of it ends.
//
// What is read, and what decides, are rows: package postgres has the measures, package
// tenant the bounds. Packages that ask PostgreSQL or the ledger are not imported here.
package capacity
