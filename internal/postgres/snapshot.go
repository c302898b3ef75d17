package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/tenant"
)

const (
	// backupLockTimeout is how long a backup waits for a table: what waits behind it
	// waits as long.
	backupLockTimeout = 5 * time.Second
	// snapshotAttempts bounds how often a schema may change between the look at its
	// tables and their locks.
	snapshotAttempts = 5
	// controlSchema has the control tables.
	controlSchema = "public"
	// keysTable is the one control table whose rows no backup has: a key that was
	// destroyed must not come back with one.
	keysTable = "backup_keys"
)

// errChanged is a schema whose tables are others than a moment ago.
var errChanged = errors.New("its tables changed while they were being locked")

// ReadTenant writes a tenant's tables as they are at one moment, and what its row says
// at the same moment. A tenant that has nothing to read is tenant.ErrNotFound: it was
// never active, or is purged.
func (b *Backups) ReadTenant(ctx context.Context, id tenant.ID, w *backup.ArchiveWriter) (backup.Manifest, error) {
	m, err := b.read(ctx, w, func(ctx context.Context, q queryer) (described, error) { return describeTenant(ctx, q, id) },
		func(version int64) (map[string][]backup.Column, error) {
			template, err := b.schemas.templateOf(ctx, version)
			return template.tables, err
		})
	if err != nil {
		return backup.Manifest{}, fmt.Errorf("read tenant %s for a backup: %w", id, readError(err))
	}
	return m, nil
}

// ReadControl does the same with the control tables, all of which the migrations make.
func (b *Backups) ReadControl(ctx context.Context, w *backup.ArchiveWriter) (backup.Manifest, error) {
	m, err := b.read(ctx, w, describeControl, nil)
	if err != nil {
		return backup.Manifest{}, fmt.Errorf("read the control tables for a backup: %w", readError(err))
	}
	return m, nil
}

// readError tells what is the one schema's own from what others would meet as well.
func readError(err error) error {
	switch {
	case sqlState(err) == stateLockNotAvailable:
		return &tenant.StepError{
			Alone: true, Class: tenant.ClassConflict, Err: err,
			Reason: "somebody holds a lock on one of its tables for longer than a backup waits (5 s); pg_locks says who",
		}
	case errors.Is(err, errChanged):
		return &tenant.StepError{Alone: true, Class: tenant.ClassConflict, Err: err, Reason: errChanged.Error() + ", several times; wait until its schema is not worked on"}
	}
	return interpret(err)
}

type queryer interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// described is a schema without its rows.
type described struct {
	manifest backup.Manifest
	tables   []backup.Table
}

// names are the tables, as statements name them.
func (d described) names() []string {
	quoted := make([]string, len(d.tables))
	for i, t := range d.tables {
		quoted[i] = pgx.Identifier{d.manifest.Source.Schema, t.Name}.Sanitize()
	}
	return quoted
}

// describer looks at a schema.
type describer func(context.Context, queryer) (described, error)

// read reads a schema in one transaction. Its locks come before its snapshot: a table
// that is rewritten between the two would seem to be empty. So they are taken by what
// a look without them has found, which is repeated with them. Of tables that are as
// template has them the definition is left out; without a template, of all.
func (b *Backups) read(ctx context.Context, w *backup.ArchiveWriter, describe describer, template func(version int64) (map[string][]backup.Column, error)) (m backup.Manifest, err error) {
	conn, err := b.pool.Acquire(ctx)
	if err != nil {
		return m, err
	}
	defer conn.Release()
	for attempt := 1; ; attempt++ {
		var before described
		if before, err = lookAt(ctx, conn, describe); err != nil {
			return m, err
		}
		var known map[string][]backup.Column
		if template != nil {
			if known, err = template(before.manifest.Source.Version); err != nil {
				return m, err
			}
		}
		m, err = readLocked(ctx, conn, before, w, describe, func(t *backup.Table) {
			if template == nil || slices.Equal(t.Definition, known[t.Name]) {
				t.Definition = nil
			}
		})
		if !errors.Is(err, errChanged) || attempt == snapshotAttempts {
			return m, err
		}
	}
}

// lookAt looks at a schema without keeping its locks: PostgreSQL locks a table for a
// moment to tell of its defaults.
func lookAt(ctx context.Context, conn *pgxpool.Conn, describe describer) (d described, err error) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, fmt.Sprintf(`SET LOCAL lock_timeout = %d`, backupLockTimeout.Milliseconds())); err != nil {
			return err
		}
		d, err = describe(ctx, tx)
		return err
	})
	return d, err
}

func readLocked(ctx context.Context, conn *pgxpool.Conn, before described, w *backup.ArchiveWriter, describe describer, trim func(*backup.Table)) (m backup.Manifest, err error) {
	if err = lockTables(ctx, conn, before.names()); err != nil {
		if state := sqlState(err); missing(state) || state == stateNoSchema || state == stateDeadlock {
			err = errChanged
		}
	} else {
		m, err = copySchema(ctx, conn, before, w, describe, trim)
	}
	if conn.Conn().IsClosed() {
		return m, err
	}
	_, ended := conn.Exec(context.WithoutCancel(ctx), `ROLLBACK`) // nothing was written
	return m, errors.Join(err, ended)
}

func copySchema(ctx context.Context, conn *pgxpool.Conn, before described, w *backup.ArchiveWriter, describe describer, trim func(*backup.Table)) (backup.Manifest, error) {
	now, err := describe(ctx, conn)
	if err != nil {
		return backup.Manifest{}, err
	}
	if !slices.Equal(now.names(), before.names()) || now.manifest.Source.Version != before.manifest.Source.Version {
		return backup.Manifest{}, errChanged
	}
	for i := range now.tables {
		trim(&now.tables[i])
	}
	return now.manifest, copyTables(ctx, conn, now, w)
}

// lockTables begins the transaction. Neither SET nor LOCK takes its snapshot.
// Scans that begin where another one is would give the rows in another order.
func lockTables(ctx context.Context, conn *pgxpool.Conn, names []string) error {
	var sql strings.Builder
	fmt.Fprintf(&sql, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL synchronize_seqscans = off; SET LOCAL lock_timeout = %d", backupLockTimeout.Milliseconds())
	if len(names) > 0 {
		sql.WriteString("; LOCK TABLE ONLY " + strings.Join(names, ", ONLY ") + " IN ACCESS SHARE MODE")
	}
	_, err := conn.Conn().PgConn().Exec(ctx, sql.String()).ReadAll()
	return err
}

func copyTables(ctx context.Context, conn *pgxpool.Conn, d described, w *backup.ArchiveWriter) error {
	for i, name := range d.names() {
		columns := make([]string, len(d.tables[i].Columns))
		for j, c := range d.tables[i].Columns {
			columns[j] = pgx.Identifier{c}.Sanitize()
		}
		w.Table(d.tables[i])
		// Without columns there is nothing that a row could hold.
		if len(columns) == 0 {
			continue
		}
		if _, err := conn.Conn().PgConn().CopyTo(ctx, w, `COPY `+name+` (`+strings.Join(columns, ", ")+`) TO STDOUT`); err != nil {
			return fmt.Errorf("copy table %s: %w", d.tables[i].Name, err)
		}
	}
	return nil
}

func describeTenant(ctx context.Context, q queryer, id tenant.ID) (d described, err error) {
	s := &d.manifest.Source
	err = q.QueryRow(ctx, `
		SELECT v.schema_name, v.version, t.generation, coalesce(t.contract_id, ''), t.status
		FROM tenants t JOIN tenant_schema_versions v ON v.tenant_id = t.id AND v.schema_name = t.schema_name
		JOIN pg_namespace n ON n.nspname = t.schema_name
		WHERE t.id = $1 AND t.activated_at IS NOT NULL`, string(id)).Scan(&s.Schema, &s.Version, &s.Generation, &s.ContractID, &s.Status)
	if err != nil {
		return described{}, err
	}
	return d, d.describeSchema(ctx, q)
}

func describeControl(ctx context.Context, q queryer) (d described, err error) {
	s := &d.manifest.Source
	s.Schema = controlSchema
	if err = q.QueryRow(ctx, `SELECT max(version_id) FROM goose_db_version WHERE is_applied`).Scan(&s.Version); err != nil {
		return described{}, err
	}
	if err = d.describeSchema(ctx, q); err != nil {
		return described{}, err
	}
	d.tables = slices.DeleteFunc(d.tables, func(t backup.Table) bool { return t.Name == keysTable })
	return d, nil
}

func (d *described) describeSchema(ctx context.Context, q queryer) error {
	var tables, sequences string
	err := q.QueryRow(ctx, `
		SELECT now(), current_setting('server_version_num')::integer, (`+schemaTables+`), (`+schemaSequences+`)`, d.manifest.Source.Schema).
		Scan(&d.manifest.TakenAt, &d.manifest.Source.Server, &tables, &sequences)
	if err != nil {
		return err
	}
	definitions := map[string][]backup.Column{}
	if err := json.Unmarshal([]byte(tables), &definitions); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(definitions)) {
		t := backup.Table{Name: name, Columns: []string{}, Definition: definitions[name]}
		for _, c := range t.Definition {
			if !c.Generated {
				t.Columns = append(t.Columns, c.Name)
			}
		}
		d.tables = append(d.tables, t)
	}
	return json.Unmarshal([]byte(sequences), &d.manifest.Sequences)
}

// schemaTables are the tables of the schema $1 with the definitions of their columns;
// partitions are tables, what they are partitions of has no rows. The schema's own
// name is written as the template writes it.
const schemaTables = `
	SELECT coalesce(jsonb_object_agg(x.relname, x.columns), '{}')::text FROM (
		SELECT c.relname, coalesce(jsonb_agg(jsonb_build_object(
				'name', a.attname, 'type', replace(format_type(a.atttypid, a.atttypmod), quote_ident(n.nspname) || '.', ':"schema".'), 'notNull', a.attnotnull,
				'default', coalesce(replace(pg_get_expr(f.adbin, f.adrelid), quote_ident(n.nspname) || '.', ':"schema".'), ''),
				'generated', a.attgenerated <> '', 'identity', a.attidentity::text,
				'collation', CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text ELSE '' END) ORDER BY a.attnum)
			FILTER (WHERE a.attname IS NOT NULL), '[]') AS columns
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		LEFT JOIN pg_type t ON t.oid = a.atttypid
		LEFT JOIN pg_attrdef f ON f.adrelid = c.oid AND f.adnum = a.attnum
		WHERE n.nspname = $1 AND c.relkind = 'r'
		  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
		GROUP BY c.oid, c.relname) x`

// schemaSequences says where its sequences stand. They know no transactions, so that
// they are at least where the rows have them.
const schemaSequences = `
	SELECT coalesce(jsonb_agg(jsonb_build_object('name', s.sequencename, 'last', coalesce(s.last_value, s.start_value), 'called', s.last_value IS NOT NULL)
		ORDER BY s.sequencename), '[]')::text
	FROM pg_sequences s WHERE s.schemaname = $1`
