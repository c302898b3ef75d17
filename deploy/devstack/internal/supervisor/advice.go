package supervisor

import (
	"fmt"
	"strings"
)

// portTaken is how every server says it, whatever letter it begins with.
const portTaken = "ddress already in use"

// PortTaken reports that a server did not start because somebody listened on its
// port, by the server's own words.
func PortTaken(err error) bool { return err != nil && strings.Contains(err.Error(), portTaken) }

// Advise names what to do about failures that a server's own words leave open;
// nothing for others.
func Advise(log string) string {
	for _, known := range []struct{ symptom, advice string }{
		{"No space left on device", "The disk is full: free some space, or give --data-dir a directory on another disk."},
		{"Disk quota exceeded", "The disk quota is used up: free some space, or give --data-dir a directory on another disk."},
		{portTaken, "Another program took the port meanwhile: start again, a free one will be picked."},
		{"could not map anonymous shared memory", "There is not enough memory for PostgreSQL: end other programs, or raise the container's memory limit."},
		{"has wrong ownership", "The data directory was made by another user: run devstack as that user, or remove the directory to start afresh."},
		{"database files are incompatible with server", "The data directory was made by another version of PostgreSQL: remove it, or install that version."},
	} {
		if strings.Contains(log, known.symptom) {
			return known.advice
		}
	}
	return ""
}

// advised adds what to do to an error that shows a server's log.
func advised(err error) error {
	if advice := Advise(err.Error()); advice != "" {
		return fmt.Errorf("%w\n%s", err, advice)
	}
	return err
}
