package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/tenant"
)

// Comparer looks where an invariant does not hold, as far as the database can tell,
// and for what Temporal and the ledger are to be asked about. It changes nothing.
type Comparer struct {
	pool database
	// schemas know what a template makes, with which schemas are compared.
	schemas *Schemas
}

// NewComparer compares on a pool.
func NewComparer(pool *pgxpool.Pool, schemas *Schemas) *Comparer {
	return &Comparer{pool: database{pool}, schemas: schemas}
}

// comparison finds where one invariant does not hold, by a query whose rows are
// subject, tenant, operation, detail and whether the repair is safe to do
// unasked; or by a look of its own.
type comparison struct {
	kind tenant.FindingKind
	sql  string
	// graced tells that $1 of the query is how long something may be under way.
	graced bool
	look   func(ctx context.Context, c *Comparer) ([]tenant.Finding, error)
}

// quiet is a tenant that nobody is working on.
const quiet = `NOT EXISTS (SELECT FROM operations o WHERE o.tenant_id = t.id AND o.state NOT IN ('SUCCEEDED', 'ROLLED_BACK'))`

// latestOperation is the newest operation of tenant t.
const latestOperation = `(SELECT o.id::text FROM operations o WHERE o.tenant_id = t.id ORDER BY o.id DESC LIMIT 1)`

// Neither role_mark nor shobj_description can be inlined: to call them for each
// of many tenants takes several times as long as to ask once and join.
const (
	// markedRoles is the roles of the server that have a comment.
	markedRoles = `(SELECT a.*, d.description AS mark FROM pg_roles a
		JOIN pg_shdescription d ON d.objoid = a.oid AND d.classoid = 'pg_authid'::regclass)`
	// markOf is what the comment of tenant t's role says.
	markOf = `(SELECT role_mark('')) || t.id`
)

// beingRemoved is a tenant of which a purge has begun.
const beingRemoved = `EXISTS (SELECT FROM operations o WHERE o.tenant_id = t.id AND o.state NOT IN ('SUCCEEDED', 'ROLLED_BACK')
	AND o.pivot_passed AND o.to_status = 'DELETED')`

// inUse is a tenant whose data somebody has, and nobody is removing.
const inUse = `t.status IN ('ACTIVE', 'SUSPENDED', 'ARCHIVED') AND (t.status <> 'ARCHIVED' OR NOT ` + beingRemoved + `)`

// gone is a tenant of whom no schema, role or living contract is left: one that was
// rolled back, or purged.
const gone = `(t.status = 'FAILED' AND t.activated_at IS NULL OR t.status = 'DELETED')`

// comparisons are all that the database alone can tell.
var comparisons = slices.Concat(compareOperations, compareRows, compareSchemas, compareAccess, compareContracts, compareMails)

// Kinds are the findings that Compare looks for.
func (c *Comparer) Kinds() []tenant.FindingKind {
	kinds := make([]tenant.FindingKind, len(comparisons))
	for i, by := range comparisons {
		kinds[i] = by.kind
	}
	return kinds
}

// Compare looks for what does not fit together in one way, in this database and
// among the server's roles. What may still be under way is given grace. all is
// false when there may be more than what it returns.
func (c *Comparer) Compare(ctx context.Context, kind tenant.FindingKind, grace time.Duration) (found []tenant.Finding, all bool, err error) {
	n := slices.IndexFunc(comparisons, func(by comparison) bool { return by.kind == kind })
	if n < 0 {
		return nil, false, fmt.Errorf("look for %s: the database alone cannot tell", kind)
	}
	if by := comparisons[n]; by.look == nil {
		found, err = c.query(ctx, by, grace)
	} else {
		found, err = by.look(ctx, c)
	}
	if err != nil {
		return nil, false, fmt.Errorf("look for %s: %w", kind, interpret(err))
	}
	return found, len(found) < maxFindings, nil
}

func (c *Comparer) query(ctx context.Context, by comparison, grace time.Duration) ([]tenant.Finding, error) {
	var args []any
	if by.graced {
		args = []any{grace}
	}
	return collectFindings(ctx, c.pool, by.kind, by.sql, args...)
}

// collectFindings reads findings of one kind, up to the bound of a listing.
func collectFindings(ctx context.Context, db querier, kind tenant.FindingKind, sql string, args ...any) ([]tenant.Finding, error) {
	rows, err := db.Query(ctx, sql+fmt.Sprintf(` LIMIT %d`, maxFindings), args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (tenant.Finding, error) {
		f := tenant.Finding{Kind: kind, Repair: kind.Repair()}
		return f, row.Scan(&f.Subject, &f.Tenant, &f.Operation, &f.Detail, &f.Safe)
	})
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// StartedOperations lists operations that a run has taken, that are not closed
// and that nothing has changed for a while, in the order of their ids.
func (c *Comparer) StartedOperations(ctx context.Context, unchanged time.Duration, after tenant.OperationID, limit int) ([]tenant.Operation, error) {
	rows, err := c.pool.Query(ctx, `
		SELECT `+operationColumns+` FROM operations o
		WHERE o.state IN ('RUNNING', 'NEEDS_ATTENTION', 'ROLLING_BACK', 'ROLLBACK_BLOCKED') AND o.updated_at <= now() - $1::interval
		  AND ($2 = '' OR o.id > nullif($2, '')::uuid)
		ORDER BY o.id LIMIT $3`, unchanged, string(after), limit)
	if err != nil {
		return nil, fmt.Errorf("list started operations: %w", interpret(err))
	}
	started, err := pgx.CollectRows(rows, scanOperation)
	if err != nil {
		return nil, fmt.Errorf("list started operations: %w", interpret(err))
	}
	return started, nil
}

// ContractsToCheck lists contracts that the ledger is to be asked about: those
// of rolled-back tenants that nobody is known to have ended, those with an
// open finding, and, of the tenants in use, limit of them, others in each
// round.
func (c *Comparer) ContractsToCheck(ctx context.Context, round int64, limit int) ([]tenant.ContractCheck, error) {
	rows, err := c.pool.Query(ctx, `
		WITH used AS (
			SELECT t.contract_id, t.id, t.status, row_number() OVER (ORDER BY t.id) - 1 AS n, count(*) OVER () AS total
			FROM tenants t WHERE `+inUse+` AND t.contract_id IS NOT NULL AND `+quiet+`
		), turn AS (
			SELECT contract_id, id, status FROM used
			WHERE n / $2::bigint = $1::bigint % ((total + $2::bigint - 1) / $2::bigint)
			   OR EXISTS (SELECT FROM findings f WHERE f.kind IN ('active-without-contract', 'contract-status-differs') AND f.subject = used.contract_id AND f.state IN ('open', 'dismissed'))
		)
		SELECT contract_id, id::text, (SELECT o.id::text FROM operations o WHERE o.tenant_id = turn.id ORDER BY o.id DESC LIMIT 1), status FROM turn
		UNION ALL
		(SELECT DISTINCT x.contract_id, t.id::text, CASE t.status WHEN 'DELETED' THEN `+latestOperation+` ELSE x.operation_id::text END, t.status
		FROM stellar_transactions x JOIN tenants t ON t.id = x.tenant_id
		WHERE t.status IN ('FAILED', 'DELETED') AND x.purpose = 'DEPLOY_CONTRACT' AND x.state IN ('PREPARED', 'SENT', 'APPLIED') AND x.contract_id IS NOT NULL
		  AND `+quiet+` AND (
			EXISTS (SELECT FROM findings f WHERE f.kind = 'failed-with-contract' AND f.subject = x.contract_id AND f.state IN ('open', 'dismissed'))
			OR NOT EXISTS (SELECT FROM stellar_transactions e WHERE e.contract_id = x.contract_id AND e.purpose = 'SET_STATUS' AND e.target_status = 'terminated' AND e.state = 'APPLIED'))
		LIMIT $2)`, round, limit)
	if err != nil {
		return nil, fmt.Errorf("list contracts to check: %w", interpret(err))
	}
	checks, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (tenant.ContractCheck, error) {
		var check tenant.ContractCheck
		return check, row.Scan(&check.Contract, &check.Tenant, &check.Operation, &check.Status)
	})
	if err != nil {
		return nil, fmt.Errorf("list contracts to check: %w", interpret(err))
	}
	return checks, nil
}
