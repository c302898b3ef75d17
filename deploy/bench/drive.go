package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"tenant-provisioning/internal/tenant"
)

// drive provisions n tenants at a concurrency and measures it. provision does
// one and returns the time from the request to ACTIVE.
func drive(ctx context.Context, label string, n, concurrency int, provision func(context.Context, tenant.Spec) (time.Duration, error)) (Result, error) {
	before, err := readCPU()
	if err != nil {
		return Result{}, err
	}
	latencies := make([]time.Duration, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(concurrency)
	began := time.Now()
	for i := range n {
		group.Go(func() (err error) {
			latencies[i], err = provision(ctx, tenant.Spec{
				Name: fmt.Sprintf("%s.%d", clinic(label), i),
				Administrator: tenant.Administrator{
					Email: fmt.Sprintf("admin.%d@clinic.example", i), FirstName: "Ada", LastName: "Lovelace",
				},
			})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return Result{}, err
	}
	elapsed := time.Since(began)
	after, err := readCPU()
	if err != nil {
		return Result{}, err
	}
	return result(latencies, elapsed, before, after), nil
}

// clinic is how the names of tenants begin that are provisioned under a label.
func clinic(label string) string { return "Benchmark clinic " + label }
