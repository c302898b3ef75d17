// Package temporalserver runs a Temporal server and its Web UI inside this
// process: the four services on four consecutive loopback ports, without ringpop
// and without anything that listens elsewhere.
//
// It stores its state as production does, in two PostgreSQL databases, or, for a
// private server that a test may kill, in an SQLite file or in memory.
package temporalserver
