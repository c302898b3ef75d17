package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/migrations"
)

// confirmTimeout bounds the first question to a database at a process's start.
const confirmTimeout = 5 * time.Second

// Confirm fails where the database answers and can't be worked on until somebody
// changes it or a setting: its encoding, or a pooler that mixes up sessions. A
// database that is away is no error.
func Confirm(ctx context.Context, pool *pgxpool.Pool) error {
	ctx, cancel := context.WithTimeout(ctx, confirmTimeout)
	defer cancel()
	err := pool.Ping(ctx)
	if told, ok := errors.AsType[*tenant.UnavailableError](err); ok && told.Unfit {
		return fmt.Errorf("the database cannot be used: %w", told)
	}
	return nil
}

// Health is whether the database can be worked on: it answers, and has been migrated
// as far as this build needs.
type Health struct {
	pool database
	// version is what the control tables must have at least, ahead by how much
	// theirs was higher when it was last looked at.
	version int64
	ahead   atomic.Int64
}

// NewHealth asks the database of a pool.
func NewHealth(pool *pgxpool.Pool) (*Health, error) {
	version, err := migrations.ControlVersion()
	if err != nil {
		return nil, err
	}
	return &Health{pool: database{pool}, version: version}, nil
}

// Ping asks whether the database answers, and whether it has been migrated as
// far as this build needs.
func (h *Health) Ping(ctx context.Context) error {
	_, err := h.look(ctx)
	return err
}

// Ready is Ping, and fails where nothing can be written.
func (h *Health) Ready(ctx context.Context) error {
	is, err := h.look(ctx)
	switch {
	case err != nil:
		return err
	case is.readOnly:
		return readOnlyError(false, nil)
	case !is.ours:
		return &tenant.UnavailableError{Reason: "DB_USERNAME may not write to the control tables, which belong to another role; make it their owner (REASSIGN OWNED BY … TO …)"}
	}
	return nil
}

// state is what a migrated database says of itself.
type state struct{ readOnly, ours bool }

func (h *Health) look(ctx context.Context) (is state, err error) {
	var version int64
	err = h.pool.QueryRow(ctx, `
		SELECT coalesce(max(version_id), 0), current_setting('transaction_read_only') = 'on',
			has_table_privilege('operations', 'INSERT') AND has_table_privilege('operations', 'UPDATE')
		FROM `+goose.DefaultTablename+` WHERE is_applied`).Scan(&version, &is.readOnly, &is.ours)
	switch {
	case sqlState(err) == stateNoTable:
		if err := hasRoom(ctx, h.pool); err != nil {
			return is, err
		}
		return is, &tenant.UnavailableError{Reason: "the database has no control tables; run: starter migrate"}
	case err != nil:
		return is, fmt.Errorf("ask the database: %w", interpret(err))
	case version < h.version:
		return is, &tenant.UnavailableError{
			Reason: fmt.Sprintf("the control tables are at version %d and this build needs %d; run: starter migrate", version, h.version),
		}
	}
	h.ahead.Store(max(version, h.version) - h.version)
	return is, h.refuseHome(ctx)
}

// Note says that the tables were found to be those of a newer version, which this
// build may not fit in everything; empty when they are its own.
func (h *Health) Note() string {
	ahead := h.ahead.Load()
	if ahead == 0 {
		return ""
	}
	return fmt.Sprintf("A newer version has migrated the database: the control tables are at version %d, and this program knows %d. What no longer fits is refused; replace this program by that version.",
		h.version+ahead, h.version)
}

// refuseHome refuses a copy of a database, beside its original on the same server, and
// an installation that was restored and is not live.
func (h *Health) refuseHome(ctx context.Context) error {
	var original, how string
	err := h.pool.QueryRow(ctx, `SELECT coalesce(copied_from(), ''), coalesce(not_live, '') FROM installation`).Scan(&original, &how)
	switch {
	case err != nil:
		return fmt.Errorf("ask the database: %w", interpret(err))
	case original != "":
		return &refused{"this database is a copy of the database " + original + copyAdvice, tenant.ErrCopy}
	case how != "":
		return &refused{notLive(how), tenant.ErrNotLive}
	}
	return nil
}

// hasRoom says what keeps the control tables from being made in schema public:
// that others have been made elsewhere, by a build that took the first schema of
// the login's search_path; or that the schema isn't there, or closed to us.
func hasRoom(ctx context.Context, db database) error {
	var elsewhere *string
	var there, ours bool
	err := db.QueryRow(ctx, `
		SELECT (SELECT min(n.nspname) FROM pg_namespace n WHERE n.nspname <> 'public'
				AND EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = '`+goose.DefaultTablename+`')
				AND EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = 'tenant_schema_versions')),
			p.oid IS NOT NULL, coalesce(has_schema_privilege(p.oid, 'CREATE'), false)
		FROM (SELECT to_regnamespace('public') AS oid) p`).Scan(&elsewhere, &there, &ours)
	switch {
	case err != nil:
		return fmt.Errorf("look at schema public: %w", interpret(err))
	case elsewhere != nil:
		return &tenant.UnavailableError{Unfit: true, Reason: "the control tables are in schema " + pgx.Identifier{*elsewhere}.Sanitize() +
			", where only public is looked in; while nothing runs: DROP SCHEMA public (if it is empty), ALTER SCHEMA … RENAME TO public"}
	case !there:
		return &tenant.UnavailableError{Unfit: true, Reason: "there is no schema public for the control tables; " +
			"the database's owner can make it: CREATE SCHEMA public AUTHORIZATION …"}
	case !ours:
		return &tenant.UnavailableError{Unfit: true, Reason: "DB_USERNAME may not make the control tables in schema public, which PostgreSQL 15 and later " +
			"leave to the database's owner: ALTER DATABASE … OWNER TO …, or GRANT USAGE, CREATE ON SCHEMA public TO …"}
	}
	return nil
}
