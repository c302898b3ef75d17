package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asProgram makes the test binary be devstack: a second binary of this size
// would take as long to link as the tests take to run.
const asProgram = "DEVSTACK_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

// startLimit bounds a start on a machine that is busy with other tests.
const startLimit = 3 * time.Minute

// program is a run of devstack.
type program struct {
	cmd            *exec.Cmd
	stdout, stderr output
	ended          chan struct{} // closed after status is set
	status         int
}

// output collects what a program writes while a test reads it.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// start runs devstack with variables NAME=value and arguments.
func start(t *testing.T, vars []string, args ...string) *program {
	t.Helper()
	p := &program{cmd: exec.Command(os.Args[0], args...), ended: make(chan struct{})}
	// The later of two values counts: what the developer set does not.
	p.cmd.Env = append(append(os.Environ(), asProgram+"=1", "DEVSTACK_ISOLATE=", "LEDGER_INTERVAL=100ms"), vars...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	// What devstack leaves behind must not hold up the end of the test.
	p.cmd.WaitDelay = 10 * time.Second
	require.NoError(t, p.cmd.Start())
	go func() {
		// Wait's error is the exit status again.
		_ = p.cmd.Wait()
		p.status = p.cmd.ProcessState.ExitCode()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.signal(syscall.SIGTERM)
		p.wait(t)
		if t.Failed() {
			t.Logf("devstack %s\n%s%s", strings.Join(args, " "), p.stdout.String(), p.stderr.String())
		}
	})
	return p
}

func (p *program) signal(sig syscall.Signal) {
	// It fails only when the program has ended.
	_ = p.cmd.Process.Signal(sig)
}

// wait returns the exit status.
func (p *program) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(startLimit):
		_ = p.cmd.Process.Kill()
		require.Fail(t, "devstack does not end", "%s%s", p.stdout.String(), p.stderr.String())
	}
	return p.status
}

// ready waits until the output says so.
func (p *program) ready(t *testing.T, mark string) {
	t.Helper()
	eventually(t, func() bool {
		select {
		case <-p.ended:
			require.Fail(t, "devstack ended before it was ready", p.stderr.String())
		default:
		}
		return strings.Contains(p.stdout.String(), mark)
	}, "devstack says %q", mark)
}

func eventually(t *testing.T, condition func() bool, what string, args ...any) {
	t.Helper()
	require.Eventuallyf(t, condition, startLimit, 20*time.Millisecond, what, args...)
}

// environmentOf has a shell read an environment file, as people do.
func environmentOf(t *testing.T, file string) map[string]string {
	t.Helper()
	cmd := exec.Command("sh", "-c", `set -a; . "$1"; env`, "sh", file)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	out, err := cmd.Output()
	require.NoError(t, err)
	vars := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		vars[name] = value
	}
	return vars
}

// pidOf reads the pid file of a component.
func pidOf(t *testing.T, dir, name string) int {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "pids", name))
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	require.NoError(t, err)
	return pid
}

// unlocked tells whether no process of a stack in dir is left: all of them hold
// this lock.
func unlocked(t *testing.T, dir string) bool {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "alive"))
	require.NoError(t, err)
	defer f.Close()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

func withTimeout(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	t.Cleanup(cancel)
	return ctx
}
