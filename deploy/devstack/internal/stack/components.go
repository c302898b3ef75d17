package stack

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sync/errgroup"

	"tenant-provisioning/deploy/devstack/internal/pgserver"
	"tenant-provisioning/deploy/devstack/internal/port"
	"tenant-provisioning/deploy/devstack/internal/role"
	"tenant-provisioning/deploy/devstack/internal/supervisor"
	"tenant-provisioning/deploy/devstack/internal/temporalserver"
	"tenant-provisioning/internal/child"
)

// database is the product's.
const database = "tenant_provisioning"

// startComponents starts all that does not wait for another at the same time.
func (s *Stack) startComponents(ctx context.Context) error {
	if err := prepareLogs(s.cfg.path("logs")); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := s.startPostgres(ctx); err != nil {
			return err
		}
		return s.startRole(ctx, s.temporal())
	})
	group.Go(func() error { return s.startRedis(ctx) })
	group.Go(func() error { return s.startRole(ctx, s.mail()) })
	group.Go(func() error {
		stellar := s.stellar()
		if err := s.startRole(ctx, stellar); err != nil {
			return err
		}
		return s.fund(ctx, stellar)
	})
	return group.Wait()
}

func (s *Stack) startPostgres(ctx context.Context) error {
	server, err := pgserver.Prepare(ctx, pgserver.Config{
		Dir: s.cfg.path("postgres"), CacheDir: cacheDir(s.cfg.Dir), Host: port.Host, Port: s.ports.postgres,
		Password: s.secrets.DBPassword, Ephemeral: s.cfg.Ephemeral, Progress: s.cfg.Say,
	})
	if err != nil {
		return err
	}
	s.note("postgres", server.Describe())
	if err := s.startServer(ctx, server.Supervised()); err != nil {
		return err
	}
	return pgserver.EnsureDatabase(ctx, s.postgresURL(), database)
}

func (s *Stack) startRedis(ctx context.Context) error {
	program := redisProgram()
	if program == "" {
		s.note("redis", "miniredis, in memory: there is no redis-server or valkey-server on PATH")
		return s.startRole(ctx, &role.Redis{Port: s.ports.redis})
	}
	s.note("redis", program)
	server, err := redisServer(program, s.cfg.path("redis"), s.ports.redis)
	if err != nil {
		return err
	}
	return s.startServer(ctx, server)
}

func (s *Stack) temporal() *role.Temporal {
	return &role.Temporal{
		Port: s.ports.temporal, UIPort: s.ports.temporalUI,
		Store: temporalserver.Store{
			Kind: temporalserver.Postgres, Host: port.Host, Port: s.ports.postgres,
			User: pgserver.User, Password: s.secrets.DBPassword, Database: "temporal",
		},
		LogFile: s.logOf("temporal"),
	}
}

func (s *Stack) stellar() *role.Stellar {
	return &role.Stellar{
		Port: s.ports.stellar, Control: s.cfg.LedgerControl, Passphrase: passphrase, Interval: s.cfg.LedgerInterval,
		DataDir: s.cfg.path("stellar"), LogFile: s.logOf("stellar"),
	}
}

func (s *Stack) mail() *role.Mail {
	return &role.Mail{Port: s.ports.mail, DataFile: s.cfg.path("mail.jsonl"), APIKey: s.secrets.MailKey}
}

// logOf is the file that a role inside this process logs to. In a child process
// the role logs to standard error, which goes to the same file.
func (s *Stack) logOf(name string) string {
	if s.cfg.Isolate {
		return ""
	}
	return s.cfg.log(name)
}

// startRole starts a role inside this process or, isolated, as a child.
func (s *Stack) startRole(ctx context.Context, r role.Role) error {
	if !s.cfg.Isolate {
		component, err := r.Start(ctx)
		if err != nil {
			return err
		}
		s.add(r.Name(), component)
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the own executable: %w", err)
	}
	return s.startServer(ctx, supervisor.Server{
		Spec: child.Spec{Name: r.Name(), Path: self, Args: role.Args(r), Env: append(os.Environ(), r.Secrets()...)},
		Says: "\n" + role.Serving + "\n",
	})
}

// startServer starts a server that holds the stack's lock as long as it lives,
// so that the next stack knows when the last of this one is gone, whatever became
// of devstack itself.
func (s *Stack) startServer(ctx context.Context, server supervisor.Server) error {
	server.LogFile, server.PIDFile = s.cfg.log(server.Name), s.cfg.pid(server.Name)
	server.Inherited, server.Restart = s.lock.alive, s.cfg.Isolate
	started, err := supervisor.Start(ctx, server, s.log)
	if err != nil {
		return err
	}
	s.add(server.Name, started)
	return nil
}

func (s *Stack) postgresURL() string {
	return pgserver.URL(port.Host, s.ports.postgres, pgserver.User, s.secrets.DBPassword, "postgres")
}
