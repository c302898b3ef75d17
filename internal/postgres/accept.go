package postgres

import (
	"context"
	"errors"
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
	var repeated *tenant.OperationID
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if a.IdempotencyKey != "" {
			known, err := findRepeat(ctx, tx, a)
			if err != nil || known != nil {
				repeated = known
				return err
			}
		}
		return run(ctx, tx, acceptance(a))
	})
	if err != nil {
		return tenant.Operation{}, fmt.Errorf("accept tenant %s: %w", a.Tenant.ID, interpret(err))
	}
	id := a.Operation.ID
	if repeated != nil {
		id = *repeated
	}
	return s.Operation(ctx, id)
}

// findRepeat looks for an earlier use of the key. It takes a lock on the key
// first, so that of many requests at once one goes on and the others find it.
func findRepeat(ctx context.Context, tx pgx.Tx, a tenant.Acceptance) (*tenant.OperationID, error) {
	client, key := a.Operation.Client, a.IdempotencyKey
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1 || chr(31) || $2, 0))`, client, key); err != nil {
		return nil, err
	}
	var id tenant.OperationID
	var same bool
	err := tx.QueryRow(ctx, `SELECT operation_id, request_hash = $3 FROM idempotency_keys WHERE client = $1 AND key = $2`,
		client, key, a.RequestHash).Scan(&id, &same)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil //nolint:nilnil // no earlier use is a value here
	case err != nil:
		return nil, err
	case !same:
		return nil, tenant.ErrIdempotencyMismatch
	}
	return &id, nil
}

func acceptance(a tenant.Acceptance) *pgx.Batch {
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
	b.Queue(`
		INSERT INTO operations (id, tenant_id, kind, state, generation, client, retry_budget, attention_period)
		VALUES ($1, $2, $3, 'PENDING', $4, $5, $6, $7)`,
		string(o.ID), string(t.ID), string(o.Kind), t.Generation, o.Client, o.RetryBudget, o.AttentionPeriod)
	if a.IdempotencyKey != "" {
		b.Queue(`INSERT INTO idempotency_keys (client, key, request_hash, operation_id) VALUES ($1, $2, $3, $4)`,
			o.Client, a.IdempotencyKey, a.RequestHash, string(o.ID))
	}
	b.Queue(`
		INSERT INTO audit_log (actor, actor_claimed, action, outcome, tenant_id, operation_id)
		VALUES ($1, $2, 'create', 'accepted', $3, $4)`, a.Actor, a.Claimed, string(t.ID), string(o.ID))
	b.Queue(`
		INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, attempt, started_at, duration_ms)
		SELECT $1, $2, $3, 'COMPLETED', 1, now(), extract(epoch FROM clock_timestamp() - now()) * 1000`,
		string(t.ID), string(o.ID), string(tenant.StepCreateTenantRecord))
	return b
}
