// Package progress shows how a batch goes on: a bar on a terminal, a line for
// each row elsewhere.
package progress
