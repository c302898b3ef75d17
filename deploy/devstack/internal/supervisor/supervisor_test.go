package supervisor_test

import (
	"context"
	"errors"
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

	"tenant-provisioning/deploy/devstack/internal/supervisor"
	"tenant-provisioning/internal/child"
)

// limit bounds what a test waits for on a busy machine.
const limit = 2 * time.Minute

func shell(t *testing.T, script string) supervisor.Server {
	t.Helper()
	dir := t.TempDir()
	return supervisor.Server{
		Spec:    child.Spec{Name: "sh", Path: "/bin/sh", Args: []string{"-c", script}, Dir: dir, LogFile: filepath.Join(dir, "sh.log")},
		PIDFile: filepath.Join(dir, "pids", "sh"),
	}
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func TestADyingServerSaysWhy(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"before it is ready": `echo no space; echo "cannot write: No space left on device" >&2; exit 4`,
		"later":              `touch ready; until [ -e die ]; do sleep 0.05; done; echo "cannot write: No space left on device" >&2; exit 4`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := shell(t, script)
			server.Answers = func(context.Context) error { _, err := os.Stat(filepath.Join(server.Dir, "ready")); return err }
			s, err := supervisor.Start(t.Context(), server, quiet())
			if err == nil {
				require.NoError(t, os.WriteFile(filepath.Join(server.Dir, "die"), nil, 0o600))
				select {
				case err = <-s.Ended():
				case <-time.After(limit):
					require.Fail(t, "its end is not reported")
				}
				require.NoError(t, s.Stop(t.Context()), "it has stopped")
			}
			require.ErrorContains(t, err, "sh ended: exit status 4")
			require.ErrorContains(t, err, "    cannot write: No space left on device")
			require.ErrorContains(t, err, "The disk is full: free some space")
			require.NoFileExists(t, server.PIDFile)
		})
	}
}

func TestAServerIsStartedAgainUntilItIsStopped(t *testing.T) {
	t.Parallel()
	server := shell(t, `echo started; exec sleep 1000`)
	server.Restart = true
	s, err := supervisor.Start(t.Context(), server, quiet())
	require.NoError(t, err)
	starts := func() int {
		raw, err := os.ReadFile(server.LogFile)
		require.NoError(t, err)
		return strings.Count(string(raw), "started")
	}
	for n := range 3 {
		require.Eventually(t, func() bool { return starts() == n+1 }, limit, 10*time.Millisecond) // it has a pid before it has written
		old := readPID(t, server.PIDFile)
		require.NoError(t, syscall.Kill(old, syscall.SIGKILL))
		require.Eventually(t, func() bool { return readPID(t, server.PIDFile) != old }, limit, 10*time.Millisecond)
	}
	require.Eventually(t, func() bool { return starts() == 4 }, limit, 10*time.Millisecond)
	last := readPID(t, server.PIDFile)
	require.NoError(t, s.Stop(t.Context()))
	require.ErrorIs(t, syscall.Kill(last, 0), syscall.ESRCH)
	require.NoFileExists(t, server.PIDFile)
	require.Equal(t, 4, starts())
	require.Empty(t, s.Ended())
}

func TestAServerThatIgnoresTheStopIsKilledInAHurry(t *testing.T) {
	t.Parallel()
	server := shell(t, `trap "" TERM; echo ready; while :; do sleep 0.05; done`)
	server.Says, server.Grace = "ready\n", limit
	s, err := supervisor.Start(t.Context(), server, quiet())
	require.NoError(t, err)
	pid := readPID(t, server.PIDFile)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, s.Stop(ctx))
	require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH)
	require.NoError(t, s.Stop(t.Context()), "once more does no harm")
}

func TestAServerThatCannotGetReadyIsStopped(t *testing.T) {
	t.Parallel()
	server := shell(t, `echo still loading; exec sleep 1000`)
	var pid int
	server.Answers = func(context.Context) error {
		require.Eventually(t, func() bool { // however short the limit is beside the start of a shell
			log, err := os.ReadFile(server.LogFile)
			return err == nil && strings.Contains(string(log), "still loading")
		}, limit, 10*time.Millisecond)
		pid = readPID(t, server.PIDFile)
		return errors.New("connection refused")
	}
	server.ReadyLimit = 300 * time.Millisecond
	_, err := supervisor.Start(t.Context(), server, quiet())
	require.ErrorContains(t, err, "sh is not ready after 300ms: connection refused")
	require.ErrorContains(t, err, "still loading")
	require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH)
	require.NoFileExists(t, server.PIDFile)

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(supervisor.Signalled{Signal: syscall.SIGTERM})
	_, err = supervisor.Start(ctx, server, quiet())
	require.ErrorIs(t, err, supervisor.Signalled{Signal: syscall.SIGTERM})
}

// What it said in an earlier run does not count.
func TestAServerServesWhenItHasSaidSo(t *testing.T) {
	t.Parallel()
	server := shell(t, `echo started; until [ -e open ]; do sleep 0.05; done; echo ready; exec sleep 1000`)
	require.NoError(t, os.WriteFile(server.LogFile, []byte("started\nready\n"), 0o600))
	server.Says, server.ReadyLimit = "\nready\n", 300*time.Millisecond
	_, err := supervisor.Start(t.Context(), server, quiet())
	require.ErrorContains(t, err, `sh is not ready after 300ms: it has not said "ready"`)

	require.NoError(t, os.WriteFile(filepath.Join(server.Dir, "open"), nil, 0o600))
	server.ReadyLimit = limit
	s, err := supervisor.Start(t.Context(), server, quiet())
	require.NoError(t, err)
	require.NoError(t, s.Stop(t.Context()))
}

func TestACommandIsStopped(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script string
		cause  error
		grace  time.Duration
		hard   bool
		status int
	}{
		"by the user's signal":    {`trap "exit 7" TERM; touch ready; while :; do sleep 0.05; done`, supervisor.Signalled{Signal: syscall.SIGTERM}, limit, false, 7},
		"when a component dies":   {`trap "exit 8" INT; touch ready; while :; do sleep 0.05; done`, errors.New("postgres ended"), limit, false, 8},
		"by force after a while":  {`trap "" TERM; touch ready; while :; do sleep 0.05; done`, supervisor.Signalled{Signal: syscall.SIGTERM}, time.Millisecond, false, 137},
		"by force, in a hurry":    {`trap "" TERM; touch ready; while :; do sleep 0.05; done`, supervisor.Signalled{Signal: syscall.SIGTERM}, limit, true, 137},
		"after it has ended well": {`exit 9`, nil, limit, false, 9},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			command := shell(t, c.script).Spec
			command.Grace = c.grace
			orderly, stop := context.WithCancelCause(t.Context())
			hard, kill := context.WithCancel(t.Context())
			defer stop(nil)
			defer kill()
			type end struct {
				status int
				err    error
			}
			ended := make(chan end, 1)
			go func() {
				status, err := supervisor.Run(orderly, hard, command)
				ended <- end{status, err}
			}()
			if c.cause != nil {
				require.Eventually(t, func() bool { _, err := os.Stat(filepath.Join(command.Dir, "ready")); return err == nil }, limit, 10*time.Millisecond)
				stop(c.cause)
			}
			if c.hard {
				kill()
			}
			select {
			case e := <-ended:
				require.NoError(t, e.err)
				require.Equal(t, c.status, e.status)
			case <-time.After(limit):
				require.Fail(t, "it does not end")
			}
		})
	}
	status, err := supervisor.Run(t.Context(), t.Context(), child.Spec{Path: "/nowhere/program"})
	require.ErrorContains(t, err, "/nowhere/program")
	require.Equal(t, 127, status)
}

func readPID(t *testing.T, path string) int {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	require.NoError(t, err)
	return pid
}
