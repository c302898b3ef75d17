// Package liveness knows whether anybody does the work. A worker's Beat writes
// into its row that it lives and what it waits for; the Watch of an api, which
// needs no worker, reads the rows, opens an outage when no worker takes work and
// closes it when one does again.
//
// All ages are the database's: two machines' clocks are never compared. It may
// import internal/tenant; the database is behind the interfaces that it
// declares.
package liveness
