package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tenant-provisioning/internal/tenant"
)

// RecordFailure writes a failed attempt into the log, in a transaction of its
// own: the step's was rolled back. One that has done the step all the same, and
// does not know, stays as it is. Only one that tells something of what the step
// is known to depend on may be counted with others.
func (is *Incidents) RecordFailure(ctx context.Context, f tenant.Fence, fail tenant.Failure) error {
	passing := !fail.Permanent && !fail.Lost && !fail.Alone && fail.Step.Needs(fail.DependsOn())
	_, err := is.pool.Exec(ctx, `
		WITH begun AS (
			UPDATE provisioning_logs SET status = 'FAILED', error_class = nullif($4, ''), error = $5, duration_ms = $6, passing = $7, dependency = $9
			WHERE id = $8 AND step = $3 AND status <> 'COMPLETED'
		)
		INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, attempt, error_class, error, duration_ms, passing, dependency, started_at)
		SELECT $1, $2, $3, 'FAILED', next_attempt($2, $3), nullif($4, ''), $5, $6, $7, $9,
			clock_timestamp() - make_interval(secs => $6 / 1000)
		WHERE NOT EXISTS (SELECT FROM provisioning_logs WHERE id = $8 AND step = $3)`,
		string(f.Tenant), string(f.Operation), string(fail.Step), string(fail.Class), fail.Reason, milliseconds(fail.Duration),
		passing, int64(fail.Attempt), string(fail.DependsOn()))
	if err != nil {
		return fmt.Errorf("log the failure of %s: %w", fail.Step, interpret(err))
	}
	return nil
}

// beginAttempt logs the start of an attempt at a step that leaves the
// database, and sets its id. One that is still there was lost with its worker,
// or will come back late.
func beginAttempt(b *pgx.Batch, f tenant.Fence, step tenant.Step, id *tenant.AttemptID) {
	b.Queue(`
		UPDATE provisioning_logs SET status = 'FAILED', error = 'the attempt was lost: its worker ended, or it ran out of time',
			duration_ms = extract(epoch FROM clock_timestamp() - started_at) * 1000
		WHERE operation_id = $1 AND step = $2 AND status = 'IN_PROGRESS'`, string(f.Operation), string(step))
	b.Queue(`
		INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, attempt)
		VALUES ($1, $2, $3, 'IN_PROGRESS', next_attempt($2, $3)) RETURNING id`, string(f.Tenant), string(f.Operation), string(step)).
		QueryRow(func(row pgx.Row) error { return row.Scan(id) })
}

// completeAttempt closes an attempt as the one that has done the step: the
// first that comes to that, even if it was taken for lost.
func completeAttempt(b *pgx.Batch, f tenant.Fence, step tenant.Step, id tenant.AttemptID) {
	b.Queue(`
		UPDATE provisioning_logs SET status = CASE WHEN id = $3 THEN 'COMPLETED' ELSE 'FAILED' END,
			error = CASE WHEN id <> $3 THEN 'another attempt has done the step' END, error_class = NULL, passing = false,
			duration_ms = extract(epoch FROM clock_timestamp() - started_at) * 1000
		WHERE operation_id = $1 AND step = $2 AND (id = $3 OR status = 'IN_PROGRESS')
		  AND NOT EXISTS (SELECT FROM provisioning_logs WHERE operation_id = $1 AND step = $2 AND status = 'COMPLETED')`,
		string(f.Operation), string(step), int64(id))
}

// doStep does a step whose whole effect is in the database, in one transaction: it
// passes the fence, does what queue adds, and logs that the step was done unless
// the log has it. A repeated attempt comes here as well, so what queue adds has to
// bear that.
func (d database) doStep(ctx context.Context, f tenant.Fence, step tenant.Step, queue func(*pgx.Batch)) error {
	b := &pgx.Batch{}
	b.Queue(passFence, fenceArgs(f)...)
	queue(b)
	logDone(b, f, step)
	if err := d.run(ctx, b); err != nil {
		return stepError(step, err)
	}
	return nil
}

// logDone logs that a step was done, within its transaction, unless the log has it.
func logDone(b *pgx.Batch, f tenant.Fence, step tenant.Step) {
	b.Queue(`
		INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, attempt, started_at, duration_ms)
		SELECT $1::uuid, $2::uuid, $3::text, 'COMPLETED', next_attempt($2::uuid, $3::text), now(), extract(epoch FROM clock_timestamp() - now()) * 1000
		WHERE NOT EXISTS (SELECT FROM provisioning_logs WHERE operation_id = $2::uuid AND step = $3::text AND status = 'COMPLETED')`,
		string(f.Tenant), string(f.Operation), string(step))
}

// logSkipped writes that a step is given up, unless it was done or given up before.
func logSkipped(b *pgx.Batch, id tenant.ID, operation tenant.OperationID, step tenant.Step, class tenant.FailureClass, reason string) {
	b.Queue(`
		INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, attempt, error_class, error)
		SELECT $1, $2, $3, 'SKIPPED', next_attempt($2, $3), nullif($4, ''), nullif($5, '')
		WHERE NOT EXISTS (SELECT FROM provisioning_logs WHERE operation_id = $2 AND step = $3 AND status IN ('COMPLETED', 'SKIPPED'))`,
		string(id), string(operation), string(step), string(class), reason)
}

// logUndo writes that a step's effect was undone.
func logUndo(b *pgx.Batch, f tenant.Fence, step tenant.Step, took time.Duration) {
	b.Queue(`
		INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, attempt, undo_duration_ms)
		VALUES ($1, $2, $3, 'ROLLED_BACK', next_attempt($2, $3), $4)`,
		string(f.Tenant), string(f.Operation), string(step), milliseconds(took))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// The query of an operation's log, around what gives the operation's id.
const (
	selectLogs = `
		SELECT step, status, attempt, coalesce(duration_ms, 0), coalesce(undo_duration_ms, 0),
			coalesce(error_class, ''), coalesce(error, ''), created_at
		FROM provisioning_logs WHERE operation_id = `
	inOrder = ` ORDER BY id`
)

func scanLog(row pgx.CollectableRow) (tenant.LogEntry, error) {
	var e tenant.LogEntry
	var took, undo float64
	err := row.Scan(&e.Step, &e.Status, &e.Attempt, &took, &undo, &e.ErrorClass, &e.Error, &e.CreatedAt)
	e.Duration = time.Duration(took * float64(time.Millisecond))
	e.UndoDuration = time.Duration(undo * float64(time.Millisecond))
	return e, err
}

// Logs reads the log of an operation, oldest first.
func (ops *Operations) Logs(ctx context.Context, id tenant.OperationID) ([]tenant.LogEntry, error) {
	rows, err := ops.pool.Query(ctx, selectLogs+`$1`+inOrder, string(id))
	if err != nil {
		return nil, fmt.Errorf("read the log of operation %s: %w", id, interpret(err))
	}
	entries, err := pgx.CollectRows(rows, scanLog)
	if err != nil {
		return nil, fmt.Errorf("read the log of operation %s: %w", id, interpret(err))
	}
	return entries, nil
}

// CompletedSteps lists which steps of operations have been done.
func (ops *Operations) CompletedSteps(ctx context.Context, ids []tenant.OperationID) (map[tenant.OperationID][]tenant.Step, error) {
	rows, err := ops.pool.Query(ctx, `
		SELECT DISTINCT operation_id, step FROM provisioning_logs WHERE operation_id = ANY ($1::text[]::uuid[]) AND status = 'COMPLETED'`, ids)
	if err != nil {
		return nil, fmt.Errorf("read which steps are done: %w", interpret(err))
	}
	done := map[tenant.OperationID][]tenant.Step{}
	var id tenant.OperationID
	var step tenant.Step
	if _, err := pgx.ForEachRow(rows, []any{&id, &step}, func() error {
		done[id] = append(done[id], step)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read which steps are done: %w", interpret(err))
	}
	return done, nil
}
