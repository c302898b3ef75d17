package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/tenant"
)

// Purges lists the tenants that are due to be purged, and erases from the control
// tables what must not stay of one. Schemas.Remove drops its schema and role.
type Purges struct{ pool database }

// NewPurges removes tenants on a pool.
func NewPurges(pool *pgxpool.Pool) *Purges { return &Purges{pool: database{pool}} }

// Due lists tenants whose grace period is over and that nothing keeps, the longest
// over first, up to limit.
func (p *Purges) Due(ctx context.Context, limit int) ([]tenant.ID, error) {
	rows, err := p.pool.Query(ctx, `
		SELECT t.id FROM tenants t WHERE t.status = 'ARCHIVED' AND t.purge_after <= now() AND t.legal_hold IS NULL AND `+quiet+`
		ORDER BY t.purge_after, t.id LIMIT $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("list what is due to be purged: %w", interpret(err))
	}
	due, err := pgx.CollectRows(rows, pgx.RowTo[tenant.ID])
	if err != nil {
		return nil, fmt.Errorf("list what is due to be purged: %w", interpret(err))
	}
	return due, nil
}

// EraseAdministrator erases who a tenant's administrator was from every control
// table, with the links that were sent and the hash of the request that named the
// administrator: whoever can read the installation's key could try names on it. The
// hash of the client's key stays, so that nothing is created twice.
func (p *Purges) EraseAdministrator(ctx context.Context, f tenant.Fence) error {
	return p.pool.doStep(ctx, f, tenant.StepEraseAdministrator, func(b *pgx.Batch) {
		b.Queue(`SELECT FROM tenants WHERE id = $1 FOR UPDATE`, string(f.Tenant)) // before the links, as whoever uses one locks them
		b.Queue(`WITH gone AS (DELETE FROM invitations WHERE tenant_id = $1 RETURNING 1)
			`+noteRemoved+` jsonb_build_object('administrator', 'name and address', 'invitations', (SELECT count(*) FROM gone)) || removed WHERE id = $2`,
			string(f.Tenant), string(f.Operation))
		b.Queue(`UPDATE tenants SET admin_email = NULL, admin_first_name = NULL, admin_last_name = NULL, version = version + 1, updated_at = now()
			WHERE id = $1 AND admin_email IS NOT NULL`, string(f.Tenant))
		b.Queue(`UPDATE idempotency_keys k SET request_hash = NULL FROM operations o WHERE o.id = k.operation_id AND o.tenant_id = $1`, string(f.Tenant))
	})
}

// noteRemoved begins the statement that adds to what an operation has removed. What
// is noted already stays: a repeated attempt finds less.
const noteRemoved = `UPDATE operations SET removed =`

// MarkDeleted writes that a tenant is deleted, and the certificate of that into the
// audit log, in one commit: what was removed, when, by which operation, what
// stays, and until when a backup of the control tables names the administrator: they
// go on being made, so that it is then older than the retention, and deleted.
func (p *Purges) MarkDeleted(ctx context.Context, f tenant.Fence) error {
	return p.pool.doStep(ctx, f, tenant.StepMarkDeleted, func(b *pgx.Batch) {
		b.Queue(certify, string(f.Operation), tenant.ActionCertificate, tenant.OutcomeDone,
			string(tenant.StepTerminateContract), []string{"the tenant's row without its administrator: id, name, slug, names of schema and role, contract, tier, region, times",
				"its operations, their log, the journal of ledger transactions and the outbox of mails, which have no address",
				"the audit log, with the reasons that people typed"}, backup.Retention)
		b.Queue(`UPDATE tenants SET purge_after = NULL, archived_from = NULL WHERE id = $1`, string(f.Tenant))
		completeStage(b, f, tenant.StepMarkDeleted, "")
	})
}

const certify = `
	INSERT INTO audit_log (actor, actor_claimed, action, outcome, tenant_id, operation_id, detail)
	SELECT coalesce(asked.actor, o.client), coalesce(asked.actor_claimed, false), $2, $3, t.id, o.id, jsonb_build_object(
		'tenant', t.id, 'name', t.name, 'slug', t.slug, 'from', o.from_status, 'operation', o.id,
		'asked', o.created_at, 'began', o.started_at, 'ended', now(), 'removed', o.removed,
		'contracts', (SELECT coalesce(jsonb_agg(jsonb_build_object('contract', x.contract_id, 'transaction', x.hash, 'ledger', x.ledger) ORDER BY x.created_at), '[]')
			FROM stellar_transactions x WHERE x.tenant_id = t.id AND x.purpose = 'SET_STATUS' AND x.target_status = 'terminated' AND x.state = 'APPLIED'),
		'done', (SELECT coalesce(jsonb_object_agg(l.step, l.started_at + coalesce(l.duration_ms, 0) * interval '1 millisecond'), '{}') FROM provisioning_logs l WHERE l.operation_id = o.id AND l.status = 'COMPLETED'),
		'recoverableUntil', (SELECT greatest(now(), max(coalesce(b.taken_at, b.created_at)) + $6::interval) FROM backups b WHERE b.tenant_id IS NULL AND b.state <> 'FAILED'),
		'skipped', (SELECT coalesce(jsonb_agg(DISTINCT l.step), '[]') FROM provisioning_logs l WHERE l.operation_id = o.id AND l.status = 'SKIPPED'),
		'stays', to_jsonb($5::text[] || CASE
			WHEN NOT EXISTS (SELECT FROM stellar_transactions x WHERE x.tenant_id = t.id AND x.purpose = 'DEPLOY_CONTRACT' AND x.state = 'APPLIED') THEN '{}'
			WHEN EXISTS (SELECT FROM provisioning_logs l WHERE l.operation_id = o.id AND l.step = $4 AND l.status = 'SKIPPED')
				THEN ARRAY['the contract on the ledger, whose end was given up, with the transactions of its life']
			ELSE ARRAY['the contract on the ledger, terminated, with the transactions of its life'] END))::text
	FROM operations o JOIN tenants t ON t.id = o.tenant_id
	LEFT JOIN LATERAL (SELECT a.actor, a.actor_claimed FROM audit_log a WHERE a.operation_id = o.id AND a.outcome = 'accepted' ORDER BY a.id LIMIT 1) asked ON true
	WHERE o.id = $1 AND NOT EXISTS (SELECT FROM audit_log a WHERE a.operation_id = o.id AND a.action = $2)`

// Remove drops a tenant's schema and role for good, whichever generation made them:
// what nobody can take back. A schema that somebody has dropped already is no error;
// one that no row says is the tenant's is left alone, and the step fails for good.
func (s *Schemas) Remove(ctx context.Context, f tenant.Fence) error {
	return s.dropping(ctx, tenant.StepDropSchema, func(tx pgx.Tx) error { return removeSchema(ctx, tx, f) })
}

func removeSchema(ctx context.Context, tx pgx.Tx, f tenant.Fence) error {
	if _, err := tx.Exec(ctx, passFence, fenceArgs(f)...); err != nil {
		return err
	}
	var schema, role, login string
	var there, owned, ourRole, given bool
	var tables int
	err := tx.QueryRow(ctx, `
		SELECT t.schema_name, t.role_name, t.app_login, n.oid IS NOT NULL, v.schema_name IS NOT NULL,
			EXISTS (SELECT FROM pg_roles r WHERE r.rolname = t.role_name AND shobj_description(r.oid, 'pg_authid') = role_mark(t.id::text)),
			(SELECT count(*) FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p')),
			EXISTS (SELECT FROM tenant_imports i WHERE i.tenant_id = t.id AND i.adopted_at IS NULL)
		FROM tenants t LEFT JOIN pg_namespace n ON n.nspname = t.schema_name
		LEFT JOIN tenant_schema_versions v ON v.schema_name = t.schema_name AND v.tenant_id = t.id
		WHERE t.id = $1::uuid`, string(f.Tenant)).Scan(&schema, &role, &login, &there, &owned, &ourRole, &tables, &given)
	if err != nil {
		return err
	}
	there = there && (owned || !given) // what an import was to adopt, and did not, was never the tenant's
	if there && !owned {
		return &tenant.StepError{
			Step: tenant.StepDropSchema, Class: tenant.ClassConflict, Permanent: true,
			Reason: "the schema " + schema + " is there, and no row of tenant_schema_versions says that it is this tenant's: look whose it is, " +
				"restore that row or rename the schema, then retry",
		}
	}
	if err := dropRestoredOf(ctx, tx, f.Tenant); err != nil {
		return err
	}
	b := &pgx.Batch{}
	if there {
		b.Queue(`DROP SCHEMA ` + pgx.Identifier{schema}.Sanitize() + ` CASCADE`)
	}
	b.Queue(`DELETE FROM tenant_schema_versions WHERE tenant_id = $1::uuid`, string(f.Tenant))
	b.Queue(`UPDATE tenants SET version = version + 1, updated_at = now() WHERE id = $1::uuid AND $2::boolean`, string(f.Tenant), there)
	b.Queue(noteRemoved+` jsonb_build_object('schema', $2::text, 'schemaWasThere', $3::boolean, 'tables', $4::integer, 'memberOf', $5::text) || removed WHERE id = $1::uuid`,
		string(f.Operation), schema, there, tables, login)
	if err := run(ctx, tx, b); err != nil {
		return err
	}
	if ourRole {
		if err := dropRole(ctx, tx, f, role); err != nil {
			return err
		}
	}
	b = &pgx.Batch{}
	b.Queue(noteRemoved+` (CASE
			WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = $2) THEN jsonb_build_object('roleThatStays', $2::text)
			WHEN $3 THEN jsonb_build_object('role', $2::text)
			ELSE '{}' END) || removed WHERE id = $1::uuid`, string(f.Operation), role, ourRole)
	logDone(b, f, tenant.StepDropSchema)
	return run(ctx, tx, b)
}
