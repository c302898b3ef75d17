package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/tenant"
)

// Bury makes a tenant that was purged after the backup deleted again: its schema and role,
// who administered it, its links and its key. It tells whether there was anything to do.
func (r *Rebuild) Bury(ctx context.Context, t backup.Tombstone) (buried bool, err error) {
	err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		var schema, role string
		err := tx.QueryRow(ctx, `SELECT schema_name, role_name FROM tenants WHERE id = $1 AND status <> 'DELETED' FOR UPDATE`, string(t.Tenant)).Scan(&schema, &role)
		if err != nil {
			return ifThere(err)
		}
		buried = true
		if _, err := tx.Exec(ctx, `DROP SCHEMA IF EXISTS `+pgx.Identifier{schema}.Sanitize()+` CASCADE`); err != nil {
			return err
		}
		var ours bool
		err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1
			AND shobj_description(oid, 'pg_authid') = role_mark($2) AND role_held_by(oid) IS NULL)`, role, string(t.Tenant)).Scan(&ours)
		if err != nil {
			return err
		}
		if ours {
			if _, err := tx.Exec(ctx, `DROP ROLE `+pgx.Identifier{role}.Sanitize()); err != nil {
				return err
			}
		}
		detail, err := json.Marshal(t)
		if err != nil {
			return err
		}
		b := &pgx.Batch{}
		id := string(t.Tenant)
		b.Queue(`DELETE FROM tenant_schema_versions WHERE tenant_id = $1`, id)
		b.Queue(`DELETE FROM invitations WHERE tenant_id = $1`, id)
		b.Queue(`UPDATE idempotency_keys k SET request_hash = NULL FROM operations o WHERE o.id = k.operation_id AND o.tenant_id = $1`, id)
		b.Queue(`UPDATE operations SET state = CASE WHEN pivot_passed OR id = $2::uuid THEN 'SUCCEEDED' ELSE 'ROLLED_BACK' END,
			allowed_actions = '{}', attention_deadline = NULL, finished_at = now(), updated_at = now()
			WHERE tenant_id = $1 AND state NOT IN ('SUCCEEDED', 'ROLLED_BACK')`, id, string(t.Operation))
		b.Queue(`UPDATE tenants SET status = 'DELETED', name_held = false, next_name_key = NULL, admin_email = NULL, admin_first_name = NULL, admin_last_name = NULL,
			purge_after = NULL, archived_from = NULL, legal_hold = NULL, version = version + 1, updated_at = now() WHERE id = $1`, id)
		b.Queue(`INSERT INTO backup_keys (tenant_id, destroyed_at) VALUES ($1, now())
			ON CONFLICT (tenant_id) DO UPDATE SET recipient = NULL, sealed = NULL, destroyed_at = now()`, id)
		b.Queue(`UPDATE backups SET state = 'DELETING' WHERE tenant_id = $1`, id)
		b.Queue(recordOfTenant, id, "deleted")
		b.Queue(`INSERT INTO audit_log (actor, action, outcome, tenant_id, reason, detail) VALUES ('restore', 'tombstone', 'done', $1, 'purged after the backup that was restored', $2)`, id, string(detail))
		return run(ctx, tx, b)
	})
	if err != nil {
		return false, fmt.Errorf("delete tenant %s, which was purged after the backup: %w", t.Tenant, interpret(err))
	}
	return buried, nil
}

// Settle ends what was under way when the backup was made, and counts it: nobody knows
// whether a mail that had not left by then has left since, so it is in doubt; links that
// were not used may have been; what the channels' sequence numbers are the ledger says.
func (r *Rebuild) Settle(ctx context.Context) (s backup.Settled, err error) {
	count := func(n *int64) func(pgx.Row) error { return func(row pgx.Row) error { return row.Scan(n) } }
	err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue(`WITH x AS (UPDATE emails SET state = 'UNKNOWN', left_at = coalesce(left_at, created_at), updated_at = now()
			WHERE state IN ('PENDING', 'SENDING') RETURNING 1) SELECT count(*) FROM x`).QueryRow(count(&s.Mails))
		b.Queue(`WITH x AS (UPDATE notices SET state = 'DROPPED' WHERE state IN ('PENDING', 'SENDING') RETURNING 1),
			y AS (UPDATE maintenance_notices SET state = 'DROPPED' WHERE state IN ('PENDING', 'SENDING') RETURNING 1)
			SELECT (SELECT count(*) FROM x) + (SELECT count(*) FROM y)`).QueryRow(count(&s.Notices))
		b.Queue(`WITH x AS (UPDATE invitations SET expires_at = now() WHERE used_at IS NULL AND expires_at > now() RETURNING 1) SELECT count(*) FROM x`).QueryRow(count(&s.Invitations))
		b.Queue(`UPDATE stellar_channels SET sequence = 0, lease_token = NULL, leased_until = now()`)
		b.Queue(`UPDATE fleet_runs SET state = 'ABORTED', run_id = NULL, note = 'the installation was restored from a backup that was made while it ran', version = version + 1
			WHERE state NOT IN ('COMPLETED', 'FAILED', 'ABORTED')`)
		b.Queue(`UPDATE workers SET stopped_at = coalesce(stopped_at, now())`)
		b.Queue(`SELECT count(*) FROM operations WHERE state NOT IN ('SUCCEEDED', 'ROLLED_BACK')`).QueryRow(count(&s.Operations))
		b.Queue(`SELECT count(*) FROM stellar_transactions WHERE state IN ('PREPARED', 'SENT')`).QueryRow(count(&s.Transactions))
		return run(ctx, tx, b)
	})
	if err != nil {
		return s, fmt.Errorf("end what was under way: %w", interpret(err))
	}
	return s, nil
}

// Sequences are the sequence numbers that each account had used when the backup was made.
func (r *Rebuild) Sequences(ctx context.Context, network string) (map[string]int64, error) {
	rows, err := r.pool.Query(ctx, `SELECT channel, max(sequence) FROM stellar_transactions WHERE network = $1 GROUP BY channel`, network)
	if err != nil {
		return nil, fmt.Errorf("read the channels' sequence numbers: %w", interpret(err))
	}
	known := map[string]int64{}
	var channel string
	var sequence int64
	if _, err := pgx.ForEachRow(rows, []any{&channel, &sequence}, func() error { known[channel] = sequence; return nil }); err != nil {
		return nil, fmt.Errorf("read the channels' sequence numbers: %w", interpret(err))
	}
	return known, nil
}

// GoLive has the installation be live, with the report of what has been lost in the audit
// log, and gives tenants' roles the access that they had.
func (r *Rebuild) GoLive(ctx context.Context, who tenant.Caller, report any) error {
	detail, err := json.Marshal(report)
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE installation SET not_live = NULL, went_live_at = now() WHERE not_live = 'restored'`)
		if err != nil || tag.RowsAffected() == 0 { // somebody else was as far
			return err
		}
		b := &pgx.Batch{}
		b.Queue(giveAllAccess)
		b.Queue(`INSERT INTO audit_log (actor, action, outcome, detail) VALUES ($1, 'go-live', 'done', $2)`, who.Actor, string(detail))
		return run(ctx, tx, b)
	})
	if err != nil {
		return fmt.Errorf("go live: %w", interpret(err))
	}
	return nil
}
