package main

import (
	"context"

	"go.temporal.io/sdk/client"

	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/service"
	"tenant-provisioning/internal/temporalclient"
	"tenant-provisioning/internal/tenant"
)

// clients are what this process has besides.
type clients struct {
	*service.Service
	temporal client.Client
	// polls knows which task queues are polled.
	polls *temporalclient.Polls
}

func open(s *service.Service) (*clients, error) {
	c := &clients{Service: s, polls: &temporalclient.Polls{}}
	s.Metrics.MustRegister(newOverview(func(ctx context.Context) (tenant.Overview, error) { return postgres.Overview(ctx, s.Pool) }, s.Log))
	var err error
	c.temporal, err = connect.WorkerTemporal(s.Config.Temporal, s.Log, s.Metrics, c.polls.Intercept())
	return c, err
}
