package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres/postgrestest"
)

// demoLimit is far more than a demo takes, on a machine that runs all other
// tests at the same time.
const demoLimit = 5 * time.Minute

// bundle is the demo with all of the product, built, on a part of the stack
// that nobody else uses: a database, a namespace, a deployer and two ports.
type bundle struct {
	t       *testing.T
	bin     string
	environ []string
}

func setup(t *testing.T) *bundle {
	t.Helper()
	_, db := postgrestest.NewWithConfig(t)
	for _, name := range []string{"TEMPORAL_ADDRESS", "SOROBAN_RPC_URL", "MAIL_CATCHER_URL", "TEMPORAL_UI_URL", "REDIS_PORT"} {
		require.NotEmpty(t, os.Getenv(name), "%s: run this by make test, which starts the stack", name)
	}
	b := &bundle{t: t, bin: t.TempDir()}
	build := exec.Command("go", "build", "-o", b.bin, "./api", "./worker", "./starter", "./deploy/demo")
	build.Dir = filepath.Join("..", "..")
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)

	own := "demo-" + strings.ToLower(rand.Text()[:8])
	app, metrics := freeAddress(t), freeAddress(t)
	_, appPort, err := net.SplitHostPort(app)
	require.NoError(t, err)
	b.environ = append(os.Environ(),
		"DB_NAME="+db.Database, "TEMPORAL_NAMESPACE="+own, "TEMPORAL_TASK_QUEUE="+own,
		"APP_PORT="+appPort, "APP_URL=http://"+app, "METRICS_ADDR="+metrics,
		"SOROBAN_CONTRACT_DEPLOYER_SECRET="+keypair.MustRandom().Seed(), "SOROBAN_CHANNEL_SECRET="+keypair.MustRandom().Seed(), "SOROBAN_CHANNELS=4",
		"SOROBAN_NETWORK=local", "JWT_SECRET="+strings.Repeat("0123456789abcdef", 4), "TERM=dumb",
	)
	made := b.command("starter", "setup", "--wait", "3m")
	output, err = made.CombinedOutput()
	require.NoError(t, err, "starter setup: %s", output)
	return b
}

// freeAddress is one that nobody listens on now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func (b *bundle) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(b.t.Context(), filepath.Join(b.bin, name), args...)
	cmd.Env, cmd.Dir = b.environ, b.bin
	return cmd
}

// shown is a demo that runs.
type shown struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  *log
	errs *log
}

func (b *bundle) start(exit bool, args ...string) *shown {
	b.t.Helper()
	s := &shown{t: b.t, cmd: b.command("demo", args...), out: &log{}, errs: &log{}}
	if exit {
		s.cmd.Env = append(s.cmd.Env, "DEMO_EXIT=1")
	}
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.errs
	require.NoError(b.t, s.cmd.Start())
	b.t.Cleanup(func() {
		if s.cmd.ProcessState == nil {
			_ = s.cmd.Process.Signal(syscall.SIGTERM)
			_ = s.cmd.Wait()
		}
	})
	return s
}

// end waits for the demo and makes sure that it left nothing running.
func (s *shown) end() int {
	s.t.Helper()
	limit := time.AfterFunc(demoLimit, func() { _ = s.cmd.Process.Kill() })
	defer limit.Stop()
	err := s.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(s.t, err)
	}
	for _, name := range []string{"api", "worker"} {
		if pid, started := s.pid(name); started {
			require.ErrorIs(s.t, syscall.Kill(pid, 0), syscall.ESRCH, "%s is left running", name)
		}
	}
	return s.cmd.ProcessState.ExitCode()
}

func (s *shown) pid(name string) (pid int, started bool) {
	m := regexp.MustCompile(`started ` + name + ` +pid (\d+)`).FindStringSubmatch(s.out.String())
	if m == nil {
		return 0, false
	}
	pid, err := strconv.Atoi(m[1])
	require.NoError(s.t, err)
	return pid, true
}

func (s *shown) until(text string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return strings.Contains(s.out.String(), text) }, demoLimit, 50*time.Millisecond,
		"waiting for %q\n%s", text, s.errs)
}

// log collects output while it is read.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestDemoOnTheStack runs the demo as people do: twice, until Ctrl-C, and with
// a worker that dies. It runs in one go because each part needs what the part
// before left.
func TestDemoOnTheStack(t *testing.T) {
	t.Parallel()
	b := setup(t)

	first := b.start(true)
	require.Zero(t, first.end(), "%s%s", first.out, first.errs)
	for _, what := range []string{checkSchema, checkContract, checkMail, checkInvitation} {
		require.Contains(t, first.out.String(), "✓ 4 of 4: "+what)
	}
	require.Contains(t, first.out.String(), "St. Mary's Hospital: ACTIVE")
	require.NotContains(t, first.out.String(), "Have a look", "nothing is left to look at")
	require.Regexp(t, `聖路加国際病院 +ACTIVE +t_[0-9a-f]{8} +C[A-Z2-7]{55} +\d+\.\d\d`, first.out.String())

	second := b.start(false)
	second.until("stays up until Ctrl-C")
	require.Contains(t, second.out.String(), "Have a look")
	require.Contains(t, second.out.String(), "this is round 2")
	require.Contains(t, second.out.String(), "St. Mary's Hospital (2): ACTIVE")
	require.NoError(t, second.cmd.Process.Signal(syscall.SIGINT))
	require.Zero(t, second.end(), "%s", second.errs)
	require.Regexp(t, `(?s)stopping api.*stopping worker`, second.out.String())

	third := b.start(false)
	third.until("stays up until Ctrl-C")
	worker, _ := third.pid("worker")
	require.NoError(t, syscall.Kill(worker, syscall.SIGKILL))
	require.Equal(t, 1, third.end())
	require.Contains(t, third.errs.String(), "worker ended: signal: killed. Its log is "+filepath.Join(".devstack", "logs", "worker.log"))

	path := filepath.Join(b.bin, "mine.json")
	require.NoError(t, os.WriteFile(path, []byte(`[
		{"name":"One","adminEmail":"a@b.example","adminFirstName":"A","adminLastName":"L","tier":"gold"}]`), 0o600))
	fourth := b.start(true, "-file", path)
	require.Zero(t, fourth.end(), "%s", fourth.errs)
	require.Contains(t, fourth.out.String(), "✓ 1 of 1: "+checkContract)

	fifth := b.start(true, "-worker", filepath.Join(b.bin, "gone"))
	require.Equal(t, 1, fifth.end())
	require.Contains(t, fifth.errs.String(), "build it with: make build")
}
