package main

import (
	"context"
	"log/slog"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.temporal.io/sdk/client"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/logging"
	"tenant-provisioning/internal/operations"
	"tenant-provisioning/internal/postgres"
)

// What the kinds of commands need. A setting that has nothing to do with a
// command cannot stop it.
const (
	toRead      = config.NeedDB
	toProvision = config.NeedDB | config.NeedProvisioning
	toAct       = config.NeedDB | config.NeedProvisioning | config.NeedTemporal
)

// maxConns is the connections of one command. Rows of a file that wait for
// their tenant hold none.
const maxConns = 8

// controlPlane is the control plane, as this process reaches it.
type controlPlane struct {
	*operations.Service
	pool *pgxpool.Pool
	// temporal is nil where the command does not act.
	temporal client.Client
	logger   *slog.Logger
	closers  []func()
}

// listen has waits end as soon as an operation changes, not at the next poll.
func (p *controlPlane) listen(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	var listening sync.WaitGroup
	listening.Go(func() { postgres.Listen(ctx, p.pool, p.logger, p.Announce) })
	p.closers = append(p.closers, func() {
		stop()
		listening.Wait()
	})
}

// Close gives everything back, newest first.
func (p *controlPlane) Close() {
	for i := len(p.closers) - 1; i >= 0; i-- {
		p.closers[i]()
	}
}

// connect wires the control plane, and makes sure that the database is there
// and migrated before anything is begun. Temporal is dialled when it is needed.
func (a *app) connect(ctx context.Context, needs config.Section) (*controlPlane, error) {
	cfg, err := a.load(needs)
	if err != nil {
		return nil, err
	}
	logger := a.logger(cfg)
	pool, err := openDatabase(ctx, cfg)
	if err != nil {
		return nil, err
	}
	p := &controlPlane{pool: pool, logger: logger}
	p.closers = append(p.closers, pool.Close)
	health, err := postgres.NewHealth(pool)
	if err == nil {
		err = health.Ping(ctx)
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	var temporal client.Client
	if needs&config.NeedTemporal != 0 {
		if temporal, err = connect.Temporal(cfg.Temporal, logger, nil, connect.Metrics{}); err != nil {
			p.Close()
			return nil, err
		}
		p.closers = append(p.closers, temporal.Close)
	}
	of := a.workersOf(cfg, needs)
	p.temporal = temporal
	p.Service = connect.Service(pool, operations.Config{
		Temporal: temporal, Namespace: of.Namespace, TaskQueue: of.TaskQueue,
		RetryBudget: cfg.Provisioning.StepRetryBudget, AttentionPeriod: cfg.Provisioning.AttentionDeadline,
		MaintenanceMode: cfg.Maintenance.Mode, Records: connect.Records(pool, cfg.LogStore), Logger: logger,
	}, connect.Metrics{})
	return p, nil
}

// workersOf are the settings by which workers are known: also of a command that
// has no use for Temporal, and then unset where they cannot be read.
func (a *app) workersOf(cfg *config.Config, needs config.Section) config.Temporal {
	if needs&config.NeedTemporal != 0 {
		return cfg.Temporal
	}
	other, err := config.Load(a.settings, config.NeedTemporal)
	if err != nil {
		return config.Temporal{}
	}
	return other.Temporal
}

// openDatabase makes a pool of no more connections than a command needs.
func openDatabase(ctx context.Context, cfg *config.Config) (*pgxpool.Pool, error) {
	db := cfg.DB
	db.MaxConns = min(db.MaxConns, maxConns)
	return connect.Database(ctx, db, "starter", connect.Metrics{})
}

// load reads the settings that a command needs, and warns of those that are odd.
func (a *app) load(needs config.Section) (*config.Config, error) {
	cfg, err := config.Load(a.settings, needs)
	if err != nil {
		return nil, err
	}
	for _, w := range cfg.Warnings {
		a.logger(cfg).Warn("a setting is not what it seems", "says", w)
	}
	return cfg, nil
}

// logger writes to the terminal.
func (a *app) logger(cfg *config.Config) *slog.Logger {
	return logging.ForTerminal(a.err, cfg.Log.Level)
}
