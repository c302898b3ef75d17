//go:build unix && !linux

package pgserver

import "os"

// WhoRuns finds out whom PostgreSQL can run as: an ordinary user runs it as
// itself, root as nobody.
func WhoRuns() Identity {
	if os.Geteuid() != 0 {
		return Identity{Name: "the calling user", owner: os.Geteuid()}
	}
	return asNobody()
}
