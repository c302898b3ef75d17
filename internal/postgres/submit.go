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

// Submit records an operation, with its tenant where that is new, the client's
// idempotency key, the audit entry and the event, in one transaction, and wakes
// a dispatcher. A key that was used before for the same request returns that
// request's operation; two requests at the same time wait for each other.
//
// Errors: tenant.ErrNotFound, *tenant.StatusRefusedError, tenant.ErrOperationOpen,
// tenant.ErrNameTaken, tenant.ErrIDCollision, tenant.ErrIdempotencyMismatch,
// tenant.ErrUnavailable.
func (ops *Operations) Submit(ctx context.Context, sub tenant.Submission) (tenant.Operation, error) {
	var repeated tenant.OperationID
	var accepted tenant.Operation
	err := ops.pool.inTx(ctx, func(tx pgx.Tx) (err error) {
		repeated, err = findRepeat(ctx, tx, sub)
		if err != nil || repeated != "" {
			return err
		}
		b := &pgx.Batch{}
		if sub.New != nil {
			insertTenant(b, *sub.New)
			sub.Operation.Generation = sub.New.Generation
		} else if err := admit(ctx, tx, &sub.Operation, b); err != nil {
			return err
		}
		insertOperation(b, sub, &accepted)
		return run(ctx, tx, b)
	})
	if err != nil {
		return tenant.Operation{}, fmt.Errorf("%s tenant %s: %w", sub.Action(), sub.Operation.TenantID, interpret(err))
	}
	if repeated != "" {
		return ops.Find(ctx, repeated)
	}
	return accepted, nil
}

// findRepeat gives the operation of an earlier use of the client's key; empty when
// there is none, or no key. It takes a lock on the key first, so that of many
// requests at once one goes on and the others find it.
func findRepeat(ctx context.Context, tx pgx.Tx, sub tenant.Submission) (id tenant.OperationID, err error) {
	client, key := sub.Operation.Client, sub.IdempotencyKey
	if key == "" {
		return "", nil
	}
	same := true
	b := &pgx.Batch{}
	b.Queue(`SELECT pg_advisory_xact_lock(hashtextextended($1 || chr(31) || $2, 0))`, client, key)
	b.Queue(`SELECT operation_id, request_hash = $3 FROM idempotency_keys WHERE client = $1 AND key = $2`, client, key, sub.RequestHash).
		QueryRow(func(row pgx.Row) error { return ifThere(row.Scan(&id, &same)) })
	if err = run(ctx, tx, b); err == nil && !same {
		err = tenant.ErrIdempotencyMismatch
	}
	return id, err
}

func insertTenant(b *pgx.Batch, t tenant.Tenant) {
	b.Queue(`
		INSERT INTO tenants (id, name, name_key, slug, schema_name, role_name, app_login, status, generation,
			admin_email, admin_first_name, admin_last_name, tier, region)
		SELECT $1, $2, $3, $4, $5, $6,
			'tp_' || left(i.id::text, 8) || '_app_' || nextval('tenant_number') / $7::bigint,
			$8, $9, $10, $11, $12, $13, $14
		FROM installation i`,
		string(t.ID), t.Name, tenant.NameKey(t.Name), t.Slug, t.Schema, t.Role, tenantsPerLogin, string(t.Status), t.Generation,
		t.Administrator.Email, t.Administrator.FirstName, t.Administrator.LastName, t.Tier, t.Region)
}

// admit checks that the tenant may have the operation, and adds to the batch what
// the acceptance changes of it. It locks the open operation before the tenant, as
// every step does.
func admit(ctx context.Context, tx pgx.Tx, o *tenant.Operation, b *pgx.Batch) error {
	var name string
	lock := &pgx.Batch{}
	lock.Queue(`SELECT FROM operations WHERE tenant_id = $1 AND state NOT IN ('SUCCEEDED', 'ROLLED_BACK') FOR UPDATE`, string(o.TenantID))
	lock.Queue(`SELECT status, name, generation FROM tenants WHERE id = $1 FOR UPDATE`, string(o.TenantID)).
		QueryRow(func(row pgx.Row) error { return row.Scan(&o.FromStatus, &name, &o.Generation) })
	if err := run(ctx, tx, lock); err != nil {
		return err
	}
	lifecycle, _ := o.Kind.Lifecycle()
	if !lifecycle.Accepts(o.FromStatus) {
		return &tenant.StatusRefusedError{Kind: o.Kind, Status: o.FromStatus}
	}
	if lifecycle.Anew {
		o.Generation++
		b.Queue(`UPDATE tenants SET generation = $2, contract_id = NULL, failure_reason = NULL WHERE id = $1`, string(o.TenantID), o.Generation)
	}
	if lifecycle.TakesName { // the unique index refuses it while another tenant holds the name
		b.Queue(`UPDATE tenants SET name_held = true, name_key = $2 WHERE id = $1`, string(o.TenantID), tenant.NameKey(name))
	}
	b.Queue(`UPDATE tenants SET status = coalesce(nullif($2, ''), status), version = version + 1, updated_at = now() WHERE id = $1`,
		string(o.TenantID), string(lifecycle.Waiting))
	return nil
}

// insertOperation adds the operation with all that is recorded about its
// acceptance, and reads it back into accepted.
func insertOperation(b *pgx.Batch, sub tenant.Submission, accepted *tenant.Operation) {
	o := sub.Operation
	lifecycle, _ := o.Kind.Lifecycle()
	b.Queue(`
		INSERT INTO operations AS o (id, tenant_id, kind, state, allowed_actions, generation, from_status, client, retry_budget, attention_period)
		VALUES ($1, $2, $3, 'PENDING', $4, $5, nullif($6, ''), $7, $8, $9) RETURNING `+operationColumns,
		string(o.ID), string(o.TenantID), string(o.Kind), tenant.AllowedActions(tenant.StatePending, tenant.Position{Kind: o.Kind}),
		o.Generation, string(o.FromStatus), o.Client, o.RetryBudget, o.AttentionPeriod).
		Query(one(scanOperation, accepted))
	if sub.IdempotencyKey != "" {
		b.Queue(`INSERT INTO idempotency_keys (client, key, request_hash, operation_id) VALUES ($1, $2, $3, $4)`,
			o.Client, sub.IdempotencyKey, sub.RequestHash, string(o.ID))
	}
	b.Queue(`
		INSERT INTO audit_log (actor, actor_claimed, action, outcome, tenant_id, operation_id, reason)
		VALUES ($1, $2, $3, 'accepted', $4, $5, nullif($6, ''))`,
		sub.Actor, sub.Claimed, sub.Action(), string(o.TenantID), string(o.ID), sub.Reason)
	b.Queue(`
		INSERT INTO events (tenant_id, operation_id, type, data)
		SELECT id, $2, 'operation.pending', jsonb_build_object('kind', $3::text, 'state', 'PENDING', 'status', status) FROM tenants WHERE id = $1`,
		string(o.TenantID), string(o.ID), string(o.Kind))
	if lifecycle.Accepted != "" {
		b.Queue(`
			INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, attempt, started_at, duration_ms)
			SELECT $1, $2, $3, 'COMPLETED', 1, now(), extract(epoch FROM clock_timestamp() - now()) * 1000`,
			string(o.TenantID), string(o.ID), string(lifecycle.Accepted))
	}
}
