package postgrestest

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres"
)

const (
	host = "127.0.0.1"
	// superuserName and password are those of the servers that tests start.
	superuserName = "postgres"
	password      = "of-a-test"
	// serverTimeout bounds the start of a server and what it needs to follow
	// another one, on a machine that is busy with other tests.
	serverTimeout = 2 * time.Minute
	glance        = 50 * time.Millisecond
)

// Server is a PostgreSQL server of a test's own, which it may change, replicate and
// end.
type Server struct {
	t    testing.TB
	bin  string
	data string
	port int
	cmd  *exec.Cmd
}

// Start makes and starts a server. settings are lines of postgresql.conf. It needs
// PostgreSQL's own programs on the machine, pg_basebackup among them.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	s := prepare(t, settings...)
	s.start()
	return s
}

// StartWithTLS starts a server with a certificate and its key. Who logs in as
// CertificateOnly must have one that the authority signed. All are PEM.
func StartWithTLS(t testing.TB, certificate, key, authority []byte) *Server {
	t.Helper()
	s := prepare(t, "ssl = on", "ssl_cert_file = 'server.crt'", "ssl_key_file = 'server.key'", "ssl_ca_file = 'authority.crt'")
	for name, content := range map[string][]byte{
		"server.crt": certificate, "server.key": key, "authority.crt": authority,
		"pg_hba.conf": []byte("hostssl all " + CertificateOnly + " 0.0.0.0/0 cert\nhost all " + "all 0.0.0.0/0 scram-sha-256\n"),
	} {
		path := filepath.Join(s.data, name)
		require.NoError(t, os.WriteFile(path, content, 0o600))
		if os.Geteuid() == 0 {
			require.NoError(t, os.Chown(path, nobody, nobody))
		}
	}
	s.start()
	Execute(t, s.Superuser(), `CREATE ROLE `+CertificateOnly+` LOGIN`)
	return s
}

// CertificateOnly is a login without a password.
const CertificateOnly = "certified"

func prepare(t testing.TB, settings ...string) *Server {
	t.Helper()
	s := &Server{t: t, bin: serverPrograms(t), data: filepath.Join(privateDir(t), "data")}
	secret := filepath.Join(filepath.Dir(s.data), "password")
	require.NoError(t, os.WriteFile(secret, []byte(password+"\n"), 0o644)) //nolint:gosec // the server's user reads it, and it is no secret
	s.do("initdb", "--pgdata", s.data, "--username", superuserName, "--pwfile", secret, "--auth", "scram-sha-256",
		"--encoding", "UTF8", "--locale", "C", "--lc-ctype", "C.UTF-8", "--no-sync")
	s.configure(append([]string{
		"listen_addresses = '" + host + "'", "unix_socket_directories = ''", "max_connections = 200", "max_locks_per_transaction = 256",
		"shared_buffers = 32MB", "dynamic_shared_memory_type = mmap", "fsync = off", "wal_keep_size = 256MB",
	}, settings...)...)
	return s
}

// Superuser is a connection to the server.
func (s *Server) Superuser() postgres.Config {
	return postgres.Config{
		Host: host, Port: s.port, User: superuserName, Password: password, Database: "postgres", SSLMode: "disable", MaxConns: 6, ApplicationName: "test",
	}
}

// Standby makes a server that follows this one.
func (s *Server) Standby() *Server {
	s.t.Helper()
	standby := &Server{t: s.t, bin: s.bin, data: filepath.Join(privateDir(s.t), "data")}
	source := "host=" + host + " port=" + strconv.Itoa(s.port) + " user=" + superuserName + " password=" + password
	s.do("pg_basebackup", "--dbname", source, "--pgdata", standby.data, "--write-recovery-conf", "--wal-method", "stream", "--checkpoint", "fast", "--no-sync")
	standby.start()
	return standby
}

// Follows waits until a standby has all that its primary has written.
func (s *Server) Follows(primary *Server) {
	s.t.Helper()
	written := primary.ask(`SELECT pg_current_wal_lsn()::text`)
	s.until("the standby has followed", func() bool { return s.ask(`SELECT (pg_last_wal_replay_lsn() >= '`+written+`')::text`) == "true" })
}

// Promote makes a primary of a standby.
func (s *Server) Promote() {
	s.t.Helper()
	require.Equal(s.t, "true", s.ask(`SELECT pg_promote()::text`))
}

// Refuse has the server refuse writes, as one that was replaced is made to, or
// takes them again.
func (s *Server) Refuse(writes bool) {
	s.t.Helper()
	setting := map[bool]string{true: "on", false: "off"}[writes]
	// Of this session alone: what it changes is in no transaction.
	Execute(s.t, s.Superuser(), `SET default_transaction_read_only = off`, `ALTER SYSTEM SET default_transaction_read_only = `+setting, `SELECT pg_reload_conf()`)
}

// Address is host:port.
func (s *Server) Address() string { return net.JoinHostPort(host, strconv.Itoa(s.port)) }

// Port is the address's.
func (s *Server) Port() string { return strconv.Itoa(s.port) }

func (s *Server) configure(settings ...string) {
	f, err := os.OpenFile(filepath.Join(s.data, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(s.t, err)
	for _, line := range settings {
		_, err := f.WriteString(line + "\n")
		require.NoError(s.t, err)
	}
	require.NoError(s.t, f.Close())
}

// start takes another port when somebody was faster.
func (s *Server) start() {
	s.t.Helper()
	s.until("PostgreSQL starts", func() bool {
		s.port = freePort(s.t)
		s.cmd = launch(s.t, filepath.Join(s.bin, "postgres"), "-D", s.data, "-p", strconv.Itoa(s.port))
		return s.ready(s.cmd)
	})
}

// ready waits until the server lets somebody in, or has ended.
func (s *Server) ready(cmd *exec.Cmd) bool {
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // that it has ended is all that counts
		close(ended)
	}()
	s.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGQUIT) // it may have ended
		<-ended
	})
	url := "host=" + host + " port=" + strconv.Itoa(s.port) + " user=" + superuserName + " password=" + password + " dbname=postgres"
	for over := time.Now().Add(serverTimeout); time.Now().Before(over); {
		select {
		case <-ended:
			return false
		case <-time.After(glance):
		}
		conn, err := pgx.Connect(context.Background(), url)
		if err == nil {
			_ = conn.Close(context.Background())
			return true
		}
	}
	return false
}

// ask is for what a standby answers, too.
func (s *Server) ask(sql string) (answer string) {
	s.t.Helper()
	url := "host=" + host + " port=" + strconv.Itoa(s.port) + " user=" + superuserName + " password=" + password + " dbname=postgres"
	ctx, cancel := context.WithTimeout(context.Background(), serverTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	require.NoError(s.t, err)
	defer conn.Close(ctx) //nolint:errcheck // it was answered
	require.NoError(s.t, conn.QueryRow(ctx, sql).Scan(&answer), sql)
	return answer
}

func (s *Server) do(program string, args ...string) {
	s.t.Helper()
	cmd := exec.Command(filepath.Join(s.bin, program), args...)
	cmd.SysProcAttr, cmd.Dir = ordinary(), filepath.Dir(s.data)
	out, err := cmd.CombinedOutput()
	require.NoError(s.t, err, "%s: %s", program, out)
}

func (s *Server) until(what string, done func() bool) {
	s.t.Helper()
	for over := time.Now().Add(serverTimeout); !done(); time.Sleep(glance) { //nolint:forbidigo // it waits for a condition
		require.True(s.t, time.Now().Before(over), "waited in vain until "+what)
	}
}

// launch starts a program as an ordinary user, for as long as the test runs.
func launch(t testing.TB, program string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.SysProcAttr = ordinary()
	log := &tail{}
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s (pid %d)\n%s", filepath.Base(program), cmd.Process.Pid, log.String())
		}
	})
	return cmd
}

// nobody is the user that Unix systems reserve for processes that own nothing.
// PostgreSQL refuses to be root.
const nobody = 65534

// privateDir is a directory of the user that servers run as.
func privateDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "postgres") //nolint:usetesting // that one's parent is closed to others
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // a temporary directory: the system removes it otherwise
	require.NoError(t, os.Chmod(dir, 0o755))    //nolint:gosec // see above
	if os.Geteuid() == 0 {
		require.NoError(t, os.Chown(dir, nobody, nobody))
	}
	return dir
}

// serverPrograms is where PostgreSQL's programs are: without them the test is
// skipped, or fails under CI.
func serverPrograms(t testing.TB) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_basebackup") // the pattern is constant
	if path, err := exec.LookPath("pg_basebackup"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			found = append(found, path)
		}
	}
	found = slices.DeleteFunc(found, func(path string) bool {
		_, err := os.Stat(filepath.Join(filepath.Dir(path), "initdb"))
		return err != nil
	})
	if len(found) == 0 {
		missing(t, "PostgreSQL with initdb and pg_basebackup (Debian: postgresql)")
	}
	return filepath.Dir(found[len(found)-1])
}

func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("needs %s", what)
	}
	t.Skipf("needs %s", what)
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", host+":0")
	require.NoError(t, err)
	defer l.Close()                     //nolint:errcheck // it listened
	return l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it is TCP's
}
