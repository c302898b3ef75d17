package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"tenant-provisioning/deploy/bench/steps"
	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/tenant"
)

// plain does the work of a run without one: the same calls in the same order,
// by a loop that forgets everything when it ends.
type plain struct{ *steps.Steps }

// measureRaw measures the plain loop. No worker may run beside it: it would
// start the operations as well.
func measureRaw(ctx context.Context, label string, n, concurrency int) (Result, error) {
	p, stop, err := newPlain(ctx)
	if err != nil {
		return Result{}, err
	}
	defer stop()
	return drive(ctx, label, n, concurrency, p.provision)
}

func newPlain(ctx context.Context) (p plain, stop func(), err error) {
	cfg, err := config.Load(config.Options{}, connect.NeedBySteps)
	if err != nil {
		return plain{}, nil, err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	pool, err := connect.Database(ctx, cfg.DB, "bench", connect.Metrics{})
	if err != nil {
		return plain{}, nil, err
	}
	if p.Steps, err = steps.New(ctx, cfg, pool, log, "raw"); err != nil {
		pool.Close()
		return plain{}, nil, err
	}
	return p, func() { p.Close(); pool.Close() }, nil
}

func (p plain) provision(ctx context.Context, n tenant.Spec) (time.Duration, error) {
	began := time.Now()
	f, err := p.make(ctx, n)
	if err != nil {
		return 0, err
	}
	if err := p.DeployContract(ctx, f); err != nil {
		return 0, err
	}
	if err := p.MarkActive(ctx, f); err != nil {
		return 0, err
	}
	active := time.Since(began)
	return active, p.SendWelcomeEmail(ctx, f)
}

// make accepts a tenant and makes its schema.
func (p plain) make(ctx context.Context, n tenant.Spec) (tenant.Fence, error) {
	f, err := p.Accept(ctx, n)
	if err != nil {
		return f, err
	}
	return f, p.CreateSchema(ctx, f)
}

// fill makes a tenant that only the database knows of.
func (p plain) fill(ctx context.Context, n tenant.Spec) (time.Duration, error) {
	began := time.Now()
	f, err := p.make(ctx, n)
	if err != nil {
		return 0, err
	}
	return time.Since(began), p.Pretend(ctx, f)
}
