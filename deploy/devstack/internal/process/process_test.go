package process_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/deploy/devstack/internal/process"
)

// limit bounds what a test waits for on a busy machine.
const limit = 2 * time.Minute

func shell(t *testing.T, script string) process.Spec {
	t.Helper()
	dir := t.TempDir()
	return process.Spec{
		Name: "sh", Path: "/bin/sh", Args: []string{"-c", script}, Dir: dir,
		LogFile: filepath.Join(dir, "sh.log"), PIDFile: filepath.Join(dir, "pids", "sh"),
	}
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func TestADyingChildSaysWhy(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"before it is ready": `echo no space; echo "cannot write: No space left on device" >&2; exit 4`,
		"later":              `touch ready; until [ -e die ]; do sleep 0.05; done; echo "cannot write: No space left on device" >&2; exit 4`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := shell(t, script)
			spec.Ready = func(context.Context) error { _, err := os.Stat(filepath.Join(spec.Dir, "ready")); return err }
			p, err := process.Start(t.Context(), spec, quiet())
			if err == nil {
				require.NoError(t, os.WriteFile(filepath.Join(spec.Dir, "die"), nil, 0o600))
				select {
				case err = <-p.Ended():
				case <-time.After(limit):
					require.Fail(t, "its end is not reported")
				}
			}
			require.ErrorContains(t, err, "sh ended: exit status 4")
			require.ErrorContains(t, err, "    cannot write: No space left on device")
			require.ErrorContains(t, err, "The disk is full: free some space")
			require.NoFileExists(t, spec.PIDFile)
		})
	}
}

func TestAChildThatIgnoresTheStopIsKilled(t *testing.T) {
	t.Parallel()
	spec := shell(t, `trap "" TERM; touch ready; while :; do sleep 0.05; done`)
	spec.Ready = func(context.Context) error { _, err := os.Stat(filepath.Join(spec.Dir, "ready")); return err }
	spec.StopLimit = 100 * time.Millisecond
	p, err := process.Start(t.Context(), spec, quiet())
	require.NoError(t, err)
	pid := readPID(t, spec.PIDFile)
	require.NoError(t, p.Stop(t.Context()))
	require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH)
	require.NoError(t, p.Stop(t.Context()), "once more does no harm")
}

func TestAChildIsStartedAgainUntilItIsStopped(t *testing.T) {
	t.Parallel()
	spec := shell(t, `echo started; exec sleep 1000`)
	spec.Restart = true
	p, err := process.Start(t.Context(), spec, quiet())
	require.NoError(t, err)
	starts := func() int {
		raw, err := os.ReadFile(spec.LogFile)
		require.NoError(t, err)
		return strings.Count(string(raw), "started")
	}
	for n := range 3 {
		require.Eventually(t, func() bool { return starts() == n+1 }, limit, 10*time.Millisecond) // it has a pid before it has written
		old := readPID(t, spec.PIDFile)
		require.NoError(t, syscall.Kill(old, syscall.SIGKILL))
		require.Eventually(t, func() bool { return readPID(t, spec.PIDFile) != old }, limit, 10*time.Millisecond)
	}
	require.Eventually(t, func() bool { return starts() == 4 }, limit, 10*time.Millisecond)
	last := readPID(t, spec.PIDFile)
	require.NoError(t, p.Stop(t.Context()))
	require.ErrorIs(t, syscall.Kill(last, 0), syscall.ESRCH)
	require.Equal(t, 4, starts())
	require.Empty(t, p.Ended())
}

func TestAChildThatCannotGetReadyIsStopped(t *testing.T) {
	t.Parallel()
	spec := shell(t, `echo still loading; exec sleep 1000`)
	spec.Ready = func(context.Context) error {
		require.Eventually(t, func() bool { // however short the limit is beside the start of a shell
			log, err := os.ReadFile(spec.LogFile)
			return err == nil && strings.Contains(string(log), "still loading")
		}, limit, 10*time.Millisecond)
		return errors.New("connection refused")
	}
	spec.ReadyLimit = 300 * time.Millisecond
	_, err := process.Start(t.Context(), spec, quiet())
	require.ErrorContains(t, err, "sh is not ready after 300ms: connection refused")
	require.ErrorContains(t, err, "still loading")

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(process.Signalled{Signal: syscall.SIGTERM})
	_, err = process.Start(ctx, spec, quiet())
	require.ErrorIs(t, err, process.Signalled{Signal: syscall.SIGTERM})
}

// What it said in an earlier run does not count.
func TestAChildServesWhenItHasSaidSo(t *testing.T) {
	t.Parallel()
	spec := shell(t, `echo started; until [ -e open ]; do sleep 0.05; done; echo ready; exec sleep 1000`)
	require.NoError(t, os.WriteFile(spec.LogFile, []byte("started\nready\n"), 0o600))
	spec.Says, spec.ReadyLimit = "\nready\n", 300*time.Millisecond
	_, err := process.Start(t.Context(), spec, quiet())
	require.ErrorContains(t, err, `sh is not ready after 300ms: it has not said "ready"`)

	require.NoError(t, os.WriteFile(filepath.Join(spec.Dir, "open"), nil, 0o600))
	spec.ReadyLimit = limit
	p, err := process.Start(t.Context(), spec, quiet())
	require.NoError(t, err)
	require.NoError(t, p.Stop(t.Context()))
}

func TestACommandsLeftOversAreEnded(t *testing.T) {
	t.Parallel()
	pids := filepath.Join(t.TempDir(), "pid")
	status, err := process.Command{
		Argv: []string{"sh", "-c", fmt.Sprintf("sleep 1000 & echo $! > %s; exit 9", pids)}, Limit: limit,
	}.Run(t.Context(), t.Context())
	require.NoError(t, err)
	require.Equal(t, 9, status)
	left := readPID(t, pids)
	require.Eventually(t, func() bool { return gone(left) }, limit, 10*time.Millisecond)

	status, err = process.Command{Argv: []string{"/nowhere/program"}}.Run(t.Context(), t.Context())
	require.ErrorContains(t, err, "/nowhere/program")
	require.Equal(t, 127, status)
}

// gone tells whether a process has ended, be it that nobody has waited for it.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func readPID(t *testing.T, path string) int {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	require.NoError(t, err)
	return pid
}
