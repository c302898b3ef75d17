package main

import (
	"context"
	"runtime"
	"strings"
	"time"

	"go.temporal.io/sdk/client"

	"tenant-provisioning/api/rest"
	"tenant-provisioning/internal/answers"
	"tenant-provisioning/internal/build"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/feed"
	"tenant-provisioning/internal/invitation"
	"tenant-provisioning/internal/liveness"
	"tenant-provisioning/internal/observe"
	"tenant-provisioning/internal/operations"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/redis"
	"tenant-provisioning/internal/service"
	"tenant-provisioning/internal/statuspage"
	"tenant-provisioning/internal/tenant"
)

// clients are the other connections of this process, and what works on them.
type clients struct {
	*service.Service
	redis      *redis.Limiter
	temporal   client.Client
	operations *operations.Service
	feed       *feed.Feed
	answers    *answers.Cache // nil where none is wanted
	watch      *liveness.Watch
	status     *statuspage.Board
}

func open(s *service.Service) (*clients, error) {
	cfg, log := s.Config, s.Log
	redis.SendLibraryLogs(log)
	limiter, err := redis.NewLimiter(redis.Config{
		Addr: cfg.Redis.Addr(), Username: cfg.Redis.Username, Password: cfg.Redis.Password.Reveal(), TLS: cfg.Redis.TLS, RootCAs: cfg.Redis.RootCAs,
		VerifyConnection: s.Counts.Certificates.Of("redis"), Logger: log, Registerer: s.Metrics,
	})
	if err != nil {
		return nil, err
	}
	s.Counts.Provisioning = connect.Provisioning(s.Metrics, s.Pool, log)
	c := &clients{Service: s, redis: limiter}
	if c.temporal, err = connect.Temporal(cfg.Temporal, log, s.Metrics, s.Counts); err != nil {
		c.closeRedis()
		return nil, err
	}
	c.operations = connect.Service(s.Pool, operations.Config{
		Temporal: c.temporal, Namespace: cfg.Temporal.Namespace, TaskQueue: cfg.Temporal.TaskQueue,
		RetryBudget: cfg.Provisioning.StepRetryBudget, AttentionPeriod: cfg.Provisioning.AttentionDeadline,
		MaintenanceMode: cfg.Maintenance.Mode, Records: connect.Records(s.Pool, cfg.LogStore), Logger: log,
	}, s.Counts)
	events := postgres.NewEvents(s.Pool)
	c.feed = feed.New(events, log)
	if cfg.Cache.Enabled {
		c.answers, err = answers.New(answers.Config{
			Store: redis.NewCache(limiter, events.HashKey), Standing: events.Standing, MaxAge: cfg.Cache.MaxAge, Registerer: s.Metrics,
		})
		if err != nil {
			c.close()
			return nil, err
		}
	}
	c.watch = liveness.NewWatch(liveness.WatchConfig{Look: c.operations.Workers, Outages: postgres.NewWorkers(s.Pool), Logger: log})
	if c.status, err = c.statusPage(); err != nil {
		c.close()
		return nil, err
	}
	c.observe()
	return c, nil
}

// statusPage makes what looks at the platform for the page at /status. The database need
// not be there.
func (c *clients) statusPage() (*statuspage.Board, error) {
	incidents, declared, windows := postgres.NewIncidents(c.Pool), postgres.NewDeclared(c.Pool), postgres.NewWindows(c.Pool)
	return statuspage.New(statuspage.Config{
		Look: func(ctx context.Context) statuspage.Seen {
			open, err := incidents.Open(ctx)
			seen := statuspage.Seen{Database: err == nil, Temporal: c.askTemporal(ctx) == nil, Incidents: open}
			if told, err := declared.Told(ctx, time.Now()); err == nil { // those that last
				seen.Declared = told
			}
			now, known := c.watch.Last()
			seen.Workers = !known || !now.Grave
			closed, err := windows.ReadOnly(ctx)
			seen.ReadOnly = err == nil && closed.ID != ""
			return seen
		},
		Windows: func(ctx context.Context) ([]statuspage.Window, error) {
			open, err := windows.List(ctx, time.Now())
			return statuspage.Announced(open, time.Now()), err
		},
		History: postgres.NewStatusHistory(c.Pool), File: c.Config.App.StatusFile,
		URL: c.Config.App.URL, Logger: c.Log, Now: time.Now,
	})
}

// observe registers what an api shows of the whole installation and of what all of it
// uses: it is there when no worker is.
func (c *clients) observe() {
	c.Metrics.MustRegister(
		observe.Workforce(c.watch.Last),
		observe.Installation(func(ctx context.Context) (tenant.Overview, error) { return postgres.Overview(ctx, c.Pool) }, c.Log),
		observe.Lives(func(ctx context.Context) (tenant.Lives, error) { return postgres.StandingLives(ctx, c.Pool) }, c.Log),
		observe.Tenants(func(ctx context.Context) (map[tenant.Status]int, error) { return postgres.CountTenants(ctx, c.Pool) }, c.Log),
		observe.Database(func(ctx context.Context) (observe.DatabaseServer, error) { return postgres.Server(ctx, c.Pool) }, c.Log),
		observe.Capacity(postgres.NewCapacities(c.Pool).Standing, c.Log),
		observe.Redis(c.redis.Server, c.Log),
		observe.Windows(postgres.NewWindows(c.Pool).Standing, c.Log),
		observe.Backups(postgres.NewBackups(c.Pool, nil).Standing, c.Log),
		observe.Fleets(postgres.NewFleets(c.Pool).Standing, c.Log),
		observe.Pools{"main": func() observe.PoolStat { return c.Pool.Stat() }},
	)
}

func (c *clients) close() {
	c.temporal.Close()
	c.closeRedis()
}

func (c *clients) closeRedis() {
	if err := c.redis.Close(); err != nil {
		c.Log.Debug("the connections to Redis did not close", "error", err)
	}
}

// handler makes the API on the connections.
func (c *clients) handler(ctx context.Context) (*rest.Server, error) {
	cfg := c.Config
	tokens, err := connect.Verifier(ctx, cfg.JWT, c.Log)
	if err != nil {
		return nil, err
	}
	var limiter rest.Limiter
	var waiting, streams int
	if cfg.RateLimit.Enabled {
		limiter, waiting, streams = newPace(c.redis, cfg.RateLimit), cfg.RateLimit.Waiting, cfg.RateLimit.Streams
	}
	return rest.New(rest.Config{
		Tenants: c.operations, Operations: c.operations, Maintenance: c.operations, Incidents: connect.Declared(c.Pool), Fleets: connect.Fleets(c.Pool, c.temporal, cfg.Temporal.TaskQueue, c.Log), Tokens: tokens, Limiter: limiter, Waiting: waiting,
		Status: c.status,
		Events: c.feed, Records: c.operations, Capacities: c.operations, Streams: streams, Answers: c.answers,
		Invitations: postgres.NewInvitations(c.Pool), Passwords: invitation.NewHasher(runtime.GOMAXPROCS(0)),
		Database: rest.Check{Name: "database", Ask: c.Health.Ready},
		Others: []rest.Check{
			{Name: "redis", Ask: c.redis.Ping},
			{Name: "temporal", Ask: c.askTemporal},
		},
		TrustedProxies: cfg.App.TrustedProxies,
		PublicURL:      cfg.App.URL, AppURL: cfg.App.TenantURL, Version: version(),
		Note:       c.note,
		Registerer: c.Metrics, Gatherer: c.Metrics, Logger: c.Log, Now: time.Now,
	})
}

// heard passes on that something has changed.
func (c *clients) heard(a tenant.Announcement) {
	if c.answers != nil {
		c.answers.Heard(a) // before anybody can be told of it
	}
	if a.State != "" {
		c.operations.Announce(a.Operation, a.State)
	}
	c.feed.Announce(a.Transaction)
}

// listening passes on that some changes may have been missed, after the connection
// is new.
func (c *clients) listening(now bool) {
	if c.answers != nil {
		c.answers.Listening(now)
	}
	if now {
		c.operations.Announce("", "")
		c.feed.Announce(0)
	}
}

func (c *clients) askTemporal(ctx context.Context) error {
	_, err := c.temporal.CheckHealth(ctx, &client.CheckHealthRequest{})
	return err
}

// note is what /readyz says of a database that is ahead of this build, and of
// workers; empty while all is well.
func (c *clients) note() string {
	var notes []string
	if ahead := c.Health.Note(); ahead != "" {
		notes = append(notes, ahead)
	}
	if now, known := c.watch.Last(); known && now.Line() != "" {
		notes = append(notes, now.Line())
	}
	return strings.Join(notes, "\n")
}

// version is that of the document; empty while nothing is known of it.
func version() string {
	if v := build.This().Version; v != build.Unknown {
		return v
	}
	return ""
}
