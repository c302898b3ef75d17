package connect

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/postgres"
)

// Rebuild restores whole installations from the store of the settings to the database of a
// pool. Close it after use; the pool stays the caller's.
type Rebuild struct {
	backup.Rebuilder
	Rows  *postgres.Rebuild
	Close func()
}

// NewRebuild needs BACKUP_URL, and the identity that opens what is there.
func NewRebuild(ctx context.Context, c config.Backup, pool *pgxpool.Pool) (*Rebuild, error) {
	if err := opens(c); err != nil {
		return nil, err
	}
	b, err := newBackups(ctx, c, nil, nil)
	if err != nil {
		return nil, err
	}
	schemas, err := postgres.NewSchemas(ctx, pool)
	if err != nil {
		return nil, errors.Join(err, b.maker.Store.Close())
	}
	rows := postgres.NewRebuild(pool, schemas)
	return &Rebuild{
		Rebuilder: backup.Rebuilder{Store: b.maker.Store, Database: rows, Operator: b.operator, Roles: true}, Rows: rows,
		Close: func() {
			schemas.Close()
			_ = b.maker.Store.Close() // nothing was written to it
		},
	}, nil
}
