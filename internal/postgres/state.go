package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/tenant"
)

// Transitions are what a run writes of the state of its operation, by
// compare-and-set; the reconciler takes an operation from a run that is closed.
type Transitions struct{ pool database }

// NewTransitions writes transitions on a pool.
func NewTransitions(pool *pgxpool.Pool) *Transitions { return &Transitions{pool: database{pool}} }

// Claim gives a PENDING operation to a run, or an open one whose run was
// released. Claiming again what the run has already is no error; an operation
// of another run, a closed one, or one that there is not, is not claimed.
func (t *Transitions) Claim(ctx context.Context, f tenant.Fence) (tenant.Claim, error) {
	lifecycle, _ := f.OfKind().Lifecycle()
	b := &pgx.Batch{}
	b.Queue(`
		WITH claimed AS (
			UPDATE operations SET run_id = $2, started_at = coalesce(started_at, now()), updated_at = now()
			WHERE id = $1 AND generation = $3 AND (state = 'PENDING' OR run_id IS NULL AND state NOT IN ('SUCCEEDED', 'ROLLED_BACK'))
			RETURNING id, tenant_id, kind, state
		)
		`+recordRun("claimed")+` WHERE state <> 'PENDING'`, // else its transition tells
		string(f.Operation), f.Run, f.Generation)
	begins := transition{
		operation: f.Operation, kind: lifecycle.Kind, run: f.Run, from: tenant.StatePending, to: tenant.StateRunning, status: lifecycle.Running,
		pivotPassed: lifecycle.ClaimIsPivot,
	}
	if lifecycle.ClaimIsPivot { // a legal hold may be about to be set
		b.Queue(`SELECT FROM tenants WHERE id = $1 FOR UPDATE`, string(f.Tenant))
		begins.provided = mayBeRemoved
	}
	begins.queue(b)
	if lifecycle.ClaimIsPivot { // it is still PENDING where it may not
		transition{
			operation: f.Operation, kind: lifecycle.Kind, run: f.Run, from: tenant.StatePending, to: tenant.StateRolledBack, status: lifecycle.Undone,
			class: tenant.ClassConflict, reason: "before it began, a legal hold was set, its grace period was prolonged, or somebody changed the tenant's status; nothing was done",
		}.queue(b)
	}
	var c tenant.Claim
	o := tenant.Operation{Kind: lifecycle.Kind}
	var logs []tenant.LogEntry
	b.Queue(`
		SELECT coalesce(run_id = $2, false) AND state NOT IN ('SUCCEEDED', 'ROLLED_BACK') AND generation = $3, pivot_passed,
			state, takeovers > 0, coalesce(failed_step, ''), coalesce(failure_class, ''), coalesce(failure_reason, ''),
			coalesce(from_status, ''), coalesce(to_status, '')
		FROM operations WHERE id = $1`, string(f.Operation), f.Run, f.Generation).QueryRow(func(row pgx.Row) error {
		return row.Scan(&c.Claimed, &c.PivotPassed, &c.State, &c.TakenOver, &c.FailedStep, &c.FailureClass, &c.Reason, &o.FromStatus, &o.ToStatus)
	})
	b.Queue(`SELECT DISTINCT step, status FROM provisioning_logs WHERE operation_id = $1`, string(f.Operation)).Query(func(rows pgx.Rows) (err error) {
		logs, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (l tenant.LogEntry, err error) { return l, row.Scan(&l.Step, &l.Status) })
		return err
	})
	err := t.pool.run(ctx, b)
	if errors.Is(err, pgx.ErrNoRows) { // a restore has lost the row: the run has nothing to do
		return tenant.Claim{}, nil
	}
	if err != nil {
		return tenant.Claim{}, fmt.Errorf("claim operation %s: %w", f.Operation, interpret(err))
	}
	if o.State = c.State; c.Claimed && !c.PivotPassed {
		c.Undos = o.Undos(logs)
	}
	if c.Claimed {
		c.Settled = settled(logs, c.PivotPassed)
	}
	return c, nil
}

// settled finds the steps that a run which claims its operation does not do again.
func settled(logs []tenant.LogEntry, pivotPassed bool) map[tenant.Step]tenant.StepStatus {
	var by map[tenant.Step]tenant.StepStatus
	for _, l := range logs {
		if l.Status == tenant.StepSkipped || pivotPassed && l.Status == tenant.StepCompleted {
			if by == nil {
				by = map[tenant.Step]tenant.StepStatus{}
			}
			by[l.Step] = l.Status
		}
	}
	return by
}

// mayBeRemoved holds of an operation o whose tenant may be removed for good. The
// claim has locked the tenant by then, as whoever sets a legal hold does.
const mayBeRemoved = `EXISTS (SELECT FROM tenants t WHERE t.id = o.tenant_id AND t.status = o.from_status AND t.legal_hold IS NULL
	AND (NOT o.only_due OR t.purge_after <= now()))`

// Release takes an open operation from its run, by compare-and-set, so that
// another run may claim it; its state is kept. Only who has seen that the run
// is closed may do that: from then on the fence keeps out what the run left
// under way. stopped tells that somebody stopped it: then the next run undoes
// what was done before the pivot, where it otherwise goes on. It reports false
// when the operation is closed, or has another run by now.
func (t *Transitions) Release(ctx context.Context, id tenant.OperationID, run string, stopped bool) (bool, error) {
	tag, err := t.pool.Exec(ctx, `
		WITH released AS (
			UPDATE operations SET run_id = NULL, takeovers = takeovers + $3::boolean::integer, updated_at = now()
			WHERE id = $1 AND run_id = $2 AND state NOT IN ('PENDING', 'SUCCEEDED', 'ROLLED_BACK')
			RETURNING id, tenant_id, kind, state
		)
		`+recordRun("released"), string(id), run, stopped)
	if err != nil {
		return false, fmt.Errorf("release operation %s from its run: %w", id, interpret(err))
	}
	return tag.RowsAffected() == 1, nil
}

// Move writes a transition by compare-and-set. Writing one again that is
// already there is no error; otherwise an operation that is not in m.From any
// more, has another run, or has passed the pivot unlike m.BeforePivot, is
// tenant.ErrSuperseded.
func (t *Transitions) Move(ctx context.Context, m tenant.Move) (moved tenant.Moved, err error) {
	err = t.pool.inTx(ctx, func(tx pgx.Tx) error {
		moved = tenant.Moved{}
		written, err := writeMove(ctx, tx, m, &moved)
		if err != nil || !written {
			return err
		}
		return writeConsequences(ctx, tx, m)
	})
	if err != nil {
		return tenant.Moved{}, fmt.Errorf("move operation %s from %s to %s: %w", m.Fence.Operation, m.From, m.To, interpret(err))
	}
	return moved, nil
}

// writeMove reports false when the transition is there already, and in moved what of.
func writeMove(ctx context.Context, tx pgx.Tx, m tenant.Move, moved *tenant.Moved) (bool, error) {
	var state tenant.State
	var run string
	var kind tenant.Kind
	var pivotPassed bool
	var stands tenant.Moved
	err := tx.QueryRow(ctx, `SELECT state, coalesce(run_id, ''), kind, pivot_passed, coalesce(failed_step, ''), coalesce(failure_class, ''), coalesce(failure_reason, '')
		FROM operations WHERE id = $1 AND generation = $2 FOR UPDATE`,
		string(m.Fence.Operation), m.Fence.Generation).Scan(&state, &run, &kind, &pivotPassed, &stands.Step, &stands.Class, &stands.Reason)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return false, tenant.ErrSuperseded
	case err != nil:
		return false, err
	case run != m.Fence.Run:
		return false, tenant.ErrSuperseded
	case state == m.To && m.From != m.To:
		stands.Before = true
		*moved = stands
		return false, nil
	case state != m.From, m.BeforePivot && pivotPassed:
		return false, tenant.ErrSuperseded
	}
	if m.From == m.To && m.Skipped != nil { // the state does not tell whether it is there
		var skipped bool
		err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM provisioning_logs WHERE operation_id = $1 AND step = ANY ($2) AND status = 'SKIPPED')`,
			string(m.Fence.Operation), m.Skipped.Steps).Scan(&skipped)
		if err != nil || skipped {
			return false, err
		}
	}
	t := transition{
		operation: m.Fence.Operation, kind: kind, from: m.From, to: m.To, pivotPassed: pivotPassed,
		step: m.Step, class: m.Class, reason: m.Reason, deadline: m.Deadline,
	}
	if m.To == tenant.StateRolledBack {
		lifecycle, _ := kind.Lifecycle()
		t.status = lifecycle.Undone
	}
	return t.write(ctx, tx)
}

// writeConsequences writes what a transition means to the log and the findings.
func writeConsequences(ctx context.Context, tx pgx.Tx, m tenant.Move) error {
	if m.To == tenant.StateRollingBack && m.Event == tenant.EventSkip {
		return recordSkippedUndo(ctx, tx, m)
	}
	if m.Skipped == nil {
		return nil
	}
	b := &pgx.Batch{}
	for _, step := range m.Skipped.Steps {
		logSkipped(b, m.Fence.Tenant, m.Fence.Operation, step, m.Skipped.Class, m.Skipped.Reason)
	}
	return run(ctx, tx, b)
}

// RollBackPending closes an operation that no run has taken, and audits who
// asked for it, in one transaction. Nothing was done, so nothing is undone: the
// tenant gets the status that the kind's rollback leaves. It reports false, and
// audits nothing, when a run was faster.
func (ops *Operations) RollBackPending(ctx context.Context, o tenant.Operation, reason string, e tenant.AuditEntry) (done bool, err error) {
	lifecycle, _ := o.Kind.Lifecycle()
	err = ops.pool.inTx(ctx, func(tx pgx.Tx) error {
		done, err = transition{
			operation: o.ID, kind: o.Kind, from: tenant.StatePending, to: tenant.StateRolledBack, status: lifecycle.Undone,
			class: tenant.ClassCancelled, reason: reason,
		}.write(ctx, tx)
		if err != nil || !done {
			return err
		}
		return audit(ctx, tx, e)
	})
	if err != nil {
		return false, fmt.Errorf("roll back operation %s: %w", o.ID, interpret(err))
	}
	return done, nil
}
