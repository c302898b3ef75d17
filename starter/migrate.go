package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/starter/output"
)

func (a *app) migrate() *cobra.Command {
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the control tables of the database to this version",
		Long: `Bring the control tables of the database to this version. It may be run twice,
and by several at once. Programs of the version before go on meanwhile; what
they can no longer do they refuse, and their /readyz says that they are to be
replaced. The tenants' own schemas are not touched: "starter migrate tenants"
does those. Names of tenants that look
the same by this version's rule are listed: they stay, and nobody else can take
one.`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, _ []string) error {
		cfg, err := a.load(config.NeedDB)
		if err != nil {
			return err
		}
		pool, err := openDatabase(cmd.Context(), cfg)
		if err != nil {
			return err
		}
		defer pool.Close()
		m, err := migrateWithin(cmd.Context(), a, pool, wait)
		if err != nil {
			return err
		}
		return a.answer(m)
	})
	waitFlag(cmd, &wait)
	cmd.AddCommand(a.migrateTenants())
	return cmd
}

func migrateWithin(ctx context.Context, a *app, pool *pgxpool.Pool, wait time.Duration) (m output.Migration, err error) {
	err = a.until(ctx, wait, "PostgreSQL", func(ctx context.Context) error {
		if m.From, m.To, err = postgres.Migrate(ctx, pool); err != nil {
			return err
		}
		m.Alike, err = postgres.RefoldNames(ctx, pool)
		return err
	})
	if err != nil {
		return m, fmt.Errorf("migrate the database: %w", err)
	}
	return m, nil
}
