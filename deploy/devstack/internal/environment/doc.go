// Package environment carries the addresses and secrets of a stack to the
// programs that run on it: as their environment, and as a file that a shell can
// source.
package environment
