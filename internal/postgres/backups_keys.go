package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/tenant"
)

// KeyHolders are the tenants that may have a backup key: all but those that are purged.
func (b *Backups) KeyHolders(ctx context.Context) ([]tenant.ID, error) {
	rows, err := b.pool.Query(ctx, `SELECT t.id::text FROM tenants t LEFT JOIN backup_keys k ON k.tenant_id = t.id
		WHERE t.status <> 'DELETED' AND k.destroyed_at IS NULL ORDER BY t.id`)
	if err != nil {
		return nil, fmt.Errorf("list the tenants with backup keys: %w", interpret(err))
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[tenant.ID])
	if err != nil {
		return nil, fmt.Errorf("list the tenants with backup keys: %w", interpret(err))
	}
	return all, nil
}

// ReplaceKey has a tenant's backup key be what replace makes of it, which is told nil where
// there is no row, and returns nil where there shall be none. Nobody can destroy the key,
// and no backup reads it, until replace has returned.
func (b *Backups) ReplaceKey(ctx context.Context, id tenant.ID, replace func(*backup.Key) (*backup.Key, error)) error {
	err := pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT FROM backup_keys WHERE tenant_id = $1 FOR UPDATE`, string(id)); err != nil {
			return err
		}
		var row *backup.Key
		key, err := findKey(ctx, tx, id)
		switch {
		case err == nil:
			row = &key
		case !errors.Is(err, pgx.ErrNoRows):
			return err
		}
		replaced, err := replace(row)
		if err != nil || replaced == nil {
			return err
		}
		tag, err := tx.Exec(ctx, `INSERT INTO backup_keys AS k (tenant_id, recipient, sealed) VALUES ($1, $2, $3)
			ON CONFLICT (tenant_id) DO UPDATE SET sealed = excluded.sealed WHERE k.recipient = excluded.recipient`,
			string(id), replaced.Recipient, replaced.Sealed)
		if err == nil && tag.RowsAffected() == 0 { // a purge has made the row meanwhile
			return backup.ErrKeyDestroyed
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("replace the backup key of tenant %s: %w", id, interpret(err))
	}
	return nil
}
