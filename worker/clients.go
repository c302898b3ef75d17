package main

import (
	"context"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.temporal.io/sdk/client"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/temporalclient"
	"tenant-provisioning/internal/tenant"
)

// clients are the connections of this process. Nothing is dialled before it is
// needed.
type clients struct {
	metrics  *prometheus.Registry
	pool     *pgxpool.Pool
	health   *postgres.Health
	temporal client.Client
	// polls knows which task queues are polled.
	polls *temporalclient.Polls
}

func open(ctx context.Context, cfg *config.Config, log *slog.Logger) (*clients, error) {
	c := &clients{metrics: prometheus.NewRegistry(), polls: &temporalclient.Polls{}}
	c.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	var err error
	if c.pool, err = connect.Database(ctx, cfg.DB, "worker"); err != nil {
		return nil, err
	}
	if c.health, err = postgres.NewHealth(c.pool); err == nil {
		c.metrics.MustRegister(newOverview(func(ctx context.Context) (tenant.Overview, error) { return postgres.Overview(ctx, c.pool) }, log))
		c.temporal, err = connect.WorkerTemporal(cfg.Temporal, log, c.metrics, c.polls.Intercept())
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *clients) close() {
	if c.temporal != nil {
		c.temporal.Close()
	}
	c.pool.Close()
}
