package postgres_test

import (
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

// own are tables and columns that a tenant's schema has got beside its template, with
// what would refuse or change rows that come in another order.
const own = `
	ALTER TABLE own.users ADD COLUMN badge text DEFAULT 'none';
	ALTER TABLE own.roles DROP COLUMN description;
	CREATE TABLE own.a_child (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, parent integer NOT NULL, doubled bigint GENERATED ALWAYS AS (id * 2) STORED);
	CREATE TABLE own.z_parent (id serial PRIMARY KEY, note varchar(9) COLLATE "C" NOT NULL, words text[]);
	ALTER TABLE own.a_child ADD FOREIGN KEY (parent) REFERENCES own.z_parent;
	INSERT INTO own.z_parent (note, words) SELECT 'n' || n, ARRAY['a', NULL, E'tab\t'] FROM generate_series(1, 300) n;
	INSERT INTO own.a_child (parent) SELECT id FROM own.z_parent WHERE id % 3 = 0;
	INSERT INTO own.audit_logs (action) VALUES ('signed in'), ('signed out');`

func (b backupBundle) restorer() *postgres.Restorer { return postgres.NewRestorer(b.pool, b.schemas) }

func nothingFirst(pgx.Tx) error { return nil }

// rows are those of a table, whatever their order.
func (b backupBundle) rows(t *testing.T, schema, table, columns string) (found []string) {
	t.Helper()
	all, err := b.pool.Query(b.ctx, `SELECT (`+columns+`)::text FROM `+pgx.Identifier{schema, table}.Sanitize()+` ORDER BY 1`)
	require.NoError(t, err)
	found, err = pgx.CollectRows(all, pgx.RowTo[string])
	require.NoError(t, err)
	return found
}

// TestASchemaIsFilledFromABackup: rows, sequences, foreign keys and the template's own
// constraints are there again; what the template does not make has its columns and rows.
func TestASchemaIsFilledFromABackup(t *testing.T) {
	t.Parallel()
	b := setupBackups(t)
	f, schema := b.active(t, "filled")
	b.exec(t, strings.ReplaceAll(own, "own.", pgx.Identifier{schema}.Sanitize()+"."))
	m, err := b.write(t, f.Tenant)
	require.NoError(t, err)
	target := postgres.Target{Schema: "Filled \"again\"", Role: schema}
	for range 2 { // what an attempt before has left is dropped
		r, err := b.store.Open(b.ctx, m, []age.Identity{b.operator})
		require.NoError(t, err)
		filled, err := b.restorer().Fill(b.ctx, target, m, r, nothingFirst)
		require.NoError(t, err)
		require.Equal(t, []string{"a_child", "roles", "z_parent"}, filled.Plain)
	}
	for table, columns := range map[string]string{
		"users": "(id, email, badge, role)", "roles": "(name)", "a_child": "(id, parent, doubled)", "z_parent": "(id, note, words)", "audit_logs": "(id, action, at)",
	} {
		require.Equal(t, b.rows(t, schema, table, "ROW"+columns), b.rows(t, target.Schema, table, "ROW"+columns), table)
	}
	quoted := pgx.Identifier{target.Schema}.Sanitize()
	b.exec(t, `INSERT INTO `+quoted+`.audit_logs (action) VALUES ('after'); INSERT INTO `+quoted+`.a_child (parent) VALUES (1); INSERT INTO `+quoted+`.z_parent (note) VALUES ('after')`)
	var log, child, parent int64
	require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT (SELECT max(id) FROM `+quoted+`.audit_logs), (SELECT max(id) FROM `+quoted+`.a_child), (SELECT max(id) FROM `+quoted+`.z_parent)`).Scan(&log, &child, &parent))
	require.Equal(t, []int64{3, 101, 301}, []int64{log, child, parent}, "sequences go on")
	_, err = b.pool.Exec(b.ctx, `INSERT INTO `+quoted+`.users (id, email, first_name, last_name, role) SELECT gen_random_uuid(), upper(email), 'x', 'y', role FROM `+quoted+`.users`)
	require.ErrorContains(t, err, "users_email", "the template's index is there")
	var use bool
	require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT has_schema_privilege($1, $2, 'USAGE')`, schema, target.Schema).Scan(&use))
	require.False(t, use, "the tenant's role has no right on it")
}

// TestABackupThatIsNotAsItWasFillsNothing.
func TestABackupThatIsNotAsItWasFillsNothing(t *testing.T) {
	t.Parallel()
	b := setupBackups(t)
	f, schema := b.active(t, "altered")
	b.exec(t, strings.ReplaceAll(own, "own.", pgx.Identifier{schema}.Sanitize()+"."))
	m, err := b.write(t, f.Tenant)
	require.NoError(t, err)
	there := func() (found bool) {
		require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT to_regnamespace('scratch') IS NOT NULL`).Scan(&found))
		return found
	}
	fill := func(m backup.Manifest, identity *age.X25519Identity) error {
		r, err := b.store.Open(b.ctx, m, []age.Identity{identity})
		require.NoError(t, err)
		_, err = b.restorer().Fill(b.ctx, postgres.Target{Schema: "scratch", Role: schema}, m, r, nothingFirst)
		return err
	}
	stranger, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	require.ErrorIs(t, fill(m, stranger), backup.ErrWrongKey)
	other := m
	other.Archive.SHA256 = strings.Repeat("0", 64)
	require.ErrorIs(t, fill(other, b.operator), backup.ErrAltered)
	newer := m
	newer.Source.Version = 1000
	refused := fill(newer, b.operator)
	var step *tenant.StepError
	require.ErrorAs(t, refused, &step)
	require.True(t, step.Permanent)
	require.Contains(t, step.Reason, "replace the worker")
	typed := m
	typed.Tables = append([]backup.Table(nil), m.Tables...)
	for i := range typed.Tables {
		if typed.Tables[i].Name == "z_parent" {
			typed.Tables[i].Definition = append([]backup.Column(nil), typed.Tables[i].Definition...)
			typed.Tables[i].Definition[0].Type = `:"schema".mood`
		}
	}
	require.ErrorAs(t, fill(typed, b.operator), &step)
	require.Contains(t, step.Reason, "SQLSTATE 42704")
	require.False(t, there())
	require.NoError(t, fill(m, b.operator))
	require.True(t, there())
}
