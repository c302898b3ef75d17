package connect

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/postgres"
)

// NewRewrapper needs BACKUP_URL, and the identities that open the tenants' keys. Call the
// returned function after use; the pool stays the caller's.
func NewRewrapper(ctx context.Context, c config.Backup, pool *pgxpool.Pool) (*backup.Rewrapper, func(), error) {
	if err := opens(c); err != nil {
		return nil, nil, err
	}
	rows := postgres.NewBackups(pool, nil)
	b, err := newBackups(ctx, c, rows, nil)
	if err != nil {
		return nil, nil, err
	}
	end := func() { _ = b.maker.Store.Close() } // what was written to it is there
	return &backup.Rewrapper{Store: b.maker.Store, Database: rows, Recipients: c.Recipients, Operator: b.operator}, end, nil
}

// opens requires what a command takes that opens backups itself.
func opens(c config.Backup) error {
	if c.URL == "" {
		return errors.New("there is no BACKUP_URL; give this command the BACKUP_ settings of the workers")
	}
	if c.Identity.Reveal() == "" {
		return errors.New("there is no BACKUP_IDENTITY, without which no backup can be opened; take it from where you keep it")
	}
	return nil
}
