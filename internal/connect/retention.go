package connect

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/backup/bucket"
	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/retention"
)

// logKeeper makes what keeps logs for as long as is set. Without a backup store
// provisioning logs stay where they are.
func logKeeper(c config.Provisioning, pool *pgxpool.Pool, b *backups) *retention.Keeper {
	k := &retention.Keeper{Rows: postgres.NewRecords(pool), Logs: c.LogRetention, Audit: c.AuditRetention}
	if b.maker != nil {
		k.Store = b.maker.Store
	}
	return k
}

// Records makes what finds logs in the database and, where one is set, in the backup
// store.
func Records(pool *pgxpool.Pool, c config.BackupStore) *retention.Finder {
	f := &retention.Finder{Catalogue: postgres.NewRecords(pool)}
	if c.URL != "" {
		f.Archives = &logStore{config: bucket.Config{URL: c.URL, AccessKey: c.AccessKey, SecretKey: c.SecretKey.Reveal(), Reading: true}}
	}
	return f
}

// logStore is the backup store for those who read logs alone. It is opened when the first
// are read: one that is not there stops nothing else.
type logStore struct {
	config bucket.Config

	mu    sync.Mutex
	store *backup.Store
}

func (s *logStore) Logs(ctx context.Context, name string) ([]byte, error) {
	store, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	return store.Logs(ctx, name)
}

func (s *logStore) open(ctx context.Context) (*backup.Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.store != nil {
		return s.store, nil
	}
	var err error
	s.store, err = bucket.Open(ctx, s.config)
	return s.store, err
}
