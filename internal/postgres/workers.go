package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/tenant"
)

const (
	// workersKept is how long the row of a worker that is gone is kept.
	workersKept = 7 * 24 * time.Hour
	// maxWorkers bounds a look at them.
	maxWorkers = 200
)

// Workers is what workers tell of themselves, and the outages of all of them.
type Workers struct{ pool database }

// NewWorkers reads and writes about workers on a pool.
func NewWorkers(pool *pgxpool.Pool) *Workers { return &Workers{pool: database{pool}} }

// Beat writes what a worker tells of itself, now by the database's clock. The
// first one of its life also removes what is left of workers of long ago.
func (ws *Workers) Beat(ctx context.Context, b tenant.Beat) error {
	_, err := ws.pool.Exec(ctx, `
		WITH old AS (
			DELETE FROM workers o WHERE o.last_seen < now() - $9::interval AND NOT EXISTS (SELECT FROM workers w WHERE w.id = $1)
		)
		INSERT INTO workers (id, host, version, namespace, task_queue, queues, waits_for, note, dispatched_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, CASE WHEN $10::float8 >= 0 THEN now() - make_interval(secs => $10) END)
		ON CONFLICT (id) DO UPDATE SET queues = EXCLUDED.queues, note = EXCLUDED.note, waits_for = EXCLUDED.waits_for,
			waits_since = CASE WHEN workers.waits_for = EXCLUDED.waits_for THEN workers.waits_since ELSE now() END,
			dispatched_at = EXCLUDED.dispatched_at, last_seen = now(), stopped_at = NULL`,
		b.ID, b.Host, b.Version, b.Namespace, b.TaskQueue, b.Queues, b.WaitsFor, b.Note, workersKept, b.Dispatched.Seconds())
	if err != nil {
		return fmt.Errorf("write that the worker lives: %w", interpret(err))
	}
	return nil
}

// Stops notes that a worker ends in order.
func (ws *Workers) Stops(ctx context.Context, id string) error {
	if _, err := ws.pool.Exec(ctx, `UPDATE workers SET last_seen = now(), stopped_at = now() WHERE id = $1`, id); err != nil {
		return fmt.Errorf("write that the worker ends: %w", interpret(err))
	}
	return nil
}

// State reads what workers tell of themselves, and what waits for them, in one
// round trip.
func (ws *Workers) State(ctx context.Context) (tenant.WorkerState, error) {
	var w tenant.WorkerState
	b := &pgx.Batch{}
	b.Queue(`
		SELECT id, host, version, namespace, task_queue, queues, waits_for, extract(epoch FROM now() - waits_since)::float8, note,
			last_seen, stopped_at IS NOT NULL, extract(epoch FROM now() - last_seen)::float8, extract(epoch FROM now() - started_at)::float8
		FROM workers ORDER BY last_seen DESC LIMIT $1`, maxWorkers).
		Query(func(rows pgx.Rows) (err error) {
			w.Workers, err = pgx.CollectRows(rows, scanWorker)
			return err
		})
	var waited, progress *float64
	b.Queue(`
		SELECT now(), count(*) FILTER (WHERE state = 'PENDING')::int, count(*) FILTER (WHERE state IN ('RUNNING', 'ROLLING_BACK'))::int,
			extract(epoch FROM now() - min(CASE state WHEN 'PENDING' THEN created_at ELSE updated_at END)
				FILTER (WHERE state IN ('PENDING', 'RUNNING', 'ROLLING_BACK')))::float8,
			extract(epoch FROM now() - greatest(max(updated_at) FILTER (WHERE state <> 'PENDING'),
				(SELECT started_at FROM provisioning_logs WHERE step <> 'CREATE_TENANT_RECORD' ORDER BY id DESC LIMIT 1),
				(SELECT max(closed_at) FROM incidents)))::float8,
			EXISTS (SELECT FROM incidents WHERE closed_at IS NULL)
		FROM operations WHERE state NOT IN ('SUCCEEDED', 'ROLLED_BACK')`).
		QueryRow(func(row pgx.Row) error {
			return row.Scan(&w.Now, &w.Pending, &w.Running, &waited, &progress, &w.Incident)
		})
	b.Queue(`SELECT ` + outageColumns + ` FROM worker_outages o WHERE o.closed_at IS NULL`).
		Query(func(rows pgx.Rows) error {
			open, err := pgx.CollectRows(rows, scanOutage)
			if len(open) > 0 {
				w.Outage = open[0]
			}
			return err
		})
	if err := ws.pool.SendBatch(ctx, b).Close(); err != nil {
		return tenant.WorkerState{}, fmt.Errorf("look for workers: %w", interpret(err))
	}
	w.Progress = -1
	if waited != nil {
		w.Waited = seconds(*waited)
	}
	if progress != nil {
		w.Progress = max(0, seconds(*progress))
	}
	return w, nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func scanWorker(row pgx.CollectableRow) (tenant.Worker, error) {
	var w tenant.Worker
	var waited, silence, age float64
	err := row.Scan(&w.ID, &w.Host, &w.Version, &w.Namespace, &w.TaskQueue, &w.Queues, &w.WaitsFor, &waited, &w.Note,
		&w.LastSeen, &w.Stopped, &silence, &age)
	w.Waited, w.Silence, w.Age = seconds(waited), seconds(silence), seconds(age)
	return w, err
}

const outageColumns = `o.id, o.cause, o.waiting, o.opened_at, o.closed_at`

func scanOutage(row pgx.CollectableRow) (tenant.WorkerOutage, error) {
	var o tenant.WorkerOutage
	var closed *time.Time
	err := row.Scan(&o.ID, &o.Cause, &o.Waiting, &o.OpenedAt, &closed)
	o.ClosedAt = orZero(closed)
	return o, err
}

// OpenOutage notes that no worker takes work. It reports false when an
// outage is open already, which is kept.
func (ws *Workers) OpenOutage(ctx context.Context, o tenant.WorkerOutage) (opened bool, err error) {
	tag, err := ws.pool.Exec(ctx, `
		INSERT INTO worker_outages (cause, waiting, opened_at) VALUES ($1, $2, least($3, now()))
		ON CONFLICT ((closed_at IS NULL)) WHERE closed_at IS NULL DO NOTHING`, o.Cause, o.Waiting, o.OpenedAt)
	if err != nil {
		return false, fmt.Errorf("note that no worker takes work: %w", interpret(err))
	}
	return tag.RowsAffected() > 0, nil
}

// CloseOutage notes that a worker takes work again. It reports false when
// no outage was open.
func (ws *Workers) CloseOutage(ctx context.Context) (closed bool, err error) {
	tag, err := ws.pool.Exec(ctx, `UPDATE worker_outages SET closed_at = now() WHERE closed_at IS NULL`)
	if err != nil {
		return false, fmt.Errorf("note that a worker takes work again: %w", interpret(err))
	}
	return tag.RowsAffected() > 0, nil
}
