package e2e

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/child"
)

// process is a program that runs, or ran.
type process struct {
	*child.Process
	t      testing.TB
	name   string
	stdout transcript
	stderr transcript
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
	return launchAs(t, child.Spec{Path: program, Args: args}, env)
}

// launchAs is launch for what a program needs besides.
func launchAs(t testing.TB, s child.Spec, env map[string]string) *process {
	t.Helper()
	p := &process{t: t, name: filepath.Base(s.Path)}
	s.Dir, s.StopSignal = t.TempDir(), syscall.SIGKILL
	s.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.Dir}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		s.Env = append(s.Env, name+"="+env[name])
	}
	s.Stdout, s.Stderr = &p.stdout, &p.stderr
	var err error
	p.Process, err = child.Start(s)
	require.NoError(t, err)
	t.Cleanup(func() {
		p.kill()
		if p.name == "api" || p.name == "worker" {
			logs.keep(t, p.name, p.stderr.String())
			logs.mustNotShowSettings(t, env)
		}
		if t.Failed() && (p.wait() != 0 || p.name != "starter") {
			t.Logf("%s %s (pid %d)\n%s%s", p.name, strings.Join(s.Args, " "), p.PID(), tail(p.stdout.String()), tail(p.stderr.String()))
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

// kill ends it as a power cut does.
func (p *process) kill() {
	p.Signal(syscall.SIGKILL)
	<-p.Ended()
}

// wait returns the exit code.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.Ended():
	case <-time.After(patience):
		require.FailNow(p.t, p.name+" does not end")
	}
	code, err := p.Wait()
	require.NoError(p.t, err)
	return code
}

// says waits until the program has written something.
func (p *process) says(what string) {
	p.t.Helper()
	eventually(p.t, p.name+" says "+what, func() bool {
		over := !p.Running()
		said := strings.Contains(p.stdout.String()+p.stderr.String(), what)
		require.False(p.t, over && !said, "%s ended before it said %q", p.name, what)
		return said
	})
}
