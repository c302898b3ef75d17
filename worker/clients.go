package main

import (
	"go.temporal.io/sdk/client"

	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/observe"
	"tenant-provisioning/internal/service"
	"tenant-provisioning/internal/temporalclient"
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
	s.Counts.Ledger = observe.NewLedger(s.Metrics)
	s.Counts.Provisioning = connect.Provisioning(s.Metrics, s.Pool, s.Log)
	var err error
	c.temporal, err = connect.WorkerTemporal(s.Config.Temporal, s.Log, s.Metrics, s.Counts, c.polls.Intercept())
	return c, err
}
