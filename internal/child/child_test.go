package child_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/child"
)

// limit bounds what a test waits for on a busy machine.
const limit = 2 * time.Minute

// parentOf makes the test's binary a process with a child, which runs a script,
// for tests that kill it.
const parentOf = "TEST_PARENT_OF"

func TestMain(m *testing.M) {
	script := os.Getenv(parentOf)
	if script == "" {
		os.Exit(m.Run())
	}
	p, err := child.Start(child.Spec{
		Path: "/bin/sh", Args: []string{"-c", script}, Family: os.Getenv("FAMILY") != "", Stdout: os.Stdout, Stderr: os.Stderr,
	})
	if err == nil {
		_, err = p.Wait()
	}
	fmt.Fprintln(os.Stderr, "the child has ended:", err)
	os.Exit(1)
}

// shell runs a script in a directory of the test's.
func shell(t *testing.T, script string) child.Spec {
	t.Helper()
	dir := t.TempDir()
	return child.Spec{Path: "/bin/sh", Args: []string{"-c", script}, Dir: dir, LogFile: filepath.Join(dir, "logs", "sh.log")}
}

// start starts a program that ends with the test, and waits until it has said
// that it is ready.
func start(t *testing.T, s child.Spec) *child.Process {
	t.Helper()
	p, err := child.Start(s)
	require.NoError(t, err)
	t.Cleanup(func() {
		p.Signal(syscall.SIGKILL)
		<-p.Ended()
	})
	require.NoError(t, p.Ready(t.Context(), limit, p.Says("ready\n")))
	return p
}

func TestAProgramThatIsMissing(t *testing.T) {
	t.Parallel()
	for _, family := range []bool{false, true} {
		_, err := child.Start(child.Spec{Path: "/nowhere/program", Family: family})
		require.ErrorIs(t, err, os.ErrNotExist)
		require.ErrorContains(t, err, "/nowhere/program")
	}
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := child.Start(child.Spec{Path: "/bin/sh", LogFile: filepath.Join(file, "log")})
	require.ErrorContains(t, err, "logs")
}

func TestADyingProgramSaysWhy(t *testing.T) {
	t.Parallel()
	s := shell(t, `echo "no space"; echo "cannot write" >&2; exit 4`)
	s.Name = "store"
	for range 2 { // and what it said in an earlier run does not count
		p, err := child.Start(s)
		require.NoError(t, err)
		err = p.Ready(t.Context(), limit, func(context.Context) error { return errors.New("connection refused") })
		require.EqualError(t, err, "store ended: exit status 4. Its log is "+s.LogFile+"; the last lines:\n    no space\n    cannot write")
		require.Equal(t, err, p.Err())
		status, err := p.Wait()
		require.NoError(t, err)
		require.Equal(t, 4, status)
	}
	log, err := os.ReadFile(s.LogFile)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("no space\ncannot write\n", 2), string(log), "nothing is lost")
}

func TestAProgramThatASignalEnds(t *testing.T) {
	t.Parallel()
	p := start(t, shell(t, `echo ready; exec sleep 1000`))
	require.NoError(t, p.Err())
	require.Empty(t, p.How())
	p.Signal(syscall.SIGKILL)
	status, err := p.Wait()
	require.NoError(t, err)
	require.Equal(t, 128+9, status)
	require.ErrorContains(t, p.Err(), "sh ended: signal: killed")
	p.Signal(syscall.SIGKILL)
	require.True(t, p.Stop(t.Context()), "once more does no harm")
}

func TestOutputIsWritten(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	p, err := child.Start(child.Spec{
		Path: "/bin/sh", Args: []string{"-c", `cat; echo "$X" >&2`}, Env: []string{"X=wrong"}, Stdin: strings.NewReader("said"), Stdout: &out, Stderr: &errs,
	})
	require.NoError(t, err)
	status, err := p.Wait()
	require.NoError(t, err)
	require.Zero(t, status)
	require.Equal(t, "said", out.String())
	require.Equal(t, "wrong\n", errs.String())
	require.EqualError(t, p.Err(), "sh ended: exit status 0")

	p, err = child.Start(child.Spec{Path: "/bin/sh", Args: []string{"-c", "echo said"}, Stdout: full{}})
	require.NoError(t, err)
	_, err = p.Wait()
	require.ErrorContains(t, err, "read the output of sh: no room")
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no room") }

func TestStop(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		script  string
		spec    child.Spec
		ctx     context.Context
		orderly bool
		how     string
	}{
		"in order":                    {`trap "exit 3" TERM; echo ready; while :; do sleep 0.05; done`, child.Spec{Grace: limit}, t.Context(), true, "exit status 3"},
		"by a signal of its own":      {`trap "exit 3" INT; echo ready; while :; do sleep 0.05; done`, child.Spec{Grace: limit, StopSignal: syscall.SIGINT}, t.Context(), true, "exit status 3"},
		"ignored":                     {`trap "" TERM; echo ready; while :; do sleep 0.05; done`, child.Spec{Grace: time.Millisecond}, t.Context(), false, "signal: killed"},
		"ignored, and in a hurry":     {`trap "" TERM; echo ready; while :; do sleep 0.05; done`, child.Spec{Grace: limit}, ended, false, "signal: killed"},
		"ignored, by another signal":  {`trap "" TERM; trap "exit 3" USR1; echo ready; while :; do sleep 0.05; done`, child.Spec{Grace: time.Millisecond, KillSignal: syscall.SIGUSR1}, t.Context(), false, "exit status 3"},
		"ignored, by a family":        {`trap "" TERM; echo ready; while :; do sleep 0.05; done`, child.Spec{Grace: time.Millisecond, Family: true}, t.Context(), false, "signal: killed"},
		"in order, by a family of it": {`echo ready; sleep 1000`, child.Spec{Grace: limit, Family: true}, t.Context(), true, "signal: terminated"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := shell(t, c.script)
			s.Grace, s.StopSignal, s.KillSignal, s.Family = c.spec.Grace, c.spec.StopSignal, c.spec.KillSignal, c.spec.Family
			p := start(t, s)
			require.Equal(t, c.orderly, p.Stop(c.ctx))
			require.Equal(t, c.how, p.How())
			require.ErrorIs(t, syscall.Kill(p.PID(), 0), syscall.ESRCH)
		})
	}
}

func TestAProgramThatDoesNotGetReady(t *testing.T) {
	t.Parallel()
	p := start(t, shell(t, `echo ready; exec sleep 1000`))
	err := p.Ready(t.Context(), 10*time.Millisecond, p.Says("more\n"))
	require.EqualError(t, err, "sh is not ready after 10ms: it has not said \"more\"\n    ready")
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("the user has changed their mind")
	cancel(cause)
	require.ErrorIs(t, p.Ready(ctx, limit, p.Says("more\n")), cause)
	require.True(t, p.Running(), "it is the caller's to stop")
}

// TestAFamilyEndsWithItsHead, also those who ignore what asks them to.
func TestAFamilyEndsWithItsHead(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"when it stops":          `sleep 1000 & echo $! > child; echo ready; wait`,
		"when it is done":        `sleep 1000 & echo $! > child; echo ready; until [ -e done ]; do sleep 0.05; done`,
		"though it ignores TERM": `(trap "" TERM; exec sleep 1000) & echo $! > child; echo ready; until [ -e done ]; do sleep 0.05; done`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := shell(t, script)
			s.Family, s.Grace = true, limit
			p := start(t, s)
			left := readPID(t, filepath.Join(s.Dir, "child"))
			if strings.HasPrefix(name, "when it stops") {
				require.True(t, p.Stop(t.Context()))
			} else {
				require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "done"), nil, 0o600))
				status, err := p.Wait()
				require.NoError(t, err)
				require.Zero(t, status)
			}
			require.Eventually(t, func() bool { return gone(left) }, limit, 10*time.Millisecond)
		})
	}
}

// TestNobodyOutlivesTheParent, which is killed.
func TestNobodyOutlivesTheParent(t *testing.T) {
	t.Parallel()
	for name, family := range map[string]string{"a program": "", "a family": "1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			self, err := os.Executable()
			require.NoError(t, err)
			dir := t.TempDir()
			script := `echo $$ > head; exec sleep 1000`
			if family != "" {
				script = `sleep 1000 & echo $! > child; echo $$ > head; wait`
			}
			parent := exec.Command(self)
			parent.Env, parent.Dir = append(os.Environ(), parentOf+"="+script, "FAMILY="+family), dir
			require.NoError(t, parent.Start())
			t.Cleanup(func() { _ = parent.Process.Kill() }) // it fails when the test has done so
			pids := []string{"head", "child"}[:1+len(family)]
			for _, name := range pids {
				require.Eventually(t, func() bool { said, err := os.ReadFile(filepath.Join(dir, name)); return err == nil && len(said) > 0 }, limit, 10*time.Millisecond)
			}
			require.NoError(t, parent.Process.Kill())
			require.Error(t, parent.Wait())
			for _, name := range pids {
				pid := readPID(t, filepath.Join(dir, name))
				require.Eventually(t, func() bool { return gone(pid) }, limit, 10*time.Millisecond, name)
			}
		})
	}
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
