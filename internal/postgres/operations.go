package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/tenant"
)

// Operations are accepted here, and read: what the service behind the API and the
// command line asks for. What a run makes of one is for Transitions.
type Operations struct{ pool database }

// NewOperations accepts and reads operations on a pool.
func NewOperations(pool *pgxpool.Pool) *Operations { return &Operations{pool: database{pool}} }

const operationColumns = `o.id, o.tenant_id, o.kind, o.state, o.generation, coalesce(o.from_status, ''), o.to_status, coalesce(o.new_name, ''), coalesce(o.backup_id::text, ''), o.restored,
	coalesce((SELECT s.kind FROM operations s WHERE s.id = o.supersedes), ''), coalesce((SELECT s.run_id FROM operations s WHERE s.id = o.supersedes), ''),
	o.pivot_passed, coalesce(o.run_id, ''),
	coalesce(o.failed_step, ''), coalesce(o.failure_class, ''), coalesce(o.failure_reason, ''), o.attempts,
	o.attention_deadline, o.client, o.retry_budget, o.attention_period,
	o.created_at, o.started_at, o.finished_at, o.updated_at, o.blocked_since, coalesce(o.traceparent, ''),
	(SELECT a.moved_at FROM log_archives a WHERE a.name = o.log_archive)`

func scanOperation(row pgx.CollectableRow) (tenant.Operation, error) {
	var o tenant.Operation
	var deadline, started, finished, blocked, moved *time.Time
	err := row.Scan(&o.ID, &o.TenantID, &o.Kind, &o.State, &o.Generation, &o.FromStatus, &o.ToStatus, &o.NewName, &o.Backup, &o.Restored, &o.Supersedes, &o.SupersededRun, &o.PivotPassed, &o.RunID,
		&o.FailedStep, &o.FailureClass, &o.FailureReason, &o.Attempts,
		&deadline, &o.Client, &o.RetryBudget, &o.AttentionPeriod,
		&o.CreatedAt, &started, &finished, &o.UpdatedAt, &blocked, &o.Trace, &moved)
	o.AttentionDeadline, o.StartedAt, o.FinishedAt, o.BlockedSince, o.LogMovedAt = orZero(deadline), orZero(started), orZero(finished), orZero(blocked), orZero(moved)
	return o, err
}

// Find reads one operation. The error is tenant.ErrNotFound when there is
// none.
func (ops *Operations) Find(ctx context.Context, id tenant.OperationID) (tenant.Operation, error) {
	rows, err := ops.pool.Query(ctx, `SELECT `+operationColumns+` FROM operations o WHERE o.id = $1`, string(id))
	if err != nil {
		return tenant.Operation{}, fmt.Errorf("read operation %s: %w", id, interpret(err))
	}
	o, err := pgx.CollectExactlyOneRow(rows, scanOperation)
	if err != nil {
		return tenant.Operation{}, fmt.Errorf("read operation %s: %w", id, interpret(err))
	}
	return o, nil
}

// Progress reads a tenant with its newest operation and the log of that, as they
// are at one moment: apart, they would tell of an operation that has ended and a
// tenant that does not know.
func (ops *Operations) Progress(ctx context.Context, id tenant.ID) (p tenant.Progress, err error) {
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = onceMore(func() error {
		return pgx.BeginTxFunc(ctx, ops.pool.Pool, snapshot, func(tx pgx.Tx) error {
			b := &pgx.Batch{}
			b.Queue(`SELECT `+tenantColumns+` FROM tenants t WHERE t.id = $1`, string(id)).Query(one(scanTenant, &p.Tenant))
			b.Queue(`SELECT `+operationColumns+` FROM operations o WHERE o.tenant_id = $1 ORDER BY o.id DESC LIMIT 1`, string(id)).
				Query(one(scanOperation, &p.Operation))
			b.Queue(selectLogs+`(SELECT id FROM operations WHERE tenant_id = $1 ORDER BY id DESC LIMIT 1)`+inOrder, string(id)).
				Query(func(rows pgx.Rows) (err error) {
					p.Logs, err = pgx.CollectRows(rows, scanLog)
					return err
				})
			return run(ctx, tx, b)
		})
	})
	if err != nil {
		return tenant.Progress{}, fmt.Errorf("read the progress of tenant %s: %w", id, interpret(err))
	}
	return p, nil
}

// one reads exactly one row.
func one[T any](scan pgx.RowToFunc[T], into *T) func(pgx.Rows) error {
	return func(rows pgx.Rows) (err error) {
		*into, err = pgx.CollectExactlyOneRow(rows, scan)
		return err
	}
}

// List lists operations, newest first.
func (ops *Operations) List(ctx context.Context, f tenant.OperationFilter) (tenant.Page[tenant.Operation], error) {
	l := listingOf("operations", string(f.State), string(f.Kind), string(f.Tenant))
	after, err := l.after(f.Cursor)
	if err != nil {
		return tenant.Page[tenant.Operation]{}, err
	}
	var of *string
	if f.Tenant != "" {
		id := string(f.Tenant)
		of = &id
	}
	rows, err := ops.pool.Query(ctx, `
		SELECT `+operationColumns+` FROM operations o
		WHERE ($1 = '' OR o.state = $1) AND ($2 = '' OR o.kind = $2)
		  AND ($3::uuid IS NULL OR o.tenant_id = $3) AND ($4::uuid IS NULL OR o.id < $4)
		ORDER BY o.id DESC LIMIT $5`,
		string(f.State), string(f.Kind), of, after, pageSize(f.Limit)+1)
	if err != nil {
		return tenant.Page[tenant.Operation]{}, fmt.Errorf("list operations: %w", interpret(err))
	}
	items, err := pgx.CollectRows(rows, scanOperation)
	if err != nil {
		return tenant.Page[tenant.Operation]{}, fmt.Errorf("list operations: %w", interpret(err))
	}
	return page(l, items, f.Limit, func(o tenant.Operation) string { return string(o.ID) }), nil
}

// Open lists the operations of these tenants that have not ended.
func (ops *Operations) Open(ctx context.Context, tenants []tenant.ID) ([]tenant.Operation, error) {
	rows, err := ops.pool.Query(ctx, `SELECT `+operationColumns+` FROM operations o
		WHERE o.tenant_id = ANY ($1::text[]::uuid[]) AND o.state NOT IN ('SUCCEEDED', 'ROLLED_BACK')`, tenants)
	if err != nil {
		return nil, fmt.Errorf("list open operations: %w", interpret(err))
	}
	open, err := pgx.CollectRows(rows, scanOperation)
	if err != nil {
		return nil, fmt.Errorf("list open operations: %w", interpret(err))
	}
	return open, nil
}
