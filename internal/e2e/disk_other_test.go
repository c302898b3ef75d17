//go:build !linux

package e2e

import (
	"errors"
	"testing"
)

// launchOnDisk: only Linux lets a test mount a file system.
func launchOnDisk(t testing.TB, _ string, _ diskSize) launcher {
	t.Helper()
	t.Skip("needs Linux, to mount a small file system")
	return nil
}

func execOnDisk(string, []string) error { return errors.ErrUnsupported }
