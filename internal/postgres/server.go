package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/observe"
	"tenant-provisioning/internal/tenant"
)

// askServer asks for nothing that an ordinary role may not see, but for how far
// replicas have come: that is null without pg_read_all_stats.
const askServer = `
	SELECT (SELECT coalesce(sum(numbackends), 0) FROM pg_stat_database)::int,
		s.connections, current_setting('superuser_reserved_connections')::int + coalesce(current_setting('reserved_connections', true), '0')::int,
		(SELECT count(*) FROM pg_locks WHERE NOT fastpath)::int,
		current_setting('max_locks_per_transaction')::int * (s.connections + current_setting('max_prepared_transactions')::int),
		CASE WHEN pg_is_in_recovery() THEN 0 ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') END::bigint,
		(SELECT pg_wal_lsn_diff(min(replay_lsn), '0/0') FROM pg_stat_replication)::bigint
	FROM (SELECT current_setting('max_connections')::int AS connections) s`

// Server tells what the database's server tells of itself.
func Server(ctx context.Context, pool *pgxpool.Pool) (observe.DatabaseServer, error) {
	return askServerOf(ctx, database{pool})
}

func askServerOf(ctx context.Context, pool database) (observe.DatabaseServer, error) {
	var s observe.DatabaseServer
	err := pool.QueryRow(ctx, askServer).
		Scan(&s.Connections, &s.MaxConnections, &s.Reserved, &s.Locks, &s.MaxLocks, &s.WALPosition, &s.Replayed)
	if err != nil {
		return s, fmt.Errorf("ask the database's server: %w", interpret(err))
	}
	return s, nil
}

// Timing tells how long a provisioning took. Of the ledger it counts from the first
// attempt's beginning to the last one's end.
func (ops *Operations) Timing(ctx context.Context, id tenant.OperationID) (observe.Timing, error) {
	t := observe.Timing{Steps: map[tenant.Step]time.Duration{}}
	b := &pgx.Batch{}
	b.Queue(`SELECT step, duration_ms FROM provisioning_logs WHERE operation_id = $1 AND status = 'COMPLETED' AND duration_ms IS NOT NULL`, string(id)).
		Query(func(rows pgx.Rows) error {
			var step tenant.Step
			var took float64
			_, err := pgx.ForEachRow(rows, []any{&step, &took}, func() error {
				t.Steps[step] = time.Duration(took * float64(time.Millisecond))
				return nil
			})
			return err
		})
	var active, ledger float64
	b.Queue(`
		SELECT coalesce(extract(epoch FROM (
				SELECT l.started_at FROM provisioning_logs l WHERE l.operation_id = o.id AND l.step = $2 AND l.status = 'COMPLETED') - o.created_at), 0)::float8,
			coalesce((SELECT extract(epoch FROM max(l.started_at + make_interval(secs => l.duration_ms / 1000)) - min(l.started_at))
				FROM provisioning_logs l WHERE l.operation_id = o.id AND l.step = $3), 0)::float8
		FROM operations o WHERE o.id = $1`, string(id), string(tenant.StepMarkActive), string(tenant.StepDeployContract)).
		QueryRow(func(row pgx.Row) error { return row.Scan(&active, &ledger) })
	if err := ops.pool.run(ctx, b); err != nil {
		return t, fmt.Errorf("read the times of operation %s: %w", id, interpret(err))
	}
	t.ToActive, t.Ledger = seconds(active), seconds(ledger)
	return t, nil
}
