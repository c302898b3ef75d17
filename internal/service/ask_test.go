package service

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestASilentProcessIsWaitedForInVain: it listens, and that is all.
func TestASilentProcessIsWaitedForInVain(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	_, err = Ask(t.Context(), listener.Addr().String(), "/livez")
	require.ErrorContains(t, err, "has not answered within 4s")
}

func TestAnAnswerThatBreaksOffIsNone(t *testing.T) {
	t.Parallel()
	_, err := Ask(t.Context(), serves(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("ok"))
	})), "/livez")
	require.ErrorContains(t, err, "does not answer: unexpected EOF")
}

// TestOnlyOneLoopback is a machine without IPv4, as far as the listener goes.
func TestOnlyOneLoopback(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp6", "[::1]:0")
	if err != nil {
		t.Skipf("this machine has no IPv6: %v", err)
	}
	server := &http.Server{Handler: answers(http.StatusOK)}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	answer, err := Ask(t.Context(), ":"+port, "/livez")
	require.NoError(t, err)
	require.Equal(t, Answer{http.StatusOK, "two lines"}, answer)
}

func answers(status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte("two\nlines\n"))
	})
}

func serves(t *testing.T, handler http.Handler) (addr string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// other is a process that the signal does not reach: it is not the one that
// listens.
func other(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "trap '' USR1; echo ready; exec sleep 600")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = out.Read(make([]byte, 1)) // the trap is set
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

func TestDrainOfAnotherProcess(t *testing.T) {
	t.Parallel()
	cmd := other(t)
	d := drain{pid: cmd.Process.Pid, within: 200 * time.Millisecond}
	require.ErrorContains(t, d.run(t.Context(), serves(t, answers(http.StatusOK))), "--pid says which it is")
}

// TestDrainLooksFirst: where nobody listens nobody is signalled, for most
// programs would die of it.
func TestDrainLooksFirst(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "sleep", "600")
	require.NoError(t, cmd.Start())
	d := drain{pid: cmd.Process.Pid, within: time.Minute}
	require.ErrorContains(t, d.run(t.Context(), "127.0.0.1:1"), "does not answer")
	require.NoError(t, cmd.Process.Signal(syscall.SIGKILL))
	_ = cmd.Wait() // says how it ended
	require.Equal(t, syscall.SIGKILL, cmd.ProcessState.Sys().(syscall.WaitStatus).Signal())
}

// TestDrainWaitsForLoadBalancers, and not for ever where it is told to end.
func TestDrainWaitsForLoadBalancers(t *testing.T) {
	t.Parallel()
	addr := serves(t, answers(http.StatusServiceUnavailable))
	d := drain{pid: other(t).Process.Pid, heard: 100 * time.Millisecond, within: time.Minute}
	began := time.Now()
	require.NoError(t, d.run(t.Context(), addr))
	require.GreaterOrEqual(t, time.Since(began), d.heard)
}
