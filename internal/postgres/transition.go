package postgres

import (
	"cmp"
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tenant-provisioning/internal/tenant"
)

// transition is a change of an operation's state, of its tenant's status, or of
// both. Nothing else writes these two: an acceptance makes an operation PENDING,
// all that follows is a transition.
type transition struct {
	operation tenant.OperationID
	kind      tenant.Kind
	// run must have the operation; empty is any.
	run      string
	from, to tenant.State
	// pivotPassed tells on which side of the pivot the operation is afterwards.
	pivotPassed bool
	// status is the tenant's afterwards; empty leaves it.
	status tenant.Status
	// provided is SQL that must hold of the operation o; empty is none.
	provided string
	step     tenant.Step
	class    tenant.FailureClass
	reason   string
	deadline time.Time
}

// Both parts of the statement, with what must hold between them. It changes
// nothing unless the operation is in the state, and has the run, that the
// transition is from. The tenant's version rises with its status, and when an
// operation of it ends.
const (
	moveOperation = `
	WITH moved AS (
		UPDATE operations o SET state = $3, allowed_actions = $4, pivot_passed = $5,
			failed_step = nullif($6, ''), failure_class = nullif($7, ''), failure_reason = nullif($8, ''), attention_deadline = $9,
			attempts = coalesce((SELECT max(attempt) FROM provisioning_logs WHERE operation_id = $1 AND step = $6), 0),
			blocked_since = CASE $3 WHEN 'ROLLBACK_BLOCKED' THEN coalesce(blocked_since, now()) ELSE blocked_since END,
			finished_at = CASE WHEN $10 THEN coalesce(finished_at, now()) END, updated_at = now()
		WHERE id = $1 AND state = $2 AND ($11 = '' OR run_id = $11)`
	changeTenant = `
		RETURNING id, tenant_id, kind, attention_period, new_name
	), changed AS (
		UPDATE tenants t SET status = coalesce(nullif($12, ''), status), version = version + 1, updated_at = now(),
			name_held = coalesce(nullif($12, ''), status) = ANY ($13),
			-- The pivot makes the name that was held for it the tenant's; a rollback lets it go.
			name = CASE WHEN $5 AND next_name_key IS NOT NULL THEN coalesce(m.new_name, name) ELSE name END,
			name_key = CASE WHEN $5 THEN coalesce(next_name_key, name_key) ELSE name_key END,
			next_name_key = CASE WHEN NOT ($5 OR $10) THEN next_name_key END,
			failure_reason = CASE $12 WHEN '' THEN failure_reason WHEN 'FAILED' THEN nullif($8, '') END,
			contract_id = CASE $12 WHEN 'FAILED' THEN NULL ELSE contract_id END,
			activated_at = CASE $12 WHEN 'ACTIVE' THEN coalesce(activated_at, now()) ELSE activated_at END,
			-- Whoever has taken an archive's operation back has time to think again.
			purge_after = CASE WHEN $3 = 'ROLLED_BACK' AND status = 'ARCHIVED' THEN greatest(purge_after, now() + m.attention_period) ELSE purge_after END
		FROM moved m WHERE t.id = m.tenant_id AND ($12 <> '' OR $10)
			AND NOT ($12 = 'FAILED' AND activated_at IS NOT NULL) -- the data of a tenant that was ever active is kept
		RETURNING t.status
	)
	INSERT INTO events (tenant_id, operation_id, type, data)
	SELECT m.tenant_id, m.id, CASE WHEN $2 = $3 AND $12 <> '' THEN 'tenant.' || lower($12) ELSE 'operation.' || lower($3) END,
		jsonb_strip_nulls(jsonb_build_object('kind', m.kind, 'state', $3, 'status', (SELECT status FROM changed),
			'failedStep', nullif($6, ''), 'failureClass', nullif($7, '')))
	FROM moved m`
)

// queue adds the transition to a batch. Its command tag has one row if it was
// written.
func (t transition) queue(b *pgx.Batch) *pgx.QueuedQuery {
	provided := ""
	if t.provided != "" {
		provided = " AND " + t.provided
	}
	position := tenant.Position{Kind: t.kind, PivotPassed: t.pivotPassed, Step: t.step}
	var deadline *time.Time
	if !t.deadline.IsZero() {
		deadline = &t.deadline
	}
	return b.Queue(moveOperation+provided+changeTenant,
		string(t.operation), string(t.from), string(t.to), tenant.AllowedActions(t.to, position), t.pivotPassed,
		string(t.step), string(t.class), t.reason, deadline, t.to.Closed(), t.run, string(t.status), tenant.NameHolders())
}

// write writes the transition in a transaction of the caller's, and reports false
// when the operation is not where it is from.
func (t transition) write(ctx context.Context, tx pgx.Tx) (written bool, err error) {
	b := &pgx.Batch{}
	t.queue(b).Exec(func(tag pgconn.CommandTag) error {
		written = tag.RowsAffected() == 1
		return nil
	})
	err = run(ctx, tx, b)
	return written, err
}

// completeStage adds what the end of a stage means to its operation: the pivot
// gives the tenant the status that the kind reaches, and the last stage ends the
// operation. provided is what must hold of the operation o; empty is none.
func completeStage(b *pgx.Batch, f tenant.Fence, step tenant.Step, provided string) {
	lifecycle, _ := f.OfKind().Lifecycle()
	i := lifecycle.StageOf(step)
	pivot := lifecycle.Stages[i].Pivot // of several in a row an operation has one
	t := transition{
		operation: f.Operation, kind: lifecycle.Kind, run: f.Run, from: tenant.StateRunning, to: tenant.StateRunning,
		pivotPassed: pivot || i >= lifecycle.AfterPivot(), provided: provided,
	}
	last := i == len(lifecycle.Stages)-1
	if last {
		t.to = tenant.StateSucceeded
	}
	if lifecycle.Marks(i) {
		t.status = cmp.Or(f.To, lifecycle.Reaches)
	}
	if last || lifecycle.Marks(i) {
		t.queue(b)
	}
}
