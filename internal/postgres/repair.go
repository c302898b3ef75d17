package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/tenant"
)

// Repairs are what the reconciler does about findings, where the database alone can
// do it. Each looks once more whether the finding is true.
type Repairs struct {
	pool     database
	comparer *Comparer
}

// NewRepairs repairs on a pool what a comparer finds.
func NewRepairs(pool *pgxpool.Pool, comparer *Comparer) *Repairs {
	return &Repairs{pool: database{pool}, comparer: comparer}
}

// DropLeftoverRole drops a role of ours that has no tenant, or whose tenant
// was rolled back or purged. PostgreSQL itself refuses while anything
// in any database depends on the role. It reports false when the role is not
// there, is not ours or is in use.
func (r *Repairs) DropLeftoverRole(ctx context.Context, role string) (bool, error) {
	dropped := false
	err := r.pool.inTx(ctx, func(tx pgx.Tx) error {
		// The tenants' rows are locked, so that none begins to use the role.
		if _, err := tx.Exec(ctx, `SELECT FROM tenants WHERE role_name = $1 FOR UPDATE`, role); err != nil {
			return err
		}
		var leftover bool
		err := tx.QueryRow(ctx, `
			WITH found AS MATERIALIZED (
				SELECT substring(shobj_description(r.oid, 'pg_authid') FROM '^' || role_mark('') || '([0-9a-f-]{36})$')::uuid AS owner
				FROM pg_roles r WHERE r.rolname = $1::text
			)
			SELECT f.owner IS NOT NULL
			   AND NOT EXISTS (SELECT FROM tenants t WHERE (t.role_name = $1::text OR t.id = f.owner)
				AND (NOT `+gone+` OR NOT `+quiet+`))
			   AND NOT EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = $1::text)
			FROM found f`, role).Scan(&leftover)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil || !leftover {
			return err
		}
		dropped = true
		_, err = tx.Exec(ctx, `DROP ROLE `+pgx.Identifier{role}.Sanitize())
		return err
	})
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == stateDependent {
		return false, &tenant.StepError{
			Class: tenant.ClassConflict, Permanent: true, Err: err,
			Reason: "something depends on the role, so it is not dropped" + dependents(pg) + "; docs/runbooks/rollback-blocked.md says how to find it and what to do",
		}
	}
	if err != nil {
		return false, fmt.Errorf("drop role %s: %w", role, interpret(err))
	}
	return dropped, nil
}

// CloseLostAttempt marks an attempt as failed that was lost: subject is the
// closed operation's id and the step.
func (r *Repairs) CloseLostAttempt(ctx context.Context, subject string) (bool, error) {
	operation, step, _ := strings.Cut(subject, "/")
	tag, err := r.pool.Exec(ctx, `
		UPDATE provisioning_logs l SET status = 'FAILED', error = 'the attempt was lost: its worker ended, or it ran out of time',
			duration_ms = extract(epoch FROM clock_timestamp() - l.started_at) * 1000
		FROM operations o
		WHERE l.operation_id = $1 AND l.step = $2 AND l.status = 'IN_PROGRESS' AND o.id = l.operation_id AND o.state IN ('SUCCEEDED', 'ROLLED_BACK')`,
		operation, step)
	if err != nil {
		return false, fmt.Errorf("close the lost attempt %s: %w", subject, interpret(err))
	}
	return tag.RowsAffected() > 0, nil
}

// DoubtEmail marks a mail as UNKNOWN that nobody is sending any more.
func (r *Repairs) DoubtEmail(ctx context.Context, id string) (bool, error) {
	tag, err := r.pool.Exec(ctx, `
		UPDATE emails e SET state = 'UNKNOWN', updated_at = now()
		FROM tenants t WHERE e.id = $1 AND e.state = 'SENDING' AND t.id = e.tenant_id AND `+quiet, id)
	if err != nil {
		return false, fmt.Errorf("mark mail %s as in doubt: %w", id, interpret(err))
	}
	return tag.RowsAffected() > 0, nil
}
