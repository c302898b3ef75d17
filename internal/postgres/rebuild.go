package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/migrations"
)

var _ backup.RebuildDatabase = (*Rebuild)(nil)

// Rebuild makes a whole installation of its backups, on a database that has none: the
// control tables, then the roles and the schema of each tenant. What it makes is not live.
type Rebuild struct {
	pool     *pgxpool.Pool
	restorer *Restorer
}

// NewRebuild rebuilds on a pool, by the templates that schemas knows.
func NewRebuild(pool *pgxpool.Pool, schemas *Schemas) *Rebuild {
	return &Rebuild{pool, NewRestorer(pool, schemas)}
}

// firstNotLive is the version of the control tables from which on they can say that the
// installation is not live.
const firstNotLive = 20

// Stage is how far the database is.
func (r *Rebuild) Stage(ctx context.Context) (s backup.Stage, err error) {
	var there bool
	if err := r.pool.QueryRow(ctx, `SELECT to_regclass('public.tenants') IS NOT NULL`).Scan(&there); err != nil {
		return s, fmt.Errorf("look at the database: %w", interpret(err))
	}
	if !there {
		return s, nil
	}
	err = r.pool.QueryRow(ctx, `
		SELECT id::text, coalesce(not_live, ''), coalesce(restored_from::text, ''), restored_as_of,
			EXISTS (SELECT FROM tenants) OR EXISTS (SELECT FROM operations) OR EXISTS (SELECT FROM audit_log)
		FROM installation`).Scan(&s.Installation, &s.NotLive, &s.From, &s.AsOf, &s.Used)
	if err != nil {
		return s, fmt.Errorf("look at the database: %w", interpret(err))
	}
	return s, nil
}

// FillControl makes the control tables of a backup, in one transaction, and has the
// installation be one that is not live. The tables are made as they were at the backup's
// version, and migrated to today's afterwards. What is wrong with the archive, or differs
// from its manifest, leaves the tables empty.
func (r *Rebuild) FillControl(ctx context.Context, m backup.Manifest, archive *backup.Reader) error {
	newest, err := migrations.ControlVersion()
	if err != nil {
		return errors.Join(err, archive.Stop())
	}
	if v := m.Source.Version; v > newest || v < firstNotLive {
		return errors.Join(archive.Stop(), fmt.Errorf("the backup has the control tables of version %d, and this program restores those of %d to %d; use the version that made it", v, firstNotLive, newest))
	}
	_, at, err := migrateTo(ctx, r.pool, m.Source.Version)
	if err != nil {
		return errors.Join(err, archive.Stop())
	}
	if at != m.Source.Version {
		return errors.Join(archive.Stop(), fmt.Errorf("the control tables are at version %d and those of the backup at %d; take a database without any: the restore makes them", at, m.Source.Version))
	}
	f := filler{to: Target{Schema: controlSchema}, quoted: controlSchema, m: m}
	err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		f.tx = tx
		return f.fillControl(ctx, archive)
	})
	if wrong := archive.Stop(); wrong != nil {
		return wrong
	}
	if err != nil {
		return fmt.Errorf("restore the control tables: %w", fillError(err))
	}
	_, _, err = Migrate(ctx, r.pool)
	return err
}

// fillControl fills tables that are there. The rows say themselves where the installation
// was at home and how transactions were numbered: both is settled anew.
func (f *filler) fillControl(ctx context.Context, archive *backup.Reader) error {
	var used bool
	err := f.tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM tenants) OR EXISTS (SELECT FROM operations) OR EXISTS (SELECT FROM audit_log)
		FROM installation FOR UPDATE`).Scan(&used)
	if err != nil {
		return err
	}
	if used {
		return backup.ErrNotEmpty
	}
	restore, err := f.loosen(ctx)
	if err != nil {
		return err
	}
	for archive.Next() {
		if err := f.copyTable(ctx, archive); err != nil {
			return err
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	for _, sql := range append(restore, f.sequences()...) {
		if _, err := f.tx.Exec(ctx, `SELECT run_script($1::text)`, sql); err != nil {
			return err
		}
	}
	_, err = f.tx.Exec(ctx, `UPDATE installation SET not_live = 'filling', restored_from = $1, restored_as_of = $2, went_live_at = NULL`, string(f.m.ID), f.m.TakenAt)
	if err == nil {
		_, err = f.tx.Exec(ctx, `SELECT settle_installation(), settle_events()`)
	}
	return err
}

// Missing are the tenants whose schema is to be made.
func (r *Rebuild) Missing(ctx context.Context) ([]backup.Lacking, error) {
	rows, err := r.pool.Query(ctx, `
		SELECT t.id::text, t.generation FROM tenants t JOIN tenant_schema_versions v ON v.tenant_id = t.id AND v.schema_name = t.schema_name
		WHERE t.status <> 'DELETED' AND to_regnamespace(quote_ident(t.schema_name)) IS NULL ORDER BY t.id`)
	if err != nil {
		return nil, fmt.Errorf("list the tenants that lack their schema: %w", interpret(err))
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[backup.Lacking])
	if err != nil {
		return nil, fmt.Errorf("list the tenants that lack their schema: %w", interpret(err))
	}
	return all, nil
}

// FillTenant makes the schema of a tenant, and its role where roles says so: on the server
// of the original they are the original's. Nobody can use the schema yet.
func (r *Rebuild) FillTenant(ctx context.Context, m backup.Manifest, archive *backup.Reader, roles bool) error {
	t, err := NewTenants(r.pool).Find(ctx, m.Tenant)
	if err != nil {
		return errors.Join(err, archive.Stop())
	}
	to := Target{Schema: t.Schema}
	if roles {
		to.Role = t.Role
	}
	if roles {
		if err := r.role(ctx, t); err != nil {
			return errors.Join(err, archive.Stop())
		}
	}
	_, err = r.restorer.Fill(ctx, to, m, archive, func(tx pgx.Tx, filled Filled) error {
		_, err := tx.Exec(ctx, `UPDATE tenant_schema_versions SET version = $2, updated_at = now() WHERE schema_name = $1 AND version <> $2`, t.Schema, filled.Version)
		return err
	})
	return err
}

// role makes a tenant's role, which the template grants rights to, and the login that may
// take it, unless the server has them still.
func (r *Rebuild) role(ctx context.Context, t tenant.Tenant) error {
	err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue(`SELECT ensure_app_login($1::text), ensure_role($2::text, $3::text, 'NOLOGIN')`, t.AppLogin, t.Role, string(t.ID))
		b.Queue(`GRANT ` + pgx.Identifier{t.Role}.Sanitize() + ` TO ` + pgx.Identifier{t.AppLogin}.Sanitize())
		return run(ctx, tx, b)
	})
	if err != nil {
		return fmt.Errorf("make the role of tenant %s: %w", t.ID, interpret(err))
	}
	return nil
}

// Adopt has the rows of backups be what the store has: those of its manifests are good,
// and what it has no manifest of is none. The backup that was restored was still being
// written when its rows were read.
func (r *Rebuild) Adopt(ctx context.Context, all []backup.Manifest) error {
	ids := make([]string, len(all))
	b := &pgx.Batch{}
	for i, m := range all {
		ids[i] = string(m.ID)
		b.Queue(`INSERT INTO backups (id, tenant_id, state, bytes, rows, taken_at, finished_at)
			SELECT $1::uuid, $2::uuid, 'GOOD', $3, $4, $5, now() WHERE $2::uuid IS NULL OR EXISTS (SELECT FROM tenants WHERE id = $2::uuid)
			ON CONFLICT (id) DO UPDATE SET state = 'GOOD', bytes = excluded.bytes, rows = excluded.rows, taken_at = excluded.taken_at, error = NULL
			WHERE backups.state <> 'BROKEN'`, string(m.ID), of(m.Tenant), m.Archive.Bytes, m.Rows(), m.TakenAt)
	}
	b.Queue(`DELETE FROM backups WHERE NOT id = ANY ($1::uuid[])`, ids)
	if err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error { return run(ctx, tx, b) }); err != nil {
		return fmt.Errorf("write down which backups there are: %w", interpret(err))
	}
	return nil
}

// Filled has the restore be done. A clone is one that never goes live: its tenants can use
// their schemas at once.
func (r *Rebuild) Filled(ctx context.Context, clone, roles bool) error {
	how := "restored"
	if clone {
		how = "clone"
	}
	err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if clone && roles {
			if _, err := tx.Exec(ctx, giveAllAccess); err != nil {
				return err
			}
		}
		// What was being written to the store when the backup was made, the original has noted
		// since: it is not ours to remove.
		if _, err := tx.Exec(ctx, `DELETE FROM log_drafts`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE installation SET not_live = $1 WHERE not_live = 'filling'`, how)
		return err
	})
	if err != nil {
		return fmt.Errorf("write down that all is restored: %w", interpret(err))
	}
	return nil
}

// giveAllAccess gives back what a restore leaves off, where it was on.
const giveAllAccess = `SELECT give_access(schema_name, role_name) FROM tenants
	WHERE status = 'ACTIVE' AND to_regnamespace(quote_ident(schema_name)) IS NOT NULL AND to_regrole(quote_ident(role_name)) IS NOT NULL`
