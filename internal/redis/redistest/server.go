package redistest

import (
	"context"
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// startLimit is how long a server may take to answer.
const startLimit = time.Minute

// Server is a Redis server that can go away and come back at the same address,
// empty.
type Server struct {
	Addr string

	start func()
	stop  func()
}

// Stop makes it go away.
func (s *Server) Stop() { s.stop() }

// Start brings it back.
func (s *Server) Start() { s.start() }

// Start runs the real server when there is one on PATH, else the one in Go.
func Start(t testing.TB) *Server {
	t.Helper()
	if program := installed(); program != "" {
		return startReal(t, program)
	}
	return StartEmbedded(t)
}

// StartReal runs redis-server or valkey-server, and skips the test where
// neither is installed.
func StartReal(t testing.TB) *Server {
	t.Helper()
	program := installed()
	if program == "" {
		t.Skip("needs redis-server or valkey-server on PATH")
	}
	return startReal(t, program)
}

// StartEmbedded runs the server in Go. Its keys expire only when it is told
// that time has passed, so they do not expire in a test.
func StartEmbedded(t testing.TB) *Server {
	t.Helper()
	mini := miniredis.RunT(t)
	return &Server{
		Addr:  mini.Addr(),
		stop:  mini.Close,
		start: func() { require.NoError(t, mini.Restart()) },
	}
}

func installed() string {
	for _, name := range []string{"valkey-server", "redis-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func startReal(t testing.TB, program string) *Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := listener.Addr().String()
	require.NoError(t, listener.Close())
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	dir := t.TempDir()

	var command *exec.Cmd
	stop := func() {
		if command != nil {
			_ = command.Process.Kill()
			_ = command.Wait()
			command = nil
		}
	}
	start := func() {
		command = exec.Command(program, "--bind", "127.0.0.1", "--port", port, "--dir", dir, "--save", "", "--appendonly", "no")
		command.SysProcAttr = endWithParent()
		require.NoError(t, command.Start())
		waitUntilReady(t, addr)
	}
	t.Cleanup(stop)
	start()
	return &Server{Addr: addr, start: start, stop: stop}
}

func waitUntilReady(t testing.TB, addr string) {
	t.Helper()
	client := goredis.NewClient(&goredis.Options{Addr: addr, MaxRetries: -1})
	defer func() { require.NoError(t, client.Close()) }()
	require.Eventually(t, func() bool {
		return client.Ping(context.WithoutCancel(t.Context())).Err() == nil
	}, startLimit, 5*time.Millisecond, "redis-server at %s does not answer", addr)
}
