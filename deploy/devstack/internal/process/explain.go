package process

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// tailLines of a log are enough to see why a server gave up.
const tailLines = 20

// explain says how the child ended, with the last lines that it logged in this
// run and what to do where the reason is a known one.
func (p *Process) explain(c *child) error {
	lines := tail(p.spec.LogFile, c.logStart)
	msg := fmt.Sprintf("%s ended: %s", p.spec.Name, c.how())
	if lines != "" {
		msg += fmt.Sprintf("\nthe last lines of %s:\n%s", p.spec.LogFile, lines)
	}
	if advice := Advise(lines); advice != "" {
		msg += "\n" + advice
	}
	return errors.New(msg)
}

// how the child ended, in a few words.
func (c *child) how() string {
	if c.err == nil {
		return "exit status 0"
	}
	return c.err.Error() // "exit status 1", "signal: killed"
}

// tail returns the last lines that were written to the log from offset on,
// indented.
func tail(path string, offset int64) string {
	const enough = 64 << 10
	raw, err := output(path, offset, enough)
	if err != nil {
		return fmt.Sprintf("    (%v)", err)
	}
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return ""
	}
	lines := strings.Split(string(raw), "\n")
	lines = lines[max(0, len(lines)-tailLines):]
	return "    " + strings.Join(lines, "\n    ")
}

// output is what was written to the log from offset on, or the last of it where
// that is more than so many bytes.
func output(path string, offset, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read its output: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read its output: %w", err)
	}
	raw, err := io.ReadAll(io.NewSectionReader(f, max(offset, info.Size()-most), most))
	if err != nil {
		return nil, fmt.Errorf("read its output: %w", err)
	}
	return raw, nil
}

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
