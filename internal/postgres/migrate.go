package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/migrations"
)

// Migrate brings the control tables to the newest version and tells from which
// one to which. It may be run twice, and by several at once: a session lock
// lets one work and the others wait.
func Migrate(ctx context.Context, pool *pgxpool.Pool) (from, to int64, err error) {
	return migrateTo(ctx, pool, migrateAll)
}

func migrateTo(ctx context.Context, pool *pgxpool.Pool, upTo int64) (from, to int64, err error) {
	if err := canMigrate(ctx, database{pool}); err != nil {
		return 0, 0, err
	}
	from, to, err = migrate(ctx, pool, upTo)
	if errors.Is(err, driver.ErrBadConn) { // each file is a transaction, and is done once
		from, to, err = migrate(ctx, pool, upTo)
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == stateNoPrivilege {
		return from, 0, &tenant.UnavailableError{Unfit: true, Err: pg, Reason: "DB_USERNAME may not change the control tables, which belong to another role; " +
			"make it their owner (ALTER TABLE … OWNER TO …, or as their owner REASSIGN OWNED BY … TO …)"}
	}
	if err != nil {
		return from, 0, fmt.Errorf("migrate the control tables: %w", interpret(err))
	}
	return from, to, nil
}

// canMigrate says in words what keeps the migrations from beginning: their library
// would not.
func canMigrate(ctx context.Context, db database) error {
	var there, unreleased, readOnly bool
	err := db.QueryRow(ctx, `SELECT to_regclass('`+goose.DefaultTablename+`') IS NOT NULL,
			to_regclass('tenant_schema_versions') IS NOT NULL AND to_regclass('events') IS NULL, current_setting('transaction_read_only') = 'on'`).
		Scan(&there, &unreleased, &readOnly)
	switch {
	case err != nil:
		return fmt.Errorf("look for the control tables: %w", interpret(err))
	case unreleased:
		return &tenant.UnavailableError{Unfit: true, Reason: "the control tables are from before the first release, and nothing migrates these; " +
			"of the embedded stack: stop it, remove its folder (rm -r .devstack) and start it again; elsewhere: take an empty database"}
	case readOnly:
		return readOnlyError(false, nil)
	case !there:
		return hasRoom(ctx, db)
	}
	return nil
}

// migrateAll has migrate go to the newest version.
const migrateAll = 0

func migrate(ctx context.Context, pool *pgxpool.Pool, upTo int64) (from, to int64, err error) {
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
	if from, err = provider.GetDBVersion(ctx); err != nil {
		return 0, 0, fmt.Errorf("read the database's version: %w", err)
	}
	if upTo == migrateAll {
		_, err = provider.Up(ctx)
	} else {
		_, err = provider.UpTo(ctx, upTo)
	}
	if err != nil {
		return from, 0, err
	}
	if to, err = provider.GetDBVersion(ctx); err != nil {
		return from, 0, fmt.Errorf("read the database's version: %w", err)
	}
	if _, err := pool.Exec(ctx, `SELECT settle_installation(), settle_events()`); err != nil {
		return from, to, fmt.Errorf("note where the installation is at home: %w", interpret(err))
	}
	return from, to, nil
}
