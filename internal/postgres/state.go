package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tenant-provisioning/internal/tenant"
)

// Claim gives a PENDING operation to a run, or an open one whose run was
// released. Claiming again what the run has already is no error; an operation
// of another run, a closed one, or one that there is not, is not claimed.
func (s *Store) Claim(ctx context.Context, f tenant.Fence) (tenant.Claim, error) {
	var c tenant.Claim
	err := s.pool.QueryRow(ctx, `
		WITH claimed AS (
			UPDATE operations SET state = CASE state WHEN 'PENDING' THEN 'RUNNING' ELSE state END,
				run_id = $2, started_at = coalesce(started_at, now()), updated_at = now()
			WHERE id = $1 AND generation = $3
			  AND (state = 'PENDING' OR run_id IS NULL AND state NOT IN ('SUCCEEDED', 'ROLLED_BACK'))
			RETURNING tenant_id, pivot_passed, state, takeovers > 0 AS taken_over, failed_step, failure_class, failure_reason
		), begun AS (
			UPDATE tenants t SET status = 'PROVISIONING', version = version + 1, updated_at = now()
			FROM claimed c WHERE t.id = c.tenant_id AND t.status = 'PENDING'
		)
		SELECT true, pivot_passed, state, taken_over, coalesce(failed_step, ''), coalesce(failure_class, ''), coalesce(failure_reason, '')
		FROM claimed
		UNION ALL
		SELECT coalesce(run_id = $2, false) AND state NOT IN ('SUCCEEDED', 'ROLLED_BACK') AND generation = $3, pivot_passed,
			state, takeovers > 0, coalesce(failed_step, ''), coalesce(failure_class, ''), coalesce(failure_reason, '')
		FROM operations WHERE id = $1 AND NOT EXISTS (SELECT FROM claimed)`,
		string(f.Operation), f.Run, f.Generation).
		Scan(&c.Claimed, &c.PivotPassed, &c.State, &c.TakenOver, &c.FailedStep, &c.FailureClass, &c.Reason)
	if errors.Is(err, pgx.ErrNoRows) { // a restore has lost the row: the run has nothing to do
		return tenant.Claim{}, nil
	}
	if err != nil {
		return tenant.Claim{}, fmt.Errorf("claim operation %s: %w", f.Operation, interpret(err))
	}
	return c, nil
}

// ReleaseRun takes an open operation from its run, by compare-and-set, so that
// another run may claim it; its state is kept. Only who has seen that the run
// is closed may do that: from then on the fence keeps out what the run left
// under way. stopped tells that somebody stopped it: then the next run undoes
// what was done before the pivot, where it otherwise goes on. It reports false
// when the operation is closed, or has another run by now.
func (s *Store) ReleaseRun(ctx context.Context, id tenant.OperationID, run string, stopped bool) (bool, error) {
	tag, err := s.pool.Exec(ctx, `
		UPDATE operations SET run_id = NULL, takeovers = takeovers + $3::boolean::integer, updated_at = now()
		WHERE id = $1 AND run_id = $2 AND state NOT IN ('PENDING', 'SUCCEEDED', 'ROLLED_BACK')`, string(id), run, stopped)
	if err != nil {
		return false, fmt.Errorf("release operation %s from its run: %w", id, interpret(err))
	}
	return tag.RowsAffected() == 1, nil
}

// Move writes a transition by compare-and-set. Writing one again that is
// already there is no error; otherwise an operation that is not in m.From any
// more, has another run, or has passed the pivot unlike m.BeforePivot, is
// tenant.ErrSuperseded.
func (s *Store) Move(ctx context.Context, m tenant.Move) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		moved, err := writeMove(ctx, tx, m)
		if err != nil || !moved {
			return err
		}
		return writeConsequences(ctx, tx, m)
	})
	if err != nil {
		return fmt.Errorf("move operation %s from %s to %s: %w", m.Fence.Operation, m.From, m.To, interpret(err))
	}
	return nil
}

// writeMove reports false when the transition is there already.
func writeMove(ctx context.Context, tx pgx.Tx, m tenant.Move) (bool, error) {
	var state tenant.State
	var run string
	var pivotPassed bool
	err := tx.QueryRow(ctx, `SELECT state, coalesce(run_id, ''), pivot_passed FROM operations WHERE id = $1 AND generation = $2 FOR UPDATE`,
		string(m.Fence.Operation), m.Fence.Generation).Scan(&state, &run, &pivotPassed)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return false, tenant.ErrSuperseded
	case err != nil:
		return false, err
	case run != m.Fence.Run:
		return false, tenant.ErrSuperseded
	case state == m.To && m.From != m.To:
		return false, nil
	case state != m.From, m.BeforePivot && pivotPassed:
		return false, tenant.ErrSuperseded
	}
	var deadline *time.Time
	if !m.Deadline.IsZero() {
		deadline = &m.Deadline
	}
	_, err = tx.Exec(ctx, `
		UPDATE operations SET state = $2, failed_step = nullif($3, ''), failure_class = nullif($4, ''),
			failure_reason = nullif($5, ''), attention_deadline = $6, updated_at = now(),
			blocked_since = CASE $2 WHEN 'ROLLBACK_BLOCKED' THEN coalesce(blocked_since, now()) ELSE blocked_since END,
			attempts = coalesce((SELECT max(attempt) FROM provisioning_logs WHERE operation_id = $1 AND step = $3), 0),
			finished_at = CASE WHEN $2 IN ('SUCCEEDED', 'ROLLED_BACK') THEN now() END
		WHERE id = $1`,
		string(m.Fence.Operation), string(m.To), string(m.Step), string(m.Class), m.Reason, deadline)
	return true, err
}

// writeConsequences writes what a transition means to the tenant and the log.
func writeConsequences(ctx context.Context, tx pgx.Tx, m tenant.Move) error {
	switch m.To {
	case tenant.StateRollingBack:
		if m.Event != tenant.EventSkip {
			return nil
		}
		return recordSkippedUndo(ctx, tx, m)
	case tenant.StateRolledBack:
		_, err := tx.Exec(ctx, `
			UPDATE tenants SET status = 'FAILED', failure_reason = $2, contract_id = NULL, version = version + 1, updated_at = now()
			WHERE id = $1 AND status IN ('PENDING', 'PROVISIONING')`, string(m.Fence.Tenant), m.Reason)
		return err
	case tenant.StateSucceeded: // reached by a move only when a step was given up
		_, err := tx.Exec(ctx, `
			INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, attempt, error_class, error)
			VALUES ($1, $2, $3, 'SKIPPED', next_attempt($2, $3), nullif($4, ''), nullif($5, ''))`,
			string(m.Fence.Tenant), string(m.Fence.Operation), string(m.Step), string(m.Class), m.Reason)
		return err
	default:
		return nil
	}
}

// RollBackPending closes an operation that no run has taken, and audits who
// asked for it, in one transaction. Nothing was done, so nothing is undone. It
// reports false, and audits nothing, when a run was faster.
func (s *Store) RollBackPending(ctx context.Context, id tenant.OperationID, reason string, e tenant.AuditEntry) (done bool, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			WITH closed AS (
				UPDATE operations SET state = 'ROLLED_BACK', failure_class = 'cancelled', failure_reason = $2, finished_at = now(), updated_at = now()
				WHERE id = $1 AND state = 'PENDING' RETURNING tenant_id
			)
			UPDATE tenants t SET status = 'FAILED', failure_reason = $2, version = version + 1, updated_at = now()
			FROM closed c WHERE t.id = c.tenant_id`, string(id), reason)
		if err != nil || tag.RowsAffected() != 1 {
			return err
		}
		done = true
		return audit(ctx, tx, e)
	})
	if err != nil {
		return false, fmt.Errorf("roll back operation %s: %w", id, interpret(err))
	}
	return done, nil
}
