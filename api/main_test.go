package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/build"
	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/redis"
	"tenant-provisioning/internal/token"
)

// runsAPI makes the test's binary the api itself, for tests that start and
// stop a process.
const runsAPI = "TEST_RUNS_API"

func TestMain(m *testing.M) {
	if os.Getenv(runsAPI) != "" {
		if err := run(context.Background(), os.Args[1:], inputEnds); err != nil {
			fmt.Fprintln(os.Stderr, "api:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// inputEnds lets the test say when load balancers have heard of the end, in
// place of a clock.
func inputEnds() <-chan time.Time {
	ended := make(chan time.Time)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	return ended
}

// patience is the end of a wait for something that does not come.
const patience = 2 * time.Minute

const secret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// process is an api of its own.
type process struct {
	*exec.Cmd
	url    string
	output *syncBuffer
	ended  chan error
	// heard tells the process, once it is stopping, that load balancers have
	// heard of it.
	heard func()
}

// start runs the api with nothing but the given settings.
func start(t *testing.T, settings ...string) *process {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	port := closedPort(t)
	p := &process{Cmd: exec.CommandContext(t.Context(), self), url: "http://127.0.0.1:" + port, output: &syncBuffer{}, ended: make(chan error, 1)}
	p.Dir = t.TempDir() // without a .env
	p.Env = append([]string{runsAPI + "=1", "APP_PORT=" + port, "JWT_SECRET=" + secret}, settings...)
	p.Stdout, p.Stderr = p.output, p.output
	input, output, err := os.Pipe()
	require.NoError(t, err)
	p.Stdin, p.heard = input, sync.OnceFunc(func() { _ = output.Close() })
	t.Cleanup(p.heard)
	require.NoError(t, p.Start())
	require.NoError(t, input.Close())
	go func() { p.ended <- p.Wait() }()
	t.Cleanup(func() { _ = p.Process.Kill() })
	return p
}

func (p *process) get(t *testing.T, path string) (int, string) {
	t.Helper()
	raw, err := token.Signer{Secret: secret}.Issue("ada", token.RoleOperator, time.Hour, time.Now())
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+path, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+raw)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(body)
}

func (p *process) await(t *testing.T, path string, status int) {
	t.Helper()
	require.Eventually(t, func() bool { got, _ := p.get(t, path); return got == status }, patience, 20*time.Millisecond,
		"%s never answered %d: %s", path, status, p.output)
}

// exit waits for the end of the process.
func (p *process) exit(t *testing.T) error {
	t.Helper()
	select {
	case err := <-p.ended:
		return err
	case <-time.After(patience):
		require.FailNow(t, "the process does not end", p.output.String())
		return nil
	}
}

func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	return port
}

func nothingThere(t *testing.T) []string {
	t.Helper()
	gone := closedPort(t)
	return []string{
		"DB_HOST=127.0.0.1", "DB_PORT=" + gone, "DB_USERNAME=nobody", "DB_NAME=none", "DB_PASSWORD=x",
		"REDIS_HOST=127.0.0.1", "REDIS_PORT=" + gone, "TEMPORAL_ADDRESS=127.0.0.1:" + gone,
	}
}

func TestStartsAndStopsWithNothingBehindIt(t *testing.T) {
	t.Parallel()
	p := start(t, nothingThere(t)...)
	p.await(t, "/livez", http.StatusOK)
	status, body := p.get(t, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status, body)
	status, body = p.get(t, "/v1/tenants")
	require.Equal(t, http.StatusServiceUnavailable, status, body)
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	p.heard()
	require.NoError(t, p.exit(t), p.output.String())
	require.Contains(t, p.output.String(), `"msg":"stopped"`)
}

// TestStopAnswersWhatHasBegun: after a SIGTERM load balancers hear of it first,
// while requests are still served, and long polls get their answer.
func TestStopAnswersWhatHasBegun(t *testing.T) {
	t.Parallel()
	pool, db := postgrestest.NewWithConfig(t)
	_, err := pool.Exec(t.Context(), `
		INSERT INTO tenants (id, name, name_key, slug, schema_name, role_name, app_login, status, admin_email, admin_first_name, admin_last_name, tier, region)
		VALUES ('01920e6a-7c1d-7fd2-8a31-5c6f7d8e9f01', 'n', 'n', 'n', 'n', 'n', 'n', 'PENDING', 'a', 'a', 'a', 'a', 'a')`)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `
		INSERT INTO operations (id, tenant_id, kind, state, generation, client, retry_budget, attention_period)
		VALUES ('01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11', '01920e6a-7c1d-7fd2-8a31-5c6f7d8e9f01', 'provision', 'PENDING', 1, 'c', '1s', '1s')`)
	require.NoError(t, err)
	p := start(t, append(nothingThere(t),
		"DB_HOST="+db.Host, fmt.Sprintf("DB_PORT=%d", db.Port), "DB_USERNAME="+db.User, "DB_PASSWORD="+db.Password, "DB_NAME="+db.Database)...)
	p.await(t, "/readyz", http.StatusOK)

	polled := make(chan int, 1)
	go func() {
		status, _ := p.get(t, "/v1/operations/01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11?wait=60s")
		polled <- status
	}()
	require.Eventually(t, func() bool {
		_, metrics := p.get(t, "/metrics")
		return strings.Contains(metrics, "http_requests_in_flight 2") // the poll and the look at it
	}, patience, 20*time.Millisecond)
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	p.await(t, "/readyz", http.StatusServiceUnavailable)
	status, _ := p.get(t, "/v1/tenants")
	require.Equal(t, http.StatusOK, status, "requests are served until load balancers have heard of it")
	p.heard()
	require.NoError(t, p.exit(t), p.output.String())
	require.Equal(t, http.StatusOK, <-polled)
}

// TestDrain does what Kubernetes does: preStop, while requests still come, and
// then SIGTERM.
func TestDrain(t *testing.T) {
	t.Parallel()
	_, db := postgrestest.NewWithConfig(t)
	p := start(t, append(nothingThere(t),
		"DB_HOST="+db.Host, fmt.Sprintf("DB_PORT=%d", db.Port), "DB_USERNAME="+db.User, "DB_PASSWORD="+db.Password, "DB_NAME="+db.Database)...)
	p.await(t, "/readyz", http.StatusOK)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(p.url, "http://"))
	require.NoError(t, err)

	status, said := command(t, []string{"APP_PORT=" + port}, "drain", "--for", "0s", "--pid", strconv.Itoa(p.Process.Pid))
	require.Zero(t, status, said)
	status, said = p.get(t, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status, said)
	status, said = p.get(t, "/v1/tenants")
	require.Equal(t, http.StatusOK, status, "requests are answered all the same: %s", said)
	res, err := http.Get(p.url + "/livez")
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode, "nothing ends it before SIGTERM")
	require.True(t, res.Close, "a proxy must not keep the connection")
	require.NotContains(t, p.output.String(), "stopping")

	p.heard()
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.NoError(t, p.exit(t), p.output.String())
}

func TestWrongSettingsAreReportedByName(t *testing.T) {
	t.Parallel()
	p := start(t, "DB_PORT=none", "REDIS_PORT=0")
	require.Error(t, p.exit(t))
	for _, name := range []string{"DB_PORT", "DB_USERNAME", "DB_NAME", "REDIS_PORT"} {
		require.Contains(t, p.output.String(), name)
	}
	require.NotContains(t, p.output.String(), secret)
}

func TestPortThatIsTaken(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", ":0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	_, port, err := net.SplitHostPort(taken.Addr().String())
	require.NoError(t, err)
	p := start(t, append(nothingThere(t), "APP_PORT="+port)...)
	require.Error(t, p.exit(t))
	require.Contains(t, p.output.String(), "APP_PORT")
}

// command runs the api with arguments and nothing but the given settings.
func command(t *testing.T, settings []string, args ...string) (status int, said string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Dir = t.TempDir() // without a .env
	cmd.Env = append([]string{runsAPI + "=1"}, settings...)
	out, err := cmd.CombinedOutput()
	if exit := new(exec.ExitError); !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

func TestCommands(t *testing.T) {
	t.Parallel()
	status, said := command(t, nil, "frobnicate")
	require.Equal(t, 1, status)
	require.Equal(t, `api: "frobnicate" is not understood: without an argument it does its work, with settings from the environment; `+
		"the other commands are healthcheck, drain, --help, --version\n", said)
	for _, args := range [][]string{{"--frobnicate"}, {"healthcheck", "now"}, {"drain", "--pid", "0"}, {"drain", "--for", "1h"}} {
		status, said = command(t, nil, args...)
		require.Equal(t, 1, status, "%v: %s", args, said)
	}
	status, said = command(t, nil, "--help")
	require.Zero(t, status)
	require.Regexp(t, `(?s)Answer the HTTP API.*\n  drain .*\n  healthcheck `, said)
	status, said = command(t, nil, "--version")
	require.Zero(t, status)
	require.Equal(t, "api "+build.This().Line()+"\n", said)
}

// TestHealthcheck: a container asks with its own environment, of which only the
// port matters.
func TestHealthcheck(t *testing.T) {
	t.Parallel()
	p := start(t, nothingThere(t)...)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(p.url, "http://"))
	require.NoError(t, err)
	settings := []string{"NODE_ENV=production", "APP_PORT=" + port, "HTTP_PROXY=http://127.0.0.1:1"}
	p.await(t, "/livez", http.StatusOK)
	status, said := command(t, settings, "healthcheck")
	require.Zero(t, status, "the database is away, which is no fault of the container: %s", said)
	status, said = command(t, settings, "healthcheck", "--ready")
	require.Equal(t, 1, status)
	require.Contains(t, said, "api: healthcheck: /readyz at :"+port+" says 503: ")
	require.Contains(t, said, "does not answer")

	require.NoError(t, p.Process.Kill())
	require.Error(t, p.exit(t))
	status, said = command(t, settings, "healthcheck")
	require.Equal(t, 1, status)
	require.Contains(t, said, "api: healthcheck: :"+port+" does not answer")
	status, said = command(t, []string{"APP_PORT=none"}, "healthcheck")
	require.Equal(t, 1, status)
	require.Contains(t, said, "APP_PORT")
}

// TestDefaultPace: a client may make 100 requests in one second, and the next
// one waits.
func TestDefaultPace(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	limiter, err := redis.NewLimiter(redis.Config{
		Addr: server.Addr(), Timeout: patience, Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = limiter.Close() })
	cfg, err := config.Load(config.Options{Environ: []string{"NODE_ENV=test"}, Dir: t.TempDir()}, config.NeedRateLimit)
	require.NoError(t, err)
	require.True(t, cfg.RateLimit.Enabled)
	p := newPace(limiter, cfg.RateLimit)
	for i := range 100 {
		a := p.Allow(t.Context(), "subject:ada")
		require.True(t, a.Allowed, i)
		require.Equal(t, 100, a.Limit)
		require.Equal(t, 99-i, a.Remaining)
		require.InDelta(t, float64(i+1)/100, a.ResetAfter.Seconds(), 0.001)
	}
	refused := p.Allow(t.Context(), "subject:ada")
	require.False(t, refused.Allowed)
	require.InDelta(t, 0.01, refused.RetryAfter.Seconds(), 0.001)
	require.True(t, p.Allow(t.Context(), "subject:grace").Allowed, "another client has its own count")

	server.Close()
	require.False(t, p.Allow(context.Background(), "subject:ada").Allowed, "also without Redis")
	require.True(t, p.Allow(context.Background(), "subject:edith").Allowed)
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
