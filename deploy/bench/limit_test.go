package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAProgramIsInItsGroupFromTheStart: Go looks for its limit only once.
func TestAProgramIsInItsGroupFromTheStart(t *testing.T) {
	t.Parallel()
	const mount = "/sys/fs/cgroup"
	l := newLimiter(mount)
	if strings.HasPrefix(l.by, "taskset") {
		t.Skip(l.by)
	}
	before, remove, err := l.limit("test", 0.5)
	require.NoError(t, err)
	t.Cleanup(remove) // also when it fails
	out, err := exec.CommandContext(t.Context(), before[0], append(before[1:], "cat", "/proc/self/cgroup")...).Output()
	require.NoError(t, err)
	require.Contains(t, string(out), fmt.Sprintf("/tenant-provisioning-bench.%d.test\n", os.Getpid()))
	dir := filepath.Dir(before[len(before)-1])
	for file, want := range map[string]string{"cpu.max": "50000 100000\n", "cpu.cfs_quota_us": "50000\n"} {
		if quota, err := os.ReadFile(filepath.Join(dir, file)); err == nil {
			require.Equal(t, want, string(quota))
		}
	}
	remove()
	require.NoDirExists(t, dir)
}

// TestWithoutControlGroups: a mount without them is left as it was, and what takes their
// place is said.
func TestWithoutControlGroups(t *testing.T) {
	t.Parallel()
	mount := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(mount, "cpu"), 0o755))
	l := newLimiter(mount)
	require.Contains(t, l.by, "taskset and GOMAXPROCS")
	left, err := filepath.Glob(filepath.Join(mount, "*", "*"))
	require.NoError(t, err)
	require.Empty(t, left)
	before, _, err := l.limit("api", 1)
	require.NoError(t, err)
	require.Equal(t, "taskset --cpu-list 0-0 env GOMAXPROCS=1", strings.Join(before, " "))
	for _, cores := range []float64{0.5, 1.5, float64(runtime.NumCPU() + 1)} {
		_, _, err := l.limit("api", cores)
		require.Error(t, err, "%v", cores)
	}
}
