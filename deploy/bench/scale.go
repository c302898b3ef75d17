package main

import (
	"context"
	"fmt"
	"os"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
)

// scaleLead is how many tenants make connections before those that are measured.
const scaleLead = 4

// Scale is provisioning, one tenant at a time, in a database that has so many already.
type Scale struct {
	// Tenants are there when the first is measured; those that are measured come to them.
	Tenants int `json:"tenants"`
	Rounds  int `json:"rounds"`
	// Latencies from the request to ACTIVE, in milliseconds, of the product and of raw, in
	// turns.
	P50    Spread `json:"p50ms"`
	P95    Spread `json:"p95ms"`
	RawP50 Spread `json:"rawP50ms"`
	RawP95 Spread `json:"rawP95ms"`
	// OfFirst is the median of P50 as a part of that at the first size, and RawOfFirst
	// raw's: what PostgreSQL alone makes of the size.
	OfFirst    float64 `json:"ofFirst"`
	RawOfFirst float64 `json:"rawOfFirst"`
}

// measureScale provisions in one database that grows to each of the sizes.
func measureScale(ctx context.Context, o options) ([]Scale, error) {
	if err := pauseReconciler(ctx); err != nil {
		return nil, err
	}
	var all []Scale
	for _, size := range o.scale {
		there, err := grow(ctx, size)
		if err != nil {
			return nil, fmt.Errorf("fill the database up to %d tenants: %w", size, err)
		}
		at, err := o.scaled(ctx, size)
		if err != nil {
			return nil, fmt.Errorf("at %d tenants: %w", size, err)
		}
		at.Tenants, at.OfFirst, at.RawOfFirst = there, 1, 1
		if all != nil {
			at.OfFirst, at.RawOfFirst = round(at.P50.Median/all[0].P50.Median), round(at.RawP50.Median/all[0].RawP50.Median)
		}
		all = append(all, at)
	}
	return all, nil
}

// grow fills the database up to so many tenants, waits until it has come to rest, and
// returns how many there are: more, where there were more before.
func grow(ctx context.Context, size int) (there int, err error) {
	cfg, err := config.Load(config.Options{}, config.NeedDB)
	if err != nil {
		return 0, err
	}
	pool, err := connect.Database(ctx, cfg.DB, "bench", connect.Metrics{})
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	const count = `SELECT count(*) FROM tenants`
	if err := pool.QueryRow(ctx, count).Scan(&there); err != nil {
		return 0, err
	}
	fmt.Fprintf(os.Stderr, "bench: the database is filled up to %d tenants from %d\n", size, there)
	if err := fill(ctx, size, max(0, size-there)); err != nil {
		return 0, err
	}
	if _, err := pool.Exec(ctx, `VACUUM ANALYZE`); err != nil { // or it comes while something is measured
		return 0, fmt.Errorf("vacuum the database: %w", err)
	}
	if _, err := idle(ctx); err != nil {
		return 0, err
	}
	return there, pool.QueryRow(ctx, count).Scan(&there)
}

// scaled measures one size.
func (o options) scaled(ctx context.Context, size int) (Scale, error) {
	ways := []way{{byRaw, 1}, {byProduct, 1}}
	all, err := inTurns(ctx, o.api.rounds, ways, func(w way, round int) (r Result, err error) {
		s, err := o.start(ctx, w)
		if err != nil {
			return r, err
		}
		defer s.stop()
		label := fmt.Sprintf("scale %d %s %d", size, w.name, round)
		if _, err := drive(ctx, label+" lead", scaleLead, 1, s.provision); err != nil {
			return r, err
		}
		return drive(ctx, label, o.tenants, 1, s.provision)
	})
	if err != nil {
		return Scale{}, err
	}
	p50 := func(r Result) float64 { return r.P50 }
	return Scale{
		Rounds: len(all[0]), RawP50: over(all[0], p50), RawP95: over(all[0], p95), P50: over(all[1], p50), P95: over(all[1], p95),
	}, nil
}
