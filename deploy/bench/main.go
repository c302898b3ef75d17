package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := parse(args)
	if err != nil {
		return err
	}
	report := Report{
		Tenants: o.tenants, LedgerInterval: os.Getenv("LEDGER_INTERVAL"), Channels: os.Getenv("SOROBAN_CHANNELS"),
		Cores: runtime.NumCPU(), GoVersion: runtime.Version(), StartedAt: time.Now().UTC().Truncate(time.Second),
	}
	switch {
	case o.life != nil:
		report.Life, err = measureLife(ctx, o.bin, o.life, o.tenants)
	case o.api.wanted:
		report.API, err = measureAPI(ctx, o.bin, o.api)
	case o.sizes != nil:
		report.Sizes, err = measureSizes(ctx, o)
	case o.migrate > 0:
		report.Migration, err = measureMigration(ctx, o.migrate)
	case o.backup > 0:
		report.Backup, err = measureBackup(ctx, o.bin, o.backup, o.table)
	case o.tune != nil:
		report.Tuning, err = measureTuning(ctx, o)
	case o.evict != nil:
		report.Eviction, err = measureEviction(ctx, o)
	case o.pace > 0:
		report.Pace, err = measurePace(ctx, o.bin, o.pace)
	case o.peers != nil:
		report.Beside, err = measurePeers(ctx, o)
	case o.scale != nil:
		report.Scale, err = measureScale(ctx, o)
	case o.ledger != nil:
		report.Ledgers, err = measureLedgers(ctx, o)
	default:
		report.Runs, err = measureBoth(ctx, o)
	}
	if err != nil {
		return err
	}
	if report.Beside != nil {
		report.Beside.table(os.Stderr)
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	return out.Encode(report)
}

// measureBoth measures the product and raw, at each concurrency.
func measureBoth(ctx context.Context, o options) ([]Run, error) {
	var all []Run
	for i, c := range o.concurrency {
		fmt.Fprintf(os.Stderr, "bench: %d tenants at concurrency %d, raw\n", o.tenants, c)
		raw, err := measureRaw(ctx, fmt.Sprintf("raw %d.%d", i, c), o.tenants, c)
		if err != nil {
			return nil, fmt.Errorf("raw at concurrency %d: %w", c, err)
		}
		fmt.Fprintf(os.Stderr, "bench: %d tenants at concurrency %d, through the API and Temporal\n", o.tenants, c)
		product, err := measureProduct(ctx, o.bin, fmt.Sprintf("product %d.%d", i, c), o.tenants, c)
		if err != nil {
			return nil, fmt.Errorf("product at concurrency %d: %w", c, err)
		}
		all = append(all, Run{
			Concurrency: c, Product: product, Raw: raw, OfRaw: round(product.TenantsPerSecond / raw.TenantsPerSecond),
		})
	}
	return all, nil
}
