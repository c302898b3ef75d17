package redistest

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"syscall"
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
	// Dir is where a real server would save.
	Dir string

	start func()
	stop  func()
	// signal reaches a real server.
	signal func(syscall.Signal)
}

// Stop makes it go away.
func (s *Server) Stop() { s.stop() }

// Start brings it back.
func (s *Server) Start() { s.start() }

// Freeze makes a real server hang until Thaw: it takes connections and answers
// nothing.
func (s *Server) Freeze() { s.signal(syscall.SIGSTOP) }

// Thaw has it go on.
func (s *Server) Thaw() { s.signal(syscall.SIGCONT) }

// Do sends one command to the server, as the user default without a password.
func (s *Server) Do(t testing.TB, command ...any) any {
	t.Helper()
	client := goredis.NewClient(&goredis.Options{Addr: s.Addr, MaxRetries: -1, DialTimeout: startLimit, ReadTimeout: startLimit})
	defer func() { require.NoError(t, client.Close()) }()
	answer, err := client.Do(context.WithoutCancel(t.Context()), command...).Result()
	require.NoError(t, err)
	return answer
}

// Start runs the real server when there is one on PATH, else the one in Go.
func Start(t testing.TB) *Server {
	t.Helper()
	if program := installed(); program != "" {
		return startReal(t, program)
	}
	return StartEmbedded(t)
}

// StartReal runs redis-server or valkey-server with further arguments. Where
// neither is installed the test is skipped; in CI it fails.
func StartReal(t testing.TB, args ...string) *Server {
	t.Helper()
	program := installed()
	if program == "" {
		require.Empty(t, os.Getenv("CI"), "CI has redis-server")
		t.Skip("needs redis-server or valkey-server on PATH")
	}
	return startReal(t, program, args...)
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

func startReal(t testing.TB, program string, args ...string) *Server {
	t.Helper()
	addr, port := free(t)
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
		all := append([]string{"--bind", "127.0.0.1", "--port", port, "--dir", dir, "--save", "", "--appendonly", "no"}, args...)
		command = exec.Command(program, all...)
		command.SysProcAttr = endWithParent()
		require.NoError(t, command.Start())
		waitUntilReady(t, addr)
	}
	t.Cleanup(stop)
	start()
	return &Server{
		Addr: addr, Dir: dir, start: start, stop: stop,
		signal: func(s syscall.Signal) { require.NoError(t, command.Process.Signal(s)) },
	}
}

// free is an address that nobody listens on.
func free(t testing.TB) (addr, port string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr = listener.Addr().String()
	require.NoError(t, listener.Close())
	_, port, err = net.SplitHostPort(addr)
	require.NoError(t, err)
	return addr, port
}

// waitUntilReady waits for any answer: some servers only have errors for us.
func waitUntilReady(t testing.TB, addr string) {
	t.Helper()
	client := goredis.NewClient(&goredis.Options{Addr: addr, MaxRetries: -1})
	defer func() { require.NoError(t, client.Close()) }()
	require.Eventually(t, func() bool {
		err := client.Ping(context.WithoutCancel(t.Context())).Err()
		var told goredis.Error
		return err == nil || errors.As(err, &told)
	}, startLimit, 5*time.Millisecond, "redis-server at %s does not answer", addr)
}
