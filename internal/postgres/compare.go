package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"tenant-provisioning/internal/tenant"
)

// What a repair does, or a person can do.
const (
	repairSchema   = "drops the schema and the role of the tenant, which was never active"
	repairRole     = "drops the role, unless anything in any database of the server depends on it"
	repairContract = "ends the contract on the ledger, which is final"
)

// comparison looks for findings of one kind: rows of subject, tenant,
// operation, detail and whether the repair is safe to do unasked. $1 is how
// long something may be under way.
type comparison struct {
	kind   tenant.FindingKind
	repair string
	sql    string
}

// quiet is a tenant that nobody is working on.
const quiet = `NOT EXISTS (SELECT FROM operations o WHERE o.tenant_id = t.id AND o.state NOT IN ('SUCCEEDED', 'ROLLED_BACK'))`

// latestOperation is the newest operation of tenant t.
const latestOperation = `(SELECT o.id::text FROM operations o WHERE o.tenant_id = t.id ORDER BY o.id DESC LIMIT 1)`

// Neither role_mark nor shobj_description can be inlined: to call them for each
// of many tenants takes several times as long as to ask once and join.
const (
	// markedRoles is the roles of the server that have a comment.
	markedRoles = `(SELECT a.oid, a.rolname, d.description AS mark FROM pg_roles a
		JOIN pg_shdescription d ON d.objoid = a.oid AND d.classoid = 'pg_authid'::regclass)`
	// markOf is what the comment of tenant t's role says.
	markOf = `(SELECT role_mark('')) || t.id`
)

// comparisons are all that the database alone can tell.
var comparisons = []comparison{
	{
		tenant.FindingSchemaWithoutTenant,
		"look at what is in it; when nobody needs it: DROP SCHEMA by hand", `
		SELECT n.nspname, coalesce(t.id::text, ''), '', 'schema ' || n.nspname || CASE WHEN t.id IS NULL
			THEN ' is called like a tenant''s, and no tenant has it' ELSE ' is there, and no row of tenant_schema_versions owns it' END, false
		FROM pg_namespace n LEFT JOIN tenants t ON t.schema_name = n.nspname
		WHERE n.nspname ~ '^t_([a-z0-9_]+_)?[0-9a-f]{8}$' AND $1::interval IS NOT NULL AND (t.id IS NULL
			OR t.status IN ('FAILED', 'DELETED') AND ` + quiet + ` AND NOT EXISTS (SELECT FROM tenant_schema_versions v WHERE v.schema_name = n.nspname))`,
	},
	{
		tenant.FindingRoleWithoutTenant, repairRole, `
		SELECT r.rolname, '', '', 'role ' || r.rolname || ' carries the mark of this installation, and its tenant is unknown' ||
			coalesce('; ' || role_held_by(r.oid) || ' depend on it', ''), false
		FROM ` + markedRoles + ` r
		WHERE starts_with(r.mark, (SELECT role_mark(''))) AND r.mark ~ ' owner=[0-9a-f-]{36}$' AND $1::interval IS NOT NULL
		  AND NOT EXISTS (SELECT FROM tenants t WHERE ` + markOf + ` = r.mark)`,
	},
	{
		tenant.FindingActiveWithoutSchema,
		"restore the schema from a backup (with its row in tenant_schema_versions), or suspend the tenant", `
		SELECT t.schema_name, t.id::text, '', 'the tenant is ' || t.status || ', and its schema ' || t.schema_name ||
			CASE WHEN n.oid IS NULL THEN ' is not there' ELSE ' has no row in tenant_schema_versions' END, false
		FROM tenants t LEFT JOIN pg_namespace n ON n.nspname = t.schema_name
		LEFT JOIN tenant_schema_versions v ON v.schema_name = t.schema_name AND v.tenant_id = t.id
		WHERE t.status IN ('ACTIVE', 'SUSPENDED', 'ARCHIVED') AND (n.oid IS NULL OR v.schema_name IS NULL) AND $1::interval IS NOT NULL`,
	},
	{
		tenant.FindingActiveWithoutRole,
		"restore the role with its mark and its grants from a backup (pg_dumpall --roles-only)", `
		SELECT t.role_name, t.id::text, '', 'the tenant is ' || t.status || ', and there is no role ' || t.role_name || ' with its mark', false
		FROM tenants t
		WHERE t.status IN ('ACTIVE', 'SUSPENDED', 'ARCHIVED') AND $1::interval IS NOT NULL AND NOT EXISTS (
			SELECT FROM ` + markedRoles + ` r WHERE r.rolname = t.role_name AND r.mark = ` + markOf + `)`,
	},
	{
		tenant.FindingFailedWithSchema, repairSchema, `
		SELECT t.schema_name, t.id::text, ` + latestOperation + `, 'the tenant was rolled back, and its schema ' || t.schema_name || ' is there', false
		FROM tenants t JOIN pg_namespace n ON n.nspname = t.schema_name
		JOIN tenant_schema_versions v ON v.schema_name = t.schema_name AND v.tenant_id = t.id
		WHERE t.status = 'FAILED' AND t.activated_at IS NULL AND $1::interval IS NOT NULL AND ` + quiet,
	},
	{
		tenant.FindingFailedWithRole, repairRole, `
		SELECT t.role_name, t.id::text, ` + latestOperation + `, 'the tenant was rolled back, and its role ' || t.role_name || ' is there' ||
			coalesce(': ' || role_held_by(r.oid) || ' depend on it', ''), role_held_by(r.oid) IS NULL
		FROM tenants t JOIN ` + markedRoles + ` r ON r.rolname = t.role_name AND r.mark = ` + markOf + `
		WHERE t.status = 'FAILED' AND t.activated_at IS NULL AND $1::interval IS NOT NULL AND ` + quiet + `
		  AND NOT EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = t.schema_name)
		/* what is safe is not crowded out */ ORDER BY 5 DESC`,
	},
	{
		tenant.FindingLostAttempt, "marks the attempt as failed", `
		SELECT l.operation_id || '/' || l.step, l.tenant_id::text, l.operation_id::text,
			'an attempt at ' || l.step || ' stands as IN_PROGRESS, and its operation is ' || o.state, true
		FROM provisioning_logs l JOIN operations o ON o.id = l.operation_id
		WHERE l.status = 'IN_PROGRESS' AND o.state IN ('SUCCEEDED', 'ROLLED_BACK') AND o.finished_at <= now() - $1::interval`,
	},
	{
		tenant.FindingMailInDoubt, "marks the mail as UNKNOWN; nothing is sent", `
		SELECT e.id::text, t.id::text, ` + latestOperation + `, 'the ' || e.template || ' mail stands as SENDING, and nobody is sending it', true
		FROM emails e JOIN tenants t ON t.id = e.tenant_id
		WHERE e.state = 'SENDING' AND e.updated_at <= now() - $1::interval AND ` + quiet,
	},
	{
		tenant.FindingNeverStarted,
		"starts its run at once, past the dispatcher's queue", `
		SELECT o.id::text, o.tenant_id::text, o.id::text,
			'the operation was accepted and no run has taken it; check that a worker runs, that it reaches Temporal, and how many operations wait', false
		FROM operations o WHERE o.state = 'PENDING' AND o.created_at <= now() - greatest($1::interval, interval '15 minutes')
		  AND NOT EXISTS (SELECT FROM incidents WHERE closed_at IS NULL OR closed_at > now() - interval '15 minutes')`,
	},
}

// CompareKinds are the findings that Compare looks for.
func (s *Store) CompareKinds() []tenant.FindingKind {
	kinds := make([]tenant.FindingKind, len(comparisons))
	for i, c := range comparisons {
		kinds[i] = c.kind
	}
	return kinds
}

// Compare looks for what does not fit together in one way, in this database and
// among the server's roles. What may still be under way is given grace. all is
// false when there may be more than what it returns.
func (s *Store) Compare(ctx context.Context, kind tenant.FindingKind, grace time.Duration) (found []tenant.Finding, all bool, err error) {
	n := slices.IndexFunc(comparisons, func(c comparison) bool { return c.kind == kind })
	if n < 0 {
		return nil, false, fmt.Errorf("look for %s: the database alone cannot tell", kind)
	}
	c := comparisons[n]
	rows, err := s.pool.Query(ctx, c.sql+fmt.Sprintf(` LIMIT %d`, maxFindings), grace)
	if err != nil {
		return nil, false, fmt.Errorf("look for %s: %w", kind, interpret(err))
	}
	found, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (tenant.Finding, error) {
		f := tenant.Finding{Kind: c.kind, Repair: c.repair}
		return f, row.Scan(&f.Subject, &f.Tenant, &f.Operation, &f.Detail, &f.Safe)
	})
	if err != nil {
		return nil, false, fmt.Errorf("look for %s: %w", kind, interpret(err))
	}
	return found, len(found) < maxFindings, nil
}

// StartedOperations lists operations that a run has taken, that are not closed
// and that nothing has changed for a while, in the order of their ids.
func (s *Store) StartedOperations(ctx context.Context, unchanged time.Duration, after tenant.OperationID, limit int) ([]tenant.Operation, error) {
	rows, err := s.pool.Query(ctx, `
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
func (s *Store) ContractsToCheck(ctx context.Context, round int64, limit int) ([]tenant.ContractCheck, error) {
	rows, err := s.pool.Query(ctx, `
		WITH used AS (
			SELECT t.contract_id, t.id, row_number() OVER (ORDER BY t.id) - 1 AS n, count(*) OVER () AS total
			FROM tenants t WHERE t.status IN ('ACTIVE', 'SUSPENDED') AND t.contract_id IS NOT NULL AND `+quiet+`
		), turn AS (
			SELECT contract_id, id FROM used
			WHERE n / $2::bigint = $1::bigint % ((total + $2::bigint - 1) / $2::bigint)
			   OR EXISTS (SELECT FROM findings f WHERE f.kind = 'active-without-contract' AND f.subject = used.contract_id AND f.state IN ('open', 'dismissed'))
		)
		SELECT contract_id, id::text, '', true FROM turn
		UNION ALL
		(SELECT DISTINCT x.contract_id, t.id::text, x.operation_id::text, false
		FROM stellar_transactions x JOIN tenants t ON t.id = x.tenant_id
		WHERE t.status = 'FAILED' AND x.purpose = 'DEPLOY_CONTRACT' AND x.state IN ('PREPARED', 'SENT', 'APPLIED') AND x.contract_id IS NOT NULL
		  AND `+quiet+` AND (
			EXISTS (SELECT FROM findings f WHERE f.kind = 'failed-with-contract' AND f.subject = x.contract_id AND f.state IN ('open', 'dismissed'))
			OR NOT EXISTS (SELECT FROM stellar_transactions e WHERE e.contract_id = x.contract_id AND e.purpose = 'SET_STATUS' AND e.state = 'APPLIED'))
		LIMIT $2)`, round, limit)
	if err != nil {
		return nil, fmt.Errorf("list contracts to check: %w", interpret(err))
	}
	checks, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (tenant.ContractCheck, error) {
		var c tenant.ContractCheck
		return c, row.Scan(&c.Contract, &c.Tenant, &c.Operation, &c.Alive)
	})
	if err != nil {
		return nil, fmt.Errorf("list contracts to check: %w", interpret(err))
	}
	return checks, nil
}
