package postgres

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
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
// Errors: tenant.ErrNotFound, *tenant.StatusRefusedError, *tenant.ForbiddenError,
// tenant.ErrOperationOpen, tenant.ErrNameTaken, tenant.ErrIDCollision, tenant.ErrIdempotencyMismatch,
// tenant.ErrUnavailable.
func (ops *Operations) Submit(ctx context.Context, sub tenant.Submission) (tenant.Operation, error) {
	var repeated tenant.OperationID
	var accepted tenant.Operation
	err := ops.pool.inTx(ctx, func(tx pgx.Tx) error {
		found, k, err := findRepeat(ctx, tx, sub)
		repeated = found // it may be the second time
		if err != nil || repeated != "" {
			return err
		}
		b := &pgx.Batch{}
		if sub.New != nil {
			insertTenant(b, *sub.New)
			if sub.Import != nil {
				b.Queue(`INSERT INTO tenant_imports (tenant_id, source_schema, source_id, source_contract) VALUES ($1, $2, $3, nullif($4, ''))`,
					string(sub.New.ID), sub.Import.From, sub.Import.SourceID, sub.Import.Contract)
			}
			sub.Operation.Generation = sub.New.Generation
			sub.Operation.ToStatus = tenant.StatusActive
			insertOperation(b, sub, "", &accepted)
		} else {
			superseded, err := admit(ctx, tx, &sub, b)
			if err != nil {
				return err
			}
			insertOperation(b, sub, superseded, &accepted)
		}
		if sub.IdempotencyKey != "" {
			b.Queue(`INSERT INTO idempotency_keys (client, key_hash, request_hash, operation_id) VALUES ($1, $2, $3, $4)`,
				sub.Operation.Client, k.key, k.request, string(sub.Operation.ID))
		}
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

// kept is what the database keeps of a request that came with an idempotency key.
type kept struct{ key, request []byte }

// findRepeat gives the operation of an earlier use of the client's key, empty when
// there is none, or no key. It takes a lock on the key first, so that of many
// requests at once one goes on and the others find it.
//
// The key of the hashes is read each time: one that a process had kept would be
// another's after the restore of another database.
func findRepeat(ctx context.Context, tx pgx.Tx, sub tenant.Submission) (id tenant.OperationID, k kept, err error) {
	client := sub.Operation.Client
	if sub.IdempotencyKey == "" {
		return "", k, nil
	}
	var hashKey, before []byte
	b := &pgx.Batch{}
	b.Queue(`SELECT pg_advisory_xact_lock(hashtextextended($1 || chr(31) || $2, 0))`, client, sub.IdempotencyKey)
	b.Queue(`SELECT hash_key FROM installation`).QueryRow(func(row pgx.Row) error { return row.Scan(&hashKey) })
	if err := run(ctx, tx, b); err != nil {
		return "", k, err
	}
	k = kept{hashed(hashKey, "key", []byte(sub.IdempotencyKey)), hashed(hashKey, "request", sub.Request)}
	err = ifThere(tx.QueryRow(ctx, `SELECT operation_id, request_hash FROM idempotency_keys WHERE client = $1 AND key_hash = $2`, client, k.key).Scan(&id, &before))
	if err == nil && before != nil && !hmac.Equal(before, k.request) {
		err = tenant.ErrIdempotencyMismatch
	}
	return id, k, err
}

func hashed(key []byte, what string, text []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(what + "\n")) // no key has the hash of a request
	mac.Write(text)
	return mac.Sum(nil)
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
	insertNonce(b, t.ID, t.Generation)
}

// admit checks that the tenant may have the operation, and adds to the batch what
// the acceptance changes of it. It locks the open operation before the tenant, as
// every step does.
//
// An open operation that has nothing left to do but what is optional gives way, as
// does one of a kind that yields: a mail that cannot be sent must not keep a tenant
// from being suspended. It is returned.
func admit(ctx context.Context, tx pgx.Tx, sub *tenant.Submission, b *pgx.Batch) (superseded tenant.OperationID, err error) {
	o := &sub.Operation
	var open []tenant.Operation
	var t tenant.Tenant
	var due bool
	var left tenant.OperationID
	lock := &pgx.Batch{}
	lock.Queue(`SELECT `+operationColumns+` FROM operations o WHERE tenant_id = $1 AND state NOT IN ('SUCCEEDED', 'ROLLED_BACK') FOR UPDATE`, string(o.TenantID)).
		Query(func(rows pgx.Rows) (err error) {
			open, err = pgx.CollectRows(rows, scanOperation)
			return err
		})
	lock.Queue(`SELECT status, name, generation, coalesce(archived_from, ''), legal_hold, coalesce(purge_after <= now(), false) FROM tenants WHERE id = $1 FOR UPDATE`, string(o.TenantID)).
		QueryRow(func(row pgx.Row) error {
			return row.Scan(&t.Status, &t.Name, &t.Generation, &t.ArchivedFrom, &t.LegalHold, &due)
		})
	lock.Queue(leftToEnd, string(o.TenantID)).QueryRow(func(row pgx.Row) error { return ifThere(row.Scan(&left)) })
	if err := run(ctx, tx, lock); err != nil {
		return "", err
	}
	lifecycle, _ := o.Kind.Lifecycle()
	if err := mayHave(*sub, lifecycle, t, due); err != nil {
		return "", err
	}
	for _, before := range open {
		if before.Kind == o.Kind || !before.GivesWay() {
			return "", tenant.ErrOperationOpen
		}
		giveWay(b, before, *sub)
		superseded = before.ID
	}
	if left != "" {
		superseded = left
	}
	if o.Kind == tenant.KindInvite {
		if err := mayInvite(ctx, tx, sub); err != nil {
			return "", err
		}
	}
	if lifecycle.TakesBackup {
		if err := mayRestore(ctx, tx, *o); err != nil {
			return "", err
		}
	}
	o.FromStatus, o.ToStatus, o.Generation = t.Status, cmp.Or(lifecycle.Reaches, t.ArchivedFrom), t.Generation
	if lifecycle.Keeps {
		o.ToStatus = t.Status
	}
	if lifecycle.Anew {
		o.Generation++
		b.Queue(`UPDATE tenants SET generation = $2, contract_id = NULL, failure_reason = NULL WHERE id = $1`, string(o.TenantID), o.Generation)
		insertNonce(b, o.TenantID, o.Generation)
	}
	if lifecycle.TakesName { // the unique index refuses it while another tenant holds the name
		b.Queue(`UPDATE tenants SET name_held = true, next_name_key = $2 WHERE id = $1`, string(o.TenantID), tenant.NameKey(cmp.Or(o.NewName, t.Name)))
	}
	b.Queue(`UPDATE tenants SET status = coalesce(nullif($2, ''), status), version = version + 1, updated_at = now() WHERE id = $1`,
		string(o.TenantID), string(lifecycle.Waiting))
	return superseded, nil
}

// mayHave refuses what a tenant's row does not allow. due tells that its grace period
// is over.
func mayHave(sub tenant.Submission, l tenant.Lifecycle, t tenant.Tenant, due bool) error {
	refused := &tenant.StatusRefusedError{Kind: l.Kind, Status: t.Status}
	switch {
	case !l.Accepts(t.Status):
	case due && l.Kind == tenant.KindUndelete:
		refused.Why = "the time in which the archive could be taken back is over"
	case l.ClaimIsPivot && t.LegalHold != nil:
		refused.Why = t.LegalHold.Keeps()
	case sub.OnlyDue && !due:
		refused.Why = "its grace period is not over"
	case l.ClaimIsPivot && t.Status == tenant.StatusArchived && !sub.OnlyDue && !sub.Admin:
		return &tenant.ForbiddenError{Reason: "only the role admin may purge an archive before its time, one tenant at a time"}
	default:
		return nil
	}
	return refused
}

// leftToEnd is the operation whose run the tenant's newest operation was to end with
// its own start, and never did, since no run has taken it: it was rolled back, or
// gives way, before. Whatever comes next has to.
const leftToEnd = `
	SELECT supersedes FROM (SELECT supersedes, started_at FROM operations WHERE tenant_id = $1 ORDER BY id DESC LIMIT 1) newest
	WHERE started_at IS NULL AND supersedes IS NOT NULL`

// giveWay ends an operation that gives way to another: as a skip of the steps that
// are left would, or, of a kind that yields, as a rollback, which has nothing to undo.
func giveWay(b *pgx.Batch, o tenant.Operation, to tenant.Submission) {
	reason := "given up for a later operation (" + to.Action() + ")"
	lifecycle := o.Lifecycle()
	end, action := transition{
		operation: o.ID, kind: o.Kind, from: o.State, to: tenant.StateSucceeded, pivotPassed: true,
		step: o.FailedStep, class: tenant.ClassCancelled, reason: reason,
	}, tenant.ActionSkip
	if lifecycle.Yields {
		end.to, end.pivotPassed, end.status, action = tenant.StateRolledBack, false, lifecycle.Undone, tenant.ActionRollback
	}
	end.queue(b)
	for _, stage := range lifecycle.Stages {
		for _, step := range stage.Covers {
			if stage.Optional {
				logSkipped(b, o.TenantID, o.ID, step, tenant.ClassCancelled, reason)
			}
		}
	}
	b.Queue(`
		INSERT INTO audit_log (actor, actor_claimed, action, outcome, tenant_id, operation_id, detail)
		VALUES ($1, $2, $6, 'accepted', $3, $4, $5)`, to.Actor, to.Claimed, string(o.TenantID), string(o.ID), reason, string(action))
}

// insertOperation adds the operation with all that is recorded about its
// acceptance, and reads it back into accepted.
func insertOperation(b *pgx.Batch, sub tenant.Submission, superseded tenant.OperationID, accepted *tenant.Operation) {
	o := sub.Operation
	lifecycle, _ := o.Kind.Lifecycle()
	b.Queue(`
		INSERT INTO operations AS o (id, tenant_id, kind, state, allowed_actions, generation, from_status, to_status, supersedes, client, retry_budget, attention_period, new_name, only_due, resets_address, traceparent, backup_id)
		VALUES ($1, $2, $3, 'PENDING', $4, $5, nullif($6, ''), $7, nullif($8, '')::uuid, $9, $10, $11, nullif($12, ''), $13,
			(SELECT addresses FROM tenants WHERE id = $2 AND $14), nullif($15, ''), nullif($16, '')::uuid) RETURNING `+operationColumns,
		string(o.ID), string(o.TenantID), string(o.Kind), tenant.AllowedActions(tenant.StatePending, tenant.Position{Kind: o.Kind}),
		o.Generation, string(o.FromStatus), string(o.ToStatus), string(superseded), o.Client, o.RetryBudget, o.AttentionPeriod, o.NewName, sub.OnlyDue, sub.Resets, o.Trace, o.Backup).
		Query(one(scanOperation, accepted))
	b.Queue(`
		INSERT INTO audit_log (actor, actor_claimed, action, outcome, tenant_id, operation_id, reason, detail)
		VALUES ($1, $2, $3, 'accepted', $4, $5, nullif($6, ''), coalesce('with the new name ' || nullif($7, ''), 'from the backup ' || nullif($8, '')))`,
		sub.Actor, sub.Claimed, sub.Action(), string(o.TenantID), string(o.ID), sub.Reason, o.NewName, o.Backup)
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
