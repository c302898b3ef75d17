package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/client"
)

// balancer is an haproxy before the apis, as strict as one can be: it repeats no
// request on another server.
type balancer struct {
	t      testing.TB
	port   int
	socket string
}

const balancerConfig = `
global
  stats socket %[1]s mode 600
defaults
  mode http
  retries 0
  timeout connect 10s
  timeout client 1m
  timeout server 1m
  timeout check 10s
frontend all
  bind %[2]s
  default_backend apis
backend apis
  option httpchk GET /readyz
  option allbackups
`

// haproxy starts one before these addresses, of which it asks /readyz. Should all
// of them be too slow to answer that, it goes on with all of them.
func haproxy(t testing.TB, servers []string) *balancer {
	t.Helper()
	program, err := exec.LookPath("haproxy")
	if err != nil {
		program = "/usr/sbin/haproxy" // where Debian has it, and not everybody's PATH
		if _, err := os.Stat(program); err != nil {
			require.Empty(t, os.Getenv("CI"), "CI has haproxy")
			t.Skip("haproxy is not installed (Debian: apt-get install haproxy)")
		}
	}
	dir, err := os.MkdirTemp("", "haproxy") //nolint:usetesting // the path of a socket must be short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	b := &balancer{t: t, port: freePort(t), socket: filepath.Join(dir, "stats")}
	config := fmt.Sprintf(balancerConfig, b.socket, address(b.port))
	for n, server := range servers {
		config += fmt.Sprintf("  server api%d %s check inter 100ms fall 2 rise 1\n", n, server)
		config += fmt.Sprintf("  server slow%d %s backup\n", n, server)
	}
	file := filepath.Join(dir, "haproxy.cfg")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	launch(t, nil, program, "-db", "-f", file)
	return b
}

// awaits waits until the balancer knows that an api is there, or that it is not.
func (b *balancer) awaits(n int, state string) {
	b.t.Helper()
	eventually(b.t, fmt.Sprintf("haproxy has api%d as %s", n, state), func() bool {
		conn, err := net.Dial("unix", b.socket)
		if err != nil {
			return false
		}
		defer conn.Close()
		fmt.Fprintln(conn, "show stat")
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			fields := strings.Split(lines.Text(), ",") // pxname, svname, …, status as the 18th
			if len(fields) > 17 && fields[1] == "api"+strconv.Itoa(n) {
				return strings.HasPrefix(fields[17], state)
			}
		}
		return false
	})
}

// load makes requests until it is stopped, and keeps those that were lost.
type load struct {
	i    *installation
	stop chan struct{}
	all  sync.WaitGroup

	mu         sync.Mutex
	operations []operation
	answered   int
	lost       []string
}

// ask makes one request. An api that has waited too long for something behind it
// says so by a problem, which is an answer: its caller repeats it.
func (l *load) ask(want int, method, path string, body any, header ...string) (r reply, ok bool) {
	r, err := l.i.try(time.Minute, method, path, body, header...)
	problem := strings.HasPrefix(r.header.Get("Content-Type"), "application/problem+json")
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case errors.Is(err, context.Canceled):
	case err != nil:
		l.lost = append(l.lost, fmt.Sprintf("%s %s: %v", method, path, err))
	case r.status == http.StatusServiceUnavailable && problem:
	case r.status != want:
		l.lost = append(l.lost, fmt.Sprintf("%s %s: %d %s", method, path, r.status, r.body))
	default:
		l.answered++
		return r, true
	}
	return r, false
}

// repeat works, with pauses that leave the machine to others.
func (l *load) repeat(work func(n int)) {
	l.all.Go(func() {
		pause := time.NewTicker(20 * time.Millisecond)
		defer pause.Stop()
		for n := 0; ; n++ {
			select {
			case <-l.stop:
				return
			case <-pause.C:
				work(n)
			}
		}
	})
}

// create has a tenant accepted and waits for it, as a client does.
func (l *load) create(n int) {
	key := uuid.NewString()
	r, ok := l.ask(http.StatusAccepted, http.MethodPost, "/v1/tenants", request(fmt.Sprintf("Hospital %d %s", n, key)), "Idempotency-Key", key)
	if !ok {
		return
	}
	o := read[operation](l.i, r)
	l.mu.Lock()
	l.operations = append(l.operations, o)
	l.mu.Unlock()
	l.ask(http.StatusOK, http.MethodGet, "/v1/operations/"+o.ID+"?wait=10s", nil)
}

// TestRollingRestart restarts three apis and two workers one after the other, as a
// deployment does, while clients go on. Nothing is lost, and nobody is needed.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	var servers []string
	for range 3 {
		servers = append(servers, address(freePort(t)))
	}
	b := haproxy(t, servers)
	i := install(t, map[string]string{"RATE_LIMIT_ENABLED": "false", "DB_MAX_CONNS": "4"})
	i.url = "http://" + address(b.port)
	apis := make([]*process, len(servers))
	start := func(n int) {
		_, port, err := net.SplitHostPort(servers[n])
		require.NoError(t, err)
		apis[n] = launch(t, i.with(map[string]string{"APP_PORT": port, "APP_URL": i.url}).env, binaries.path(t, "api"))
		b.awaits(n, "UP")
	}
	for n := range apis {
		start(n)
	}
	workers := []*process{i.startWorker(), i.startWorker()}
	i.works()

	l := &load{i: i, stop: make(chan struct{})}
	stop := sync.OnceFunc(func() { close(l.stop); l.all.Wait() })
	t.Cleanup(stop)
	for range 2 {
		l.repeat(l.create)
		l.repeat(func(int) { l.ask(http.StatusOK, http.MethodGet, "/v1/tenants?limit=5", nil) })
	}
	for n, server := range servers {
		l.progresses()
		_, port, err := net.SplitHostPort(server)
		require.NoError(t, err)
		drain := launch(t, map[string]string{"APP_PORT": port}, binaries.path(t, "api"), "drain", "--for", "0s", "--pid", strconv.Itoa(apis[n].PID()))
		require.Zero(t, drain.wait(), drain.stderr.String())
		b.awaits(n, "DOWN")
		apis[n].Signal(syscall.SIGTERM)
		require.Zero(t, apis[n].wait(), apis[n].stderr.String())
		start(n)
	}
	for n := range workers {
		l.progresses()
		next := i.startWorker()
		next.says("starting")
		workers[n].Signal(syscall.SIGTERM)
		require.Zero(t, workers[n].wait(), workers[n].stderr.String())
		workers[n] = next
	}
	l.progresses()
	stop()

	require.Empty(t, l.lost, "of %d requests", l.answered+len(l.lost))
	for _, o := range l.operations {
		i.reaches(o.ID, client.StateSucceeded)
	}
	require.Zero(t, value[int](i, `SELECT count(*) FROM operations WHERE state <> 'SUCCEEDED'`))
	t.Logf("%d requests, %d tenants", l.answered, len(l.operations))
}

// progresses waits until clients have got more answers, so that they are in the
// middle of their requests whenever something is restarted.
func (l *load) progresses() {
	l.i.t.Helper()
	count := func() (requests, tenants int) {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.answered, len(l.operations)
	}
	requests, tenants := count()
	eventually(l.i.t, "clients go on", func() bool {
		r, o := count()
		return r > requests+20 && o > tenants
	})
}
