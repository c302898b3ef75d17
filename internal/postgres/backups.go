package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/tenant"
)

// Backups reads what backups are made of, and keeps the rows that say which there are
// and the tenants' keys.
type Backups struct {
	pool    database
	schemas *Schemas
}

// NewBackups reads from a pool; schemas tells what templates make.
func NewBackups(pool *pgxpool.Pool, schemas *Schemas) *Backups {
	return &Backups{pool: database{pool}, schemas: schemas}
}

// Installation is the id that every backup carries.
func (b *Backups) Installation(ctx context.Context) (id string, err error) {
	if err := b.pool.QueryRow(ctx, `SELECT id::text FROM installation`).Scan(&id); err != nil {
		return "", fmt.Errorf("read the installation's id: %w", interpret(err))
	}
	return id, nil
}

// WithKey gives use a tenant's key, which create makes if there is none. Nobody can
// destroy the key until use returns: what use writes into the store is there when a
// purge removes it.
func (b *Backups) WithKey(ctx context.Context, id tenant.ID, create func() (backup.Key, error), use func(backup.Key) error) error {
	err := pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error {
		key, err := findKey(ctx, tx, id)
		if errors.Is(err, pgx.ErrNoRows) {
			if key, err = create(); err != nil {
				return err
			}
			if _, err = tx.Exec(ctx, `INSERT INTO backup_keys (tenant_id, recipient, sealed) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
				string(id), key.Recipient, key.Sealed); err != nil {
				return err
			}
			key, err = findKey(ctx, tx, id)
		}
		if err != nil {
			return err
		}
		return use(key)
	})
	if err != nil {
		return fmt.Errorf("take the backup key of tenant %s: %w", id, interpret(err))
	}
	return nil
}

// findKey locks the key's row against its destruction.
func findKey(ctx context.Context, tx pgx.Tx, id tenant.ID) (backup.Key, error) {
	key := backup.Key{Format: backup.Format, Tenant: id}
	var destroyed bool
	err := tx.QueryRow(ctx, `
		SELECT i.id::text, coalesce(k.recipient, ''), k.sealed, k.destroyed_at IS NOT NULL FROM backup_keys k, installation i
		WHERE k.tenant_id = $1 FOR SHARE OF k`, string(id)).Scan(&key.Installation, &key.Recipient, &key.Sealed, &destroyed)
	if err == nil && destroyed {
		return backup.Key{}, backup.ErrKeyDestroyed
	}
	return key, err
}

// DestroyKey destroys the private half of a tenant's key in the database, with every
// copy that a later backup could have made of it, and has the tenant's backups deleted
// by whoever deletes from the store. A tenant that never had a key gets none any more.
// before comes first, once the operation is known to be the one that may.
func (b *Backups) DestroyKey(ctx context.Context, f tenant.Fence, before func() error) error {
	err := pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, passFence, fenceArgs(f)...); err != nil {
			return err
		}
		if err := before(); err != nil {
			return err
		}
		batch := &pgx.Batch{}
		// A repetition finds the key destroyed, and what the first one noted stays.
		batch.Queue(noteRemoved+` jsonb_build_object('backupKey', EXISTS (SELECT FROM backup_keys WHERE tenant_id = $1::uuid AND destroyed_at IS NULL),
			'backups', (SELECT count(*) FROM backups WHERE tenant_id = $1::uuid)) || removed WHERE id = $2::uuid`, string(f.Tenant), string(f.Operation))
		batch.Queue(`INSERT INTO backup_keys (tenant_id, destroyed_at) VALUES ($1, now())
			ON CONFLICT (tenant_id) DO UPDATE SET recipient = NULL, sealed = NULL, destroyed_at = now() WHERE backup_keys.destroyed_at IS NULL`, string(f.Tenant))
		batch.Queue(`UPDATE backups SET state = 'DELETING' WHERE tenant_id = $1 AND state <> 'DELETING'`, string(f.Tenant))
		return run(ctx, tx, batch)
	})
	if err != nil {
		return stepError(tenant.StepDropSchema, err)
	}
	return nil
}

// Begin writes down that a backup is being made, before anything of it is read. What
// an attempt before has left is FAILED: its worker was lost.
func (b *Backups) Begin(ctx context.Context, ref backup.Ref) error {
	batch := &pgx.Batch{}
	batch.Queue(`UPDATE backups SET state = 'FAILED', error = 'its worker was lost' WHERE tenant_id IS NOT DISTINCT FROM $1::uuid AND state = 'WRITING'`, of(ref.Tenant))
	batch.Queue(`INSERT INTO backups (id, tenant_id) VALUES ($1, $2)`, string(ref.ID), of(ref.Tenant))
	if err := pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error { return run(ctx, tx, batch) }); err != nil {
		return fmt.Errorf("write down that a backup begins: %w", interpret(err))
	}
	return nil
}

// of is a tenant as a parameter: nobody's is the control tables'.
func of(id tenant.ID) *string {
	if id == "" {
		return nil
	}
	s := string(id)
	return &s
}

// Good writes down that a backup is complete, and that the tenant is done in its fleet
// run. backup.ErrLost: it is nobody's any more; the tenant was purged meanwhile, or
// another attempt has begun.
func (b *Backups) Good(ctx context.Context, f tenant.FleetFence, m backup.Manifest) error {
	err := pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error {
		batch := &pgx.Batch{}
		if f.Fleet != "" {
			queueFleetFence(batch, f)
			queueFleetDone(batch, f, tenant.FleetItemDone)
		}
		batch.Queue(`UPDATE backups SET state = 'GOOD', bytes = $2, rows = $3, taken_at = $4, finished_at = now() WHERE id = $1 AND state = 'WRITING'`,
			string(m.ID), m.Archive.Bytes, m.Rows(), m.TakenAt).Exec(func(tag pgconn.CommandTag) error {
			if tag.RowsAffected() == 0 {
				return backup.ErrLost
			}
			return nil
		})
		return run(ctx, tx, batch)
	})
	if err != nil {
		return fmt.Errorf("write down that a backup is good: %w", interpret(err))
	}
	return nil
}

// Nothing writes down that a tenant of a fleet run had nothing to back up.
func (b *Backups) Nothing(ctx context.Context, f tenant.FleetFence) error {
	if f.Fleet == "" {
		return nil
	}
	err := pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error {
		batch := &pgx.Batch{}
		queueFleetFence(batch, f)
		queueFleetDone(batch, f, tenant.FleetItemSkipped)
		return run(ctx, tx, batch)
	})
	if sqlState(err) == stateAlreadyDone {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write down that there is nothing to back up: %w", interpret(err))
	}
	return nil
}

// Failed writes down that a backup came to nothing, and why.
func (b *Backups) Failed(ctx context.Context, id backup.ID, reason string) error {
	if _, err := b.pool.Exec(ctx, `UPDATE backups SET state = 'FAILED', error = $2, finished_at = now() WHERE id = $1 AND state = 'WRITING'`, string(id), reason); err != nil {
		return fmt.Errorf("write down that a backup failed: %w", interpret(err))
	}
	return nil
}

// Verified writes down what a verification found: nothing, or why the backup is
// refused.
func (b *Backups) Verified(ctx context.Context, id backup.ID, refusal error) error {
	var why *string
	if refusal != nil {
		text := refusal.Error()
		why = &text
	}
	if _, err := b.pool.Exec(ctx, `UPDATE backups SET state = CASE WHEN $2::text IS NULL THEN 'GOOD' ELSE 'BROKEN' END, error = $2, verified_at = now()
		WHERE id = $1 AND state IN ('GOOD', 'BROKEN')`, string(id), why); err != nil {
		return fmt.Errorf("write down what a verification found: %w", interpret(err))
	}
	return nil
}

const backupColumns = `b.id::text, coalesce(b.tenant_id::text, ''), b.state, coalesce(b.bytes, 0), coalesce(b.rows, 0), coalesce(b.error, ''),
	coalesce(b.taken_at, b.created_at), b.verified_at`

func scanBackup(row pgx.CollectableRow) (r backup.Record, err error) {
	err = row.Scan(&r.ID, &r.Tenant, &r.State, &r.Bytes, &r.Rows, &r.Error, &r.CreatedAt, &r.VerifiedAt)
	return r, err
}

// List lists backups, the newest first: a tenant's, or all with those of the control
// tables.
func (b *Backups) List(ctx context.Context, id tenant.ID, limit int) ([]backup.Record, error) {
	rows, err := b.pool.Query(ctx, `SELECT `+backupColumns+` FROM backups b WHERE $1::uuid IS NULL OR b.tenant_id = $1
		ORDER BY b.created_at DESC, b.id DESC LIMIT $2`, of(id), limit)
	if err != nil {
		return nil, fmt.Errorf("list backups: %w", interpret(err))
	}
	all, err := pgx.CollectRows(rows, scanBackup)
	if err != nil {
		return nil, fmt.Errorf("list backups: %w", interpret(err))
	}
	return all, nil
}

// Find finds one.
func (b *Backups) Find(ctx context.Context, id backup.ID) (backup.Record, error) {
	rows, err := b.pool.Query(ctx, `SELECT `+backupColumns+` FROM backups b WHERE b.id = $1`, string(id))
	if err != nil {
		return backup.Record{}, fmt.Errorf("find backup %s: %w", id, interpret(err))
	}
	r, err := pgx.CollectExactlyOneRow(rows, scanBackup)
	if err != nil {
		return backup.Record{}, fmt.Errorf("find backup %s: %w", id, interpret(err))
	}
	return r, nil
}

// Expire picks backups to delete from the store, up to limit, and has them be nobody's:
// what failed, and what is older than the retention, but for the last good one of the
// control tables and of every tenant that is not purged, and those of a tenant that is
// held.
func (b *Backups) Expire(ctx context.Context, limit int) ([]backup.Record, error) {
	rows, err := b.pool.Query(ctx, `
		UPDATE backups b SET state = 'DELETING' FROM (
			SELECT x.id FROM backups x LEFT JOIN tenants t ON t.id = x.tenant_id
			WHERE NOT EXISTS (SELECT FROM operations o WHERE o.backup_id = x.id AND o.state NOT IN ('SUCCEEDED', 'ROLLED_BACK'))
			  AND (x.state IN ('FAILED', 'DELETING')
			   OR x.state IN ('GOOD', 'BROKEN') AND x.taken_at < now() - $1::interval AND t.legal_hold IS NULL
				AND (t.status = 'DELETED' OR EXISTS (
					SELECT FROM backups n WHERE n.tenant_id IS NOT DISTINCT FROM x.tenant_id AND n.state = 'GOOD' AND n.taken_at > x.taken_at)))
			ORDER BY x.created_at LIMIT $2 FOR UPDATE OF x SKIP LOCKED) old
		WHERE b.id = old.id RETURNING `+backupColumns, backup.Retention, limit)
	if err != nil {
		return nil, fmt.Errorf("find backups that are too old: %w", interpret(err))
	}
	old, err := pgx.CollectRows(rows, scanBackup)
	if err != nil {
		return nil, fmt.Errorf("find backups that are too old: %w", interpret(err))
	}
	return old, nil
}

// Gone forgets a backup that the store has no more.
func (b *Backups) Gone(ctx context.Context, id backup.ID) error {
	if _, err := b.pool.Exec(ctx, `DELETE FROM backups WHERE id = $1 AND state = 'DELETING'`, string(id)); err != nil {
		return fmt.Errorf("forget backup %s: %w", id, interpret(err))
	}
	return nil
}

// OfAll tells whether a fleet run backs up all tenants, and so the control tables.
func (b *Backups) OfAll(ctx context.Context, f tenant.FleetID) (all bool, err error) {
	err = b.pool.QueryRow(ctx, `SELECT params->'tenants' IS NULL AND state IN ('COMPLETED', 'FAILED') FROM fleet_runs WHERE id = $1`, string(f)).Scan(&all)
	if errors.Is(err, pgx.ErrNoRows) { // a restore has lost the row
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read fleet run %s: %w", f, interpret(err))
	}
	return all, nil
}

// Any tells whether a tenant has a key or a backup.
func (b *Backups) Any(ctx context.Context, id tenant.ID) (has bool, err error) {
	err = b.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM backup_keys WHERE tenant_id = $1 AND destroyed_at IS NULL) OR EXISTS (SELECT FROM backups WHERE tenant_id = $1)`,
		string(id)).Scan(&has)
	if err != nil {
		return false, fmt.Errorf("look for backups of tenant %s: %w", id, interpret(err))
	}
	return has, nil
}
