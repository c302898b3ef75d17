package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/migrations"
)

// Restorer makes schemas of backups.
type Restorer struct {
	pool    database
	schemas *Schemas
}

// NewRestorer restores on a pool, by the templates that schemas knows.
func NewRestorer(pool *pgxpool.Pool, schemas *Schemas) *Restorer {
	return &Restorer{pool: database{pool}, schemas: schemas}
}

// Target is the schema that a backup is restored to.
type Target struct {
	Schema string
	// Role is the tenant's. It gets what the template grants it, but not the use of the
	// schema. Empty grants nothing to anybody.
	Role string
}

// Filled is what a schema has become.
type Filled struct {
	// Version is that of the template now.
	Version int64
	// Plain are the tables that the template does not make: they have their columns and
	// rows, and none of their constraints, indexes, triggers and grants.
	Plain []string
}

// Fill makes a schema of a backup, in one transaction: the tables as the template of the
// backup's version makes them, the rows, compared with what the manifest says of each
// table, the sequences, and then the template's newer files. A schema of that name is
// dropped before. end is called last, in the same transaction.
//
// archive is read to its end and closed: nothing is kept unless it was as it was written.
func (r *Restorer) Fill(ctx context.Context, to Target, m backup.Manifest, archive *backup.Reader, end func(pgx.Tx, Filled) error) (filled Filled, err error) {
	newest := r.schemas.template.Version
	if m.Source.Version > newest {
		return Filled{}, errors.Join(archive.Stop(), &tenant.StepError{
			Class: tenant.ClassPermanent, Permanent: true,
			Reason: fmt.Sprintf("the backup has the template's version %d, and this worker's ends at %d; replace the worker by the version that made the backup, or a later one", m.Source.Version, newest),
		})
	}
	known, err := r.schemas.templateOf(ctx, m.Source.Version)
	if err != nil {
		return Filled{}, errors.Join(err, archive.Stop())
	}
	f := filler{to: to, quoted: pgx.Identifier{to.Schema}.Sanitize(), m: m, known: known.tables}
	err = pgx.BeginFunc(ctx, r.pool.Pool, func(tx pgx.Tx) error {
		f.tx = tx
		if err := f.fill(ctx, archive, r.schemas.template.Between(m.Source.Version, newest)); err != nil {
			return err
		}
		filled = Filled{Version: newest, Plain: f.plain}
		return end(tx, filled)
	})
	if wrong := archive.Stop(); wrong != nil { // PostgreSQL was only told that there is no more
		return Filled{}, wrong
	}
	if err != nil {
		return Filled{}, fillError(err)
	}
	return filled, nil
}

// fillError says what is wrong with the one backup, or leaves what others would meet too.
// A schema that is there all of a sudden is of another attempt, whose worker was taken for
// lost: the next one finds what has become of it.
func fillError(err error) error {
	pg, fromServer := errors.AsType[*pgconn.PgError](err)
	if fromServer && pg.ConstraintName == "pg_namespace_nspname_index" {
		return interpret(err)
	}
	if fromServer && (strings.HasPrefix(pg.Code, "22") || strings.HasPrefix(pg.Code, "23") || strings.HasPrefix(pg.Code, "42") && pg.Code != stateNoPrivilege) {
		return &tenant.StepError{
			Alone: true, Class: tenant.ClassPermanent, Permanent: true, Err: err,
			Reason: fmt.Sprintf("the database does not take what the backup holds (SQLSTATE %s)%s; the worker's log has the statement's error", pg.Code, concerned(pg)),
		}
	}
	return interpret(err)
}

// filler fills one schema.
type filler struct {
	tx     pgx.Tx
	to     Target
	quoted string
	m      backup.Manifest
	known  map[string][]backup.Column
	plain  []string
}

func (f *filler) fill(ctx context.Context, archive *backup.Reader, newer []migrations.File) error {
	if err := f.makeTables(ctx); err != nil {
		return err
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
	statements := slices.Concat(restore, f.sequences())
	for _, file := range newer {
		statements = append(statements, file.For(f.quoted, f.role()))
	}
	for _, sql := range statements {
		if _, err := f.tx.Exec(ctx, `SELECT run_script($1::text)`, sql); err != nil {
			return err
		}
	}
	if f.to.Role == "" {
		return nil
	}
	_, err = f.tx.Exec(ctx, `SELECT revoke_access($1::text, $2::text)`, f.to.Schema, f.to.Role)
	return err
}

// role is who gets what the template grants.
func (f *filler) role() string {
	if f.to.Role == "" {
		return "CURRENT_USER"
	}
	return pgx.Identifier{f.to.Role}.Sanitize()
}

// makeTables makes the schema as the template of the backup's version does, and then as
// the backup's tables differ from it.
func (f *filler) makeTables(ctx context.Context) error {
	template, err := migrations.TenantAt(f.m.Source.Version)
	if err != nil {
		return err
	}
	statements := []string{`DROP SCHEMA IF EXISTS ` + f.quoted + ` CASCADE; CREATE SCHEMA ` + f.quoted, template.For(f.quoted, f.role())}
	for _, t := range f.m.Tables {
		if t.Definition != nil {
			statements = append(statements, f.tableSQL(t)...)
		}
	}
	for _, sql := range statements {
		if _, err := f.tx.Exec(ctx, `SELECT run_script($1::text)`, sql); err != nil {
			return err
		}
	}
	return nil
}

// tableSQL makes a table that the template makes in another form, or not at all. Where it
// has only got more columns these are added to it; else it becomes a plain one.
func (f *filler) tableSQL(t backup.Table) (statements []string) {
	name := pgx.Identifier{f.to.Schema, t.Name}.Sanitize()
	for _, c := range t.Definition {
		if sequence, found := ofSequence(c); found {
			statements = append(statements, `CREATE SEQUENCE IF NOT EXISTS `+f.quoted+`.`+sequence)
		}
	}
	template, made := f.known[t.Name]
	if made && !slices.ContainsFunc(template, func(c backup.Column) bool { return !slices.Contains(t.Definition, c) }) {
		for _, c := range t.Definition {
			if !slices.Contains(template, c) {
				statements = append(statements, `ALTER TABLE `+name+` ADD COLUMN `+f.columnSQL(c))
			}
		}
		return statements
	}
	f.plain = append(f.plain, t.Name)
	columns := make([]string, len(t.Definition))
	for i, c := range t.Definition {
		columns[i] = f.columnSQL(c)
	}
	return append(statements, `DROP TABLE IF EXISTS `+name+` CASCADE`, `CREATE TABLE `+name+` (`+strings.Join(columns, ", ")+`)`)
}

// ofSequence is the sequence that a column's default counts by, as it is quoted there.
func ofSequence(c backup.Column) (name string, found bool) {
	_, rest, found := strings.Cut(c.Default, `nextval(':"schema".`)
	if !found {
		return "", false
	}
	name, _, found = strings.Cut(rest, `'::regclass`)
	return name, found
}

func (f *filler) columnSQL(c backup.Column) string {
	in := strings.NewReplacer(`:"schema".`, f.quoted+".")
	sql := pgx.Identifier{c.Name}.Sanitize() + " " + in.Replace(c.Type)
	if c.Collation != "" {
		sql += " COLLATE " + c.Collation
	}
	if c.NotNull {
		sql += " NOT NULL"
	}
	switch {
	case c.Generated:
		sql += " GENERATED ALWAYS AS (" + in.Replace(c.Default) + ") STORED"
	case c.Identity == "a":
		sql += " GENERATED ALWAYS AS IDENTITY"
	case c.Identity == "d":
		sql += " GENERATED BY DEFAULT AS IDENTITY"
	case c.Default != "":
		sql += " DEFAULT " + in.Replace(c.Default)
	}
	return sql
}

// loosen takes off what would refuse or change rows that come table by table, and gives
// the statements that put it back: foreign keys are checked then, for all rows at once.
func (f *filler) loosen(ctx context.Context) (restore []string, err error) {
	rows, err := f.tx.Query(ctx, `
		SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname),
			format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid))
		FROM pg_constraint c WHERE c.contype = 'f' AND c.conparentid = 0 AND c.connamespace = $1::text::regnamespace
		UNION ALL
		SELECT format('ALTER TABLE %s DISABLE TRIGGER %I', g.tgrelid::regclass, g.tgname),
			format('ALTER TABLE %s ENABLE %sTRIGGER %I', g.tgrelid::regclass, CASE g.tgenabled WHEN 'A' THEN 'ALWAYS ' WHEN 'R' THEN 'REPLICA ' ELSE '' END, g.tgname)
		FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
		WHERE c.relnamespace = $1::text::regnamespace AND NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgparentid = 0`, f.quoted)
	if err != nil {
		return nil, err
	}
	var off, on string
	var take []string
	if _, err := pgx.ForEachRow(rows, []any{&off, &on}, func() error {
		take, restore = append(take, off), append(restore, on)
		return nil
	}); err != nil {
		return nil, err
	}
	if len(f.m.Tables) > 0 { // the template may have rows of its own
		names := make([]string, len(f.m.Tables))
		for i, t := range f.m.Tables {
			names[i] = pgx.Identifier{f.to.Schema, t.Name}.Sanitize()
		}
		take = append(take, `TRUNCATE `+strings.Join(names, ", "))
	}
	for _, sql := range take {
		if _, err := f.tx.Exec(ctx, `SELECT run_script($1::text)`, sql); err != nil {
			return nil, err
		}
	}
	return restore, nil
}

// copyTable copies the archive's current table, and compares what the database then has
// with what the manifest says of it.
func (f *filler) copyTable(ctx context.Context, archive *backup.Reader) error {
	t := archive.Table()
	if len(t.Columns) == 0 {
		return nil
	}
	columns := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = pgx.Identifier{c}.Sanitize()
	}
	list := pgx.Identifier{f.to.Schema, t.Name}.Sanitize() + ` (` + strings.Join(columns, ", ") + `)`
	conn := f.tx.Conn().PgConn()
	if _, err := conn.CopyFrom(ctx, archive, `COPY `+list+` FROM STDIN`); err != nil {
		return fmt.Errorf("copy table %s: %w", t.Name, err)
	}
	sum := backup.NewSumRows()
	if _, err := conn.CopyTo(ctx, sum, `COPY `+list+` TO STDOUT`); err != nil {
		return fmt.Errorf("compare table %s: %w", t.Name, err)
	}
	if !sum.Equal(t) {
		return &tenant.StepError{
			Alone: true, Class: tenant.ClassPermanent, Permanent: true,
			Reason: "the rows of table " + t.Name + " are others in the database than in the backup: something there changes what is written, such as a rule, or a type of another server",
		}
	}
	return nil
}

// sequences has the sequences go on from where they were. One that no table of the
// backup has is left out.
func (f *filler) sequences() (statements []string) {
	for _, s := range f.m.Sequences {
		name := strings.ReplaceAll(f.quoted+"."+pgx.Identifier{s.Name}.Sanitize(), "'", "''")
		statements = append(statements, fmt.Sprintf(`DO $do$ BEGIN IF to_regclass('%[1]s') IS NOT NULL THEN PERFORM setval('%[1]s', %[2]d, %[3]t); END IF; END $do$`, name, s.Last, s.Called))
	}
	return statements
}
