package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

// burstConcurrency is how many requests of a burst are under way at a time.
const burstConcurrency = 8

// Standby is provisioning where the tenants are made ahead.
type Standby struct {
	// Stock is how many are ready when the first request comes, of each of the two.
	Stock int `json:"stock"`
	// OneInFlight and Burst are as many requests as are in stock, one and eight at a time.
	OneInFlight Result `json:"oneInFlight"`
	Burst       Result `json:"burst"`
	// TakenOneInFlight and TakenBurst count the requests that took one of them: less than
	// all, and the figures are of something else.
	TakenOneInFlight int `json:"takenOneInFlight"`
	TakenBurst       int `json:"takenBurst"`
}

// measureStandby fills the stock, and has as many requests take it: one at a time, and then
// in a burst.
func measureStandby(ctx context.Context, o options) (*Standby, error) {
	s := Standby{Stock: o.standby}
	for _, of := range []struct {
		label       string
		concurrency int
		result      *Result
		taken       *int
	}{{"standby one", 1, &s.OneInFlight, &s.TakenOneInFlight}, {"standby burst", burstConcurrency, &s.Burst, &s.TakenBurst}} {
		if err := s.fill(ctx, o.bin); err != nil {
			return nil, fmt.Errorf("fill the stock: %w", err)
		}
		fmt.Fprintf(os.Stderr, "bench: %d requests, %d at a time\n", s.Stock, of.concurrency)
		if err := s.take(ctx, o.bin, of.label, of.concurrency, of.result, of.taken); err != nil {
			return nil, err
		}
	}
	return &s, nil
}

// with is the product with a stock of that size, and a pace.
func (s *Standby) with(bin, perMinute string) product {
	return product{bin: bin, settings: []string{fmt.Sprintf("STANDBY_TENANTS=%d", s.Stock), "STANDBY_PER_MINUTE=" + perMinute}}
}

// fill fills the stock as fast as the ledger takes it.
func (s *Standby) fill(ctx context.Context, bin string) error {
	c, stop, err := s.with(bin, "6000").start(ctx, 1, both)
	if err != nil {
		return err
	}
	defer stop()
	fmt.Fprintf(os.Stderr, "bench: %d tenants are made ahead\n", s.Stock)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		var ready int
		if err := c.pool.QueryRow(ctx, `SELECT count(*) FROM standby_stock WHERE unfit IS NULL`).Scan(&ready); err != nil {
			return fmt.Errorf("count the stock: %w", err)
		}
		if ready >= s.Stock {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// take has the requests come while the stock is filled at the usual pace.
func (s *Standby) take(ctx context.Context, bin, label string, concurrency int, r *Result, taken *int) error {
	c, stop, err := s.with(bin, "").start(ctx, concurrency, both)
	if err != nil {
		return err
	}
	defer stop()
	began := time.Now()
	if *r, err = drive(ctx, label, s.Stock, concurrency, c.provision); err != nil {
		return err
	}
	err = c.pool.QueryRow(ctx, `SELECT count(*) FROM operations p WHERE p.kind = 'provision' AND p.created_at >= $1
		AND EXISTS (SELECT FROM operations o WHERE o.tenant_id = p.tenant_id AND o.kind = 'prepare')`, began).Scan(taken)
	if err != nil {
		return fmt.Errorf("count the standbys that were taken: %w", err)
	}
	return nil
}
