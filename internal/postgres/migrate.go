package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"tenant-provisioning/migrations"
)

// Migrate brings the control tables to the newest version and tells from which
// one to which. It may be run twice, and by several at once: a session lock
// lets one work and the others wait.
func Migrate(ctx context.Context, pool *pgxpool.Pool) (from, to int64, err error) {
	db := stdlib.OpenDBFromPool(pool)
	defer func() {
		if cerr := db.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("close the migration connection: %w", cerr)
		}
	}()
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return 0, 0, fmt.Errorf("make the migration lock: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.Control(), goose.WithSessionLocker(locker))
	if err != nil {
		return 0, 0, fmt.Errorf("read the control migrations: %w", err)
	}
	from, err = provider.GetDBVersion(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("read the database's version: %w", interpret(err))
	}
	if _, err := provider.Up(ctx); err != nil {
		return from, 0, fmt.Errorf("migrate the control tables: %w", interpret(err))
	}
	to, err = provider.GetDBVersion(ctx)
	if err != nil {
		return from, 0, fmt.Errorf("read the database's version: %w", interpret(err))
	}
	if _, err := pool.Exec(ctx, `SELECT settle_installation()`); err != nil {
		return from, to, fmt.Errorf("note where the installation is at home: %w", interpret(err))
	}
	return from, to, nil
}
