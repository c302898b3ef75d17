package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"

	"tenant-provisioning/deploy/devstack/internal/supervisor"
	"tenant-provisioning/internal/child"
)

// User is the server's superuser.
const User = "postgres"

// dataDir is the server's own directory within [Config.Dir].
const dataDir = "data"

// Config says what server to run.
type Config struct {
	Dir      string // data directory and what goes with it; made when missing
	CacheDir string // where a fetched PostgreSQL is kept
	Host     string
	Port     int
	Password string // of [User]
	// Ephemeral trades safety of the data for speed: nothing is forced to disk.
	Ephemeral bool
	// Progress tells a waiting person what takes long.
	Progress func(format string, args ...any)
}

// Server is a PostgreSQL server that is ready to be launched.
type Server struct {
	cfg      Config
	identity Identity
	install  Install
}

// Prepare finds or fetches PostgreSQL and makes the data directory. The caller
// has made sure that no server runs on it.
func Prepare(ctx context.Context, cfg Config) (*Server, error) {
	s := &Server{cfg: cfg, identity: WhoRuns()}
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("make PostgreSQL's directory: %w", err)
	}
	made, err := madeBy(s.data())
	if err != nil {
		return nil, err
	}
	if s.install, err = s.find(ctx, made); err != nil {
		return nil, err
	}
	if made == 0 {
		cfg.Progress("initialising PostgreSQL %d in %s", s.install.Major, cfg.Dir)
		if err := s.initialise(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.identity.own(cfg.Dir); err != nil {
		return nil, err
	}
	// The process that this file names is gone (see the precondition), but its
	// number may be another's by now, and PostgreSQL would refuse to start.
	if err := os.Remove(filepath.Join(s.data(), "postmaster.pid")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove the pid file of the last run: %w", err)
	}
	return s, nil
}

// find prefers what is installed and can open the data directory.
func (s *Server) find(ctx context.Context, made int) (Install, error) {
	if in, ok := choose(locate(ctx), made); ok {
		return in, nil
	}
	if ctx.Err() != nil { // then nothing was found because nothing could be asked
		return Install{}, fmt.Errorf("look for PostgreSQL: %w", context.Cause(ctx))
	}
	if made != 0 && made != fetchedMajor {
		return Install{}, fmt.Errorf("%s was made by PostgreSQL %d, which is not on this machine: "+
			"install that version, or remove %s to start afresh", s.data(), made, filepath.Dir(s.cfg.Dir))
	}
	return s.fetched(ctx)
}

// initialise makes the data directory beside its final place, so that one that
// was interrupted is never taken for a whole one.
func (s *Server) initialise(ctx context.Context) error {
	tmp := filepath.Join(s.cfg.Dir, "initialising")
	if err := os.RemoveAll(tmp); err != nil {
		return fmt.Errorf("remove an unfinished data directory: %w", err)
	}
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	secret := filepath.Join(s.cfg.Dir, "password")
	if err := os.WriteFile(secret, []byte(s.cfg.Password+"\n"), 0o600); err != nil {
		return fmt.Errorf("write the password for initdb: %w", err)
	}
	defer os.Remove(secret) // it is in the database from now on
	if err := s.identity.own(s.cfg.Dir); err != nil {
		return err
	}
	initdb := exec.CommandContext(ctx, filepath.Join(s.install.Bin, "initdb"),
		"--pgdata", tmp, "--username", User, "--pwfile", secret, "--auth", "scram-sha-256",
		"--encoding", "UTF8", "--locale", "C", "--lc-ctype", unicodeCType(), "--no-sync")
	initdb.SysProcAttr, initdb.Env, initdb.Dir = s.identity.Attr, s.env(), s.cfg.Dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initialise PostgreSQL's data directory as %s: %w\n%s\n%s",
			s.identity.Name, err, strings.TrimSpace(string(out)), supervisor.Advise(string(out)))
	}
	if err := os.Rename(tmp, s.data()); err != nil {
		return fmt.Errorf("put the data directory into place: %w", err)
	}
	return nil
}

// unicodeCType names the locale that knows upper and lower case of all scripts,
// while text still sorts by code point.
func unicodeCType() string {
	if runtime.GOOS == "darwin" {
		return "UTF-8"
	}
	return "C.UTF-8"
}

// Supervised describes the server's process; the caller adds files and whether it
// is started again.
func (s *Server) Supervised() supervisor.Server {
	server := supervisor.Server{
		Spec: child.Spec{
			Name: "postgres", Path: filepath.Join(s.install.Bin, "postgres"), Args: s.args(),
			Env: s.env(), Dir: s.cfg.Dir, Attr: s.identity.Attr,
			StopSignal: syscall.SIGINT,  // fast shutdown: disconnects clients, writes a checkpoint
			KillSignal: syscall.SIGQUIT, // immediate shutdown; SIGKILL would leave backends for a while
		},
		Answers: func(ctx context.Context) error {
			conn, err := pgx.Connect(ctx, URL(s.cfg.Host, s.cfg.Port, User, s.cfg.Password, "postgres"))
			if err != nil {
				return err
			}
			return conn.Close(ctx)
		},
	}
	if s.cfg.Ephemeral {
		server.StopSignal = syscall.SIGQUIT
	}
	return server
}

func (s *Server) args() []string {
	// What stands here cannot be changed by ALTER SYSTEM. So shared_buffers does not: it
	// is the server's own 128MB.
	settings := []string{
		"listen_addresses=" + s.cfg.Host,
		"unix_socket_directories=", // Debian's default is closed to us
		// Two pools of Temporal, api, worker, and test packages in parallel.
		"max_connections=400",
		"max_locks_per_transaction=256", // a transaction may touch a tenant's whole schema, or many
		// In the data directory: it goes with it, and /dev/shm is tiny in containers.
		"dynamic_shared_memory_type=mmap",
		"log_destination=stderr",
		"logging_collector=off",
	}
	if s.cfg.Ephemeral {
		settings = append(settings, "fsync=off", "full_page_writes=off", "synchronous_commit=off")
	}
	args := []string{"-D", s.data(), "-p", strconv.Itoa(s.cfg.Port)}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return args
}

// Describe says which server this is and whom it runs as.
func (s *Server) Describe() string {
	return fmt.Sprintf("PostgreSQL %d from %s as %s", s.install.Major, s.install.Bin, s.identity.Name)
}

func (s *Server) data() string { return filepath.Join(s.cfg.Dir, dataDir) }

// env keeps the user's locale and PG* settings away from the server.
func (s *Server) env() []string {
	var out []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "PG") && !strings.HasPrefix(kv, "LC_") && !strings.HasPrefix(kv, "LANG") {
			out = append(out, kv)
		}
	}
	return append(out, "LC_ALL=C", "TZ=UTC")
}
