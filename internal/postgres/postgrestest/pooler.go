package postgrestest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres"
)

// Pooled starts PgBouncer in a mode (session, transaction, statement) before a
// database, and returns the way through it. settings are lines of its file.
func Pooled(t testing.TB, c postgres.Config, mode string, settings ...string) postgres.Config {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program = "/usr/sbin/pgbouncer"; exec.Command(program, "--version").Run() != nil {
			missing(t, "PgBouncer (Debian: pgbouncer)")
		}
	}
	dir := privateDir(t)
	users, file := filepath.Join(dir, "users"), filepath.Join(dir, "pgbouncer.ini")
	write := func(path, text string) {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644)) //nolint:gosec // another user reads it
	}
	write(users, fmt.Sprintf("%q %q\n", c.User, c.Password))
	server := c.Port
	over := time.Now().Add(serverTimeout)
	for {
		require.True(t, time.Now().Before(over), "PgBouncer does not start")
		c.Port = freePort(t)
		text := fmt.Sprintf(`[databases]
* = host=%s port=%d
[pgbouncer]
listen_addr = %s
listen_port = %d
unix_socket_dir =
auth_type = trust
auth_file = %s
pool_mode = %s
default_pool_size = 60
max_client_conn = 300
`, c.Host, server, host, c.Port, users, mode)
		for _, line := range settings {
			text += line + "\n"
		}
		write(file, text)
		if listens(t, launch(t, program, file), c.Port, over) {
			return c
		}
	}
}

// listens waits until the program takes connections, or has ended.
func listens(t testing.TB, cmd *exec.Cmd, port int, over time.Time) bool {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // that it has ended is all that counts
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // at once; it may have ended
		<-ended
	})
	for time.Now().Before(over) {
		select {
		case <-ended:
			return false
		case <-time.After(glance):
		}
		if conn, err := net.Dial("tcp", net.JoinHostPort(host, strconv.Itoa(port))); err == nil {
			return conn.Close() == nil
		}
	}
	return false
}
