package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/tenant"
)

// The questions of Overview. Each reads an index, and nothing else but the rows that
// are open.
const (
	// What waits to be started may be many; the rest is what workers and people have
	// in hand.
	countOpen = `
		SELECT kind, 'PENDING', '', '', count(*)::int, extract(epoch FROM now() - min(created_at))::float8
		FROM operations WHERE state = 'PENDING' GROUP BY kind
		UNION ALL
		SELECT kind, state, coalesce(failed_step, ''), coalesce(failure_class, ''), count(*)::int, extract(epoch FROM now() - min(created_at))::float8
		FROM operations
		WHERE state IN ('RUNNING', 'NEEDS_ATTENTION', 'ROLLING_BACK', 'ROLLBACK_BLOCKED') AND state NOT IN ('SUCCEEDED', 'ROLLED_BACK')
		GROUP BY 1, 2, 3, 4`
	countIncidents = `SELECT dependency, count(*)::int FROM incidents WHERE closed_at IS NULL GROUP BY dependency`
	countFindings  = `SELECT kind, count(*)::int FROM findings WHERE state = 'open' GROUP BY kind`
)

// Overview tells how the installation stands, in one round trip.
func Overview(ctx context.Context, pool *pgxpool.Pool) (tenant.Overview, error) {
	o := tenant.Overview{Incidents: map[tenant.Dependency]int{}, Findings: map[tenant.FindingKind]int{}}
	b := &pgx.Batch{}
	b.Queue(countOpen).Query(func(rows pgx.Rows) (err error) {
		o.Open, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (g tenant.OpenOperations, err error) {
			var oldest float64
			err = row.Scan(&g.Kind, &g.State, &g.Step, &g.Class, &g.Count, &oldest)
			g.Oldest = seconds(oldest)
			return g, err
		})
		return err
	})
	b.Queue(countIncidents).Query(countInto(o.Incidents))
	b.Queue(countFindings).Query(countInto(o.Findings))
	if err := (database{pool}).run(ctx, b); err != nil {
		return tenant.Overview{}, fmt.Errorf("count what is open: %w", interpret(err))
	}
	return o, nil
}

// CountTenants counts the tenants of each status; one that none has is missing. It reads
// all rows.
func CountTenants(ctx context.Context, pool *pgxpool.Pool) (map[tenant.Status]int, error) {
	counts := map[tenant.Status]int{}
	b := &pgx.Batch{}
	b.Queue(`SELECT status, count(*)::int FROM tenants GROUP BY status`).Query(countInto(counts))
	if err := (database{pool}).run(ctx, b); err != nil {
		return nil, fmt.Errorf("count the tenants: %w", interpret(err))
	}
	return counts, nil
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
