package main

import (
	"context"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.temporal.io/sdk/client"

	"tenant-provisioning/api/rest"
	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/invitation"
	"tenant-provisioning/internal/liveness"
	"tenant-provisioning/internal/operations"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/redis"
)

// clients are the connections of this process, and the service on them.
// Nothing is dialled before it is needed.
type clients struct {
	metrics  *prometheus.Registry
	pool     *pgxpool.Pool
	health   *postgres.Health
	redis    *redis.Limiter
	temporal client.Client
	service  *operations.Service
	watch    *liveness.Watch
	closers  []func()
}

func open(ctx context.Context, cfg *config.Config, log *slog.Logger) (*clients, error) {
	c := &clients{metrics: prometheus.NewRegistry()}
	c.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, part := range []func(context.Context, *config.Config, *slog.Logger) error{c.openDatabase, c.openRedis, c.openTemporal} {
		if err := part(ctx, cfg, log); err != nil {
			c.close()
			return nil, err
		}
	}
	c.service = connect.Service(c.pool, operations.Config{
		Temporal: c.temporal, Namespace: cfg.Temporal.Namespace, TaskQueue: cfg.Temporal.TaskQueue,
		RetryBudget: cfg.Provisioning.StepRetryBudget, AttentionPeriod: cfg.Provisioning.AttentionDeadline, Logger: log,
	})
	c.watch = liveness.NewWatch(liveness.WatchConfig{Look: c.service.Workers, Outages: postgres.NewWorkers(c.pool), Logger: log})
	c.metrics.MustRegister(c.watch)
	return c, nil
}

// close gives everything back, newest first.
func (c *clients) close() {
	for i := len(c.closers) - 1; i >= 0; i-- {
		c.closers[i]()
	}
}

func (c *clients) openDatabase(ctx context.Context, cfg *config.Config, _ *slog.Logger) (err error) {
	if c.pool, err = connect.Database(ctx, cfg.DB, "api"); err != nil {
		return err
	}
	c.closers = append(c.closers, c.pool.Close)
	c.health, err = postgres.NewHealth(c.pool)
	return err
}

func (c *clients) openRedis(_ context.Context, cfg *config.Config, log *slog.Logger) (err error) {
	redis.SendLibraryLogs(log)
	c.redis, err = redis.NewLimiter(redis.Config{
		Addr: cfg.Redis.Addr(), Username: cfg.Redis.Username, Password: cfg.Redis.Password.Reveal(), TLS: cfg.Redis.TLS, RootCAs: cfg.Redis.RootCAs,
		Logger: log, Registerer: c.metrics,
	})
	if err != nil {
		return err
	}
	c.closers = append(c.closers, func() {
		if err := c.redis.Close(); err != nil {
			log.Debug("the connections to Redis did not close", "error", err)
		}
	})
	return nil
}

func (c *clients) openTemporal(_ context.Context, cfg *config.Config, log *slog.Logger) (err error) {
	if c.temporal, err = connect.Temporal(cfg.Temporal, log, c.metrics); err != nil {
		return err
	}
	c.closers = append(c.closers, c.temporal.Close)
	return nil
}

// handler makes the API on the connections.
func (c *clients) handler(ctx context.Context, cfg *config.Config, log *slog.Logger) (*rest.Server, error) {
	tokens, err := connect.Verifier(ctx, cfg.JWT, log)
	if err != nil {
		return nil, err
	}
	var limiter rest.Limiter
	var waiting int
	if cfg.RateLimit.Enabled {
		limiter, waiting = newPace(c.redis, cfg.RateLimit), cfg.RateLimit.Waiting
	}
	return rest.New(rest.Config{
		Tenants: c.service, Operations: c.service, Tokens: tokens, Limiter: limiter, Waiting: waiting,
		Invitations: postgres.NewInvitations(c.pool), Passwords: invitation.NewHasher(runtime.GOMAXPROCS(0)),
		Database: rest.Check{Name: "database", Ask: c.health.Ready},
		Others: []rest.Check{
			{Name: "redis", Ask: c.redis.Ping},
			{Name: "temporal", Ask: c.askTemporal},
		},
		TrustedProxies: cfg.App.TrustedProxies,
		PublicURL:      cfg.App.URL, AppURL: cfg.App.TenantURL, Version: version(),
		Note:       c.note,
		Registerer: c.metrics, Gatherer: c.metrics, Logger: log, Now: time.Now,
	})
}

func (c *clients) askTemporal(ctx context.Context) error {
	_, err := c.temporal.CheckHealth(ctx, &client.CheckHealthRequest{})
	return err
}

// note is what /readyz says of a database that is ahead of this build, and of
// workers; empty while all is well.
func (c *clients) note() string {
	var notes []string
	if ahead := c.health.Note(); ahead != "" {
		notes = append(notes, ahead)
	}
	if now, known := c.watch.Last(); known && now.Line() != "" {
		notes = append(notes, now.Line())
	}
	return strings.Join(notes, "\n")
}

// version is what the Go tool wrote into the binary.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "(devel)" {
		return ""
	}
	return info.Main.Version
}
