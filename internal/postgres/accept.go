package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"tenant-provisioning/internal/tenant"
)

// tenantsPerLogin bounds the tenant roles that one application login is a
// member of. A change of any role makes PostgreSQL 15 recompute a login's
// memberships: 2 ms at 1,000 of them, over 100 ms at 10,000.
const tenantsPerLogin = 500

// Accept records a tenant, its operation and the client's idempotency key in
// one transaction, and wakes a dispatcher. A key that was used before for the
// same request returns that request's operation; two requests at the same time
// wait for each other.
func (s *Store) Accept(ctx context.Context, a tenant.Acceptance) (tenant.Operation, error) {
	var repeated tenant.OperationID
	var accepted tenant.Operation
	err := s.inTx(ctx, func(tx pgx.Tx) (err error) {
		repeated, err = findRepeat(ctx, tx, a.Operation.Client, a.IdempotencyKey, a.RequestHash)
		if err != nil || repeated != "" {
			return err
		}
		return run(ctx, tx, acceptance(a, &accepted))
	})
	if err != nil {
		return tenant.Operation{}, fmt.Errorf("accept tenant %s: %w", a.Tenant.ID, interpret(err))
	}
	if repeated != "" {
		return s.Operation(ctx, repeated)
	}
	return accepted, nil
}

// findRepeat gives the operation of an earlier use of a client's key; empty when
// there is none, or no key. It takes a lock on the key first, so that of many
// requests at once one goes on and the others find it.
func findRepeat(ctx context.Context, tx pgx.Tx, client, key string, hash []byte) (id tenant.OperationID, err error) {
	if key == "" {
		return "", nil
	}
	same := true
	b := &pgx.Batch{}
	b.Queue(`SELECT pg_advisory_xact_lock(hashtextextended($1 || chr(31) || $2, 0))`, client, key)
	b.Queue(`SELECT operation_id, request_hash = $3 FROM idempotency_keys WHERE client = $1 AND key = $2`, client, key, hash).
		QueryRow(func(row pgx.Row) error { return ifThere(row.Scan(&id, &same)) })
	if err = run(ctx, tx, b); err == nil && !same {
		err = tenant.ErrIdempotencyMismatch
	}
	return id, err
}

// acceptance writes all that a new tenant begins with, and reads its operation
// into accepted.
func acceptance(a tenant.Acceptance, accepted *tenant.Operation) *pgx.Batch {
	t, o := a.Tenant, a.Operation
	b := &pgx.Batch{}
	b.Queue(`
		INSERT INTO tenants (id, name, name_key, slug, schema_name, role_name, app_login, status, generation,
			admin_email, admin_first_name, admin_last_name, tier, region)
		SELECT $1, $2, $3, $4, $5, $6,
			'tp_' || left(i.id::text, 8) || '_app_' || nextval('tenant_number') / $7::bigint,
			'PENDING', $8, $9, $10, $11, $12, $13
		FROM installation i`,
		string(t.ID), t.Name, tenant.NameKey(t.Name), t.Slug, t.Schema, t.Role, tenantsPerLogin, t.Generation,
		t.Administrator.Email, t.Administrator.FirstName, t.Administrator.LastName, t.Tier, t.Region)
	o.TenantID, o.Generation = t.ID, t.Generation
	openOperation(b, o, a.IdempotencyKey, a.RequestHash, accepted)
	b.Queue(`
		INSERT INTO audit_log (actor, actor_claimed, action, outcome, tenant_id, operation_id)
		VALUES ($1, $2, 'create', 'accepted', $3, $4)`, a.Actor, a.Claimed, string(t.ID), string(o.ID))
	return b
}

// openOperation writes an operation that waits for a run, the key by which a
// repeated request finds it, if there is one, and the log of its first step. It
// reads the operation back into opened.
func openOperation(b *pgx.Batch, o tenant.Operation, key string, hash []byte, opened *tenant.Operation) {
	b.Queue(`
		INSERT INTO operations AS o (id, tenant_id, kind, state, generation, client, retry_budget, attention_period)
		VALUES ($1, $2, $3, 'PENDING', $4, $5, $6, $7) RETURNING `+operationColumns,
		string(o.ID), string(o.TenantID), string(o.Kind), o.Generation, o.Client, o.RetryBudget, o.AttentionPeriod).
		Query(func(rows pgx.Rows) (err error) {
			*opened, err = pgx.CollectExactlyOneRow(rows, scanOperation)
			return err
		})
	if key != "" {
		b.Queue(`INSERT INTO idempotency_keys (client, key, request_hash, operation_id) VALUES ($1, $2, $3, $4)`,
			o.Client, key, hash, string(o.ID))
	}
	b.Queue(`
		INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, attempt, started_at, duration_ms)
		SELECT $1, $2, $3, 'COMPLETED', 1, now(), extract(epoch FROM clock_timestamp() - now()) * 1000`,
		string(o.TenantID), string(o.ID), string(tenant.StepCreateTenantRecord))
}
