package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	ephemeralPrefix = "devstack-ephemeral-"
	// abandonedAfter is the age at which a temporary directory that nobody has
	// locked is one that a killed stack left, not one that is about to start.
	abandonedAfter = 2 * time.Minute
)

// newEphemeralDir makes a temporary directory, and removes those of stacks that
// were killed before they could do it.
func newEphemeralDir() (string, error) {
	left, err := filepath.Glob(filepath.Join(os.TempDir(), ephemeralPrefix+"*"))
	if err != nil {
		return "", fmt.Errorf("look for abandoned directories: %w", err)
	}
	for _, dir := range left {
		if abandoned(dir) {
			// Whatever cannot be removed is tried again by the next stack.
			_ = os.RemoveAll(dir)
		}
	}
	dir, err := os.MkdirTemp("", ephemeralPrefix)
	if err != nil {
		return "", fmt.Errorf("make a temporary data directory: %w", err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // PostgreSQL may run as another user
		return "", errors.Join(fmt.Errorf("open the temporary data directory: %w", err), os.RemoveAll(dir))
	}
	return dir, nil
}

func abandoned(dir string) bool {
	info, err := os.Stat(dir)
	if err != nil || time.Since(info.ModTime()) < abandonedAfter {
		return false
	}
	for _, name := range []string{lockFile, aliveFile} {
		f, err := os.Open(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return false
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		_ = f.Close() // a read-only descriptor: nothing can be lost
		if err != nil {
			return false
		}
	}
	return true
}
