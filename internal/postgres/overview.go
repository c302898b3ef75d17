package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/tenant"
)

// Overview tells how the installation stands, from indexes over what is open.
func Overview(ctx context.Context, pool *pgxpool.Pool) (tenant.Overview, error) {
	o := tenant.Overview{Open: map[tenant.State]int{}, Incidents: map[tenant.Dependency]int{}}
	for _, state := range tenant.States() {
		if !state.Closed() {
			o.Open[state] = 0
		}
	}
	for _, d := range tenant.Dependencies() {
		o.Incidents[d] = 0
	}
	var oldest float64
	b := &pgx.Batch{}
	b.Queue(`SELECT state, count(*)::int FROM operations WHERE state NOT IN ('SUCCEEDED', 'ROLLED_BACK') GROUP BY state`).
		Query(countInto(o.Open))
	b.Queue(`SELECT dependency, count(*)::int FROM incidents WHERE closed_at IS NULL GROUP BY dependency`).
		Query(countInto(o.Incidents))
	b.Queue(`SELECT count(*)::int FROM findings WHERE state = 'open'`).
		QueryRow(func(row pgx.Row) error { return row.Scan(&o.Findings) })
	b.Queue(`SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 FROM operations WHERE state = 'PENDING'`).
		QueryRow(func(row pgx.Row) error { return row.Scan(&oldest) })
	if err := (database{pool}).run(ctx, b); err != nil {
		return tenant.Overview{}, fmt.Errorf("count what is open: %w", interpret(err))
	}
	o.OldestPending = seconds(oldest)
	return o, nil
}

// countInto reads rows of a name and a number.
func countInto[K ~string](counts map[K]int) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		var name K
		var n int
		_, err := pgx.ForEachRow(rows, []any{&name, &n}, func() error {
			counts[name] = n
			return nil
		})
		return err
	}
}
