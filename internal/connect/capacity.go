package connect

import (
	"context"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/capacity"
	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/observe"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

const stroops = 10_000_000

// Capacity makes what reads whether there is room for more tenants. balances tells what
// there is to pay with on the ledger.
func Capacity(cfg *config.Config, pool *pgxpool.Pool, balances func(context.Context) (observe.Balances, error), log *slog.Logger) *capacity.Reader {
	store := postgres.NewCapacities(pool)
	return capacity.New(capacity.Config{Store: store, Logger: log, Measures: []capacity.Measure{
		func(ctx context.Context) ([]tenant.CapacityReading, error) {
			return store.Measure(ctx, cfg.DB.DiskBytes)
		},
		func(ctx context.Context) ([]tenant.CapacityReading, error) {
			return measureBalance(ctx, balances, func(ctx context.Context) (int64, error) { return store.Paid(ctx, cfg.Soroban.Passphrase) })
		},
	}})
}

// measureBalance counts what was paid against that and what is there, but for what the
// transactions need that may be under way at a time.
func measureBalance(ctx context.Context, balances func(context.Context) (observe.Balances, error), paid func(context.Context) (int64, error)) ([]tenant.CapacityReading, error) {
	has, err := balances(ctx)
	if err != nil {
		return nil, err
	}
	used, err := paid(ctx)
	if err != nil {
		return nil, err
	}
	payer := has.Deployer
	if has.FeePayer != nil {
		payer = *has.FeePayer
	}
	bound := used + int64((payer-has.Needed)*stroops)
	return []tenant.CapacityReading{{Resource: tenant.ResourceBalance, Used: used, Bound: &bound}}, nil
}
