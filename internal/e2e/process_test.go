package e2e

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// process is a program that runs, or ran.
type process struct {
	t      testing.TB
	name   string
	cmd    *exec.Cmd
	stdout transcript
	stderr transcript
	ended  chan struct{} // closed when code is set
	code   int           // -1 when a signal has ended it
}

// transcript keeps what a program writes, for a test that reads meanwhile.
type transcript struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *transcript) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *transcript) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// launch starts a program with nothing but env in its environment, in an empty
// directory: no setting of the developer reaches it. It ends with the test, and
// shows what it wrote if the test has failed; commands that succeeded do not.
func launch(t testing.TB, env map[string]string, program string, args ...string) *process {
	t.Helper()
	return launchAs(t, endWithParent(), env, program, args...)
}

// launchAs is launch with attributes of the process.
func launchAs(t testing.TB, attr *syscall.SysProcAttr, env map[string]string, program string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: program[strings.LastIndex(program, "/")+1:], ended: make(chan struct{})}
	p.cmd = exec.Command(program, args...)
	p.cmd.Dir = t.TempDir()
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.cmd.Dir}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		p.cmd.Env = append(p.cmd.Env, name+"="+env[name])
	}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	p.cmd.SysProcAttr = attr
	require.NoError(t, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait() // the code says it again
		p.code = p.cmd.ProcessState.ExitCode()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() && (p.code != 0 || p.name != "starter") {
			t.Logf("%s %s (pid %d)\n%s%s", p.name, strings.Join(args, " "), p.cmd.Process.Pid, tail(p.stdout.String()), tail(p.stderr.String()))
		}
	})
	return p
}

// tail keeps a log readable.
func tail(s string) string {
	const most = 24 << 10
	if len(s) <= most {
		return s
	}
	return "…" + s[len(s)-most:]
}

func (p *process) signal(sig syscall.Signal) {
	_ = p.cmd.Process.Signal(sig) // it fails only when the program has ended
}

// kill ends it as a power cut does.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// wait returns the exit code.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		require.FailNow(p.t, p.name+" does not end")
	}
	return p.code
}

// running tells whether the program has not ended.
func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// says waits until the program has written something.
func (p *process) says(what string) {
	p.t.Helper()
	eventually(p.t, p.name+" says "+what, func() bool {
		over := !p.running()
		said := strings.Contains(p.stdout.String()+p.stderr.String(), what)
		require.False(p.t, over && !said, "%s ended before it said %q", p.name, what)
		return said
	})
}
