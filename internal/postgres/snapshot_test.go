package postgres_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/backup/bucket"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

type backupBundle struct {
	testBundle
	backups  *postgres.Backups
	store    *backup.Store
	dir      string // of the store
	operator *age.X25519Identity
	config   postgres.Config // of the database
}

func setupBackups(t *testing.T) backupBundle {
	t.Helper()
	b, config := setupWithConfig(t)
	_, signing, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	operator, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	dir := t.TempDir()
	store, err := bucket.Open(t.Context(), bucket.Config{URL: "file://" + dir, Keyring: backup.Keyring{Signing: signing}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return backupBundle{b, postgres.NewBackups(b.pool, b.schemas), store, dir, operator, config}
}

// active is a tenant with the schema of its template.
func (b backupBundle) active(t *testing.T, name string) (tenant.Fence, string) {
	t.Helper()
	f := b.claim(t, name)
	require.NoError(t, b.schemas.Create(b.ctx, f))
	_, err := b.pool.Exec(b.ctx, `UPDATE tenants SET status = 'ACTIVE', activated_at = now() WHERE id = $1`, string(f.Tenant))
	require.NoError(t, err)
	found, err := b.tenants.Find(b.ctx, f.Tenant)
	require.NoError(t, err)
	return f, found.Schema
}

func (b backupBundle) exec(t *testing.T, sql string) {
	t.Helper()
	_, err := b.pool.Exec(b.ctx, sql)
	require.NoError(t, err)
}

func (b backupBundle) write(t *testing.T, id tenant.ID) (backup.Manifest, error) {
	t.Helper()
	made, err := backup.NewID()
	require.NoError(t, err)
	installation, err := b.backups.Installation(b.ctx)
	require.NoError(t, err)
	return b.store.Write(b.ctx, backup.Ref{ID: made, Installation: installation, Tenant: id}, []age.Recipient{b.operator.Recipient()},
		func(w *backup.ArchiveWriter) (backup.Manifest, error) {
			if id == "" {
				return b.backups.ReadControl(b.ctx, w)
			}
			return b.backups.ReadTenant(b.ctx, id, w)
		})
}

// odd are tables outside the template with every kind of value that has been lost by
// somebody's backup.
const odd = `
	CREATE TABLE odd.everything (
		id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
		number numeric, precise numeric(20,10), real8 double precision, bytes bytea, document jsonb, words text[], nested integer[][],
		"Quoted ""Name""" text DEFAULT 'x', at timestamptz, during tstzrange, uid uuid, bit bit varying, net inet, iv interval, en odd.mood,
		doubled numeric GENERATED ALWAYS AS (number * 2) STORED
	);
	CREATE TABLE odd.nothing (id serial, note varchar(3) COLLATE "C" NOT NULL);
	CREATE TABLE odd.parted (k integer) PARTITION BY LIST (k);
	CREATE TABLE odd.part_one PARTITION OF odd.parted FOR VALUES IN (1);
	CREATE TABLE odd.parent (a integer);
	CREATE TABLE odd.child (b integer) INHERITS (odd.parent);
	CREATE UNLOGGED TABLE odd.unlogged (a text);
	CREATE VIEW odd.seen AS SELECT 1 AS one;`

const oddRows = `
	INSERT INTO odd.everything (number, precise, real8, bytes, document, words, nested, "Quoted ""Name""", at, during, uid, bit, net, iv, en) VALUES
		('NaN', 1.0000000001, 'Infinity', '\x00ff0a5c', '{"a": [1, null, "\n\\N"], "ü": 1.10}', ARRAY['a', NULL, '', '{},"\'], '{{1,2},{3,4}}', E'tab\tline\nend\\.', 'infinity', '[2020-01-01,)', gen_random_uuid(), B'', '::1', '1 mon -3 days', 'sad'),
		(123456789012345678901234567890.123456789, -0.0000000001, 0.1::float8 + 0.2::float8, '', 'null', '{}', '{}', '', '4713-01-01 BC', 'empty', NULL, B'101', '10.0.0.0/8', '00:00:00.000001', NULL),
		(NULL, NULL, '-0', NULL, NULL, NULL, NULL, '👩‍⚕️ \N', NULL, NULL, NULL, NULL, NULL, NULL, 'fine');
	INSERT INTO odd.everything (number) SELECT n / 7.0 FROM generate_series(1, 2000) n;
	DELETE FROM odd.everything WHERE id % 3 = 0; UPDATE odd.everything SET number = number + 1 WHERE id % 5 = 0;
	INSERT INTO odd.parted VALUES (1), (1); INSERT INTO odd.parent VALUES (1), (NULL); INSERT INTO odd.child VALUES (1, 2); INSERT INTO odd.unlogged VALUES (''), (NULL);`

// What a backup holds goes by COPY into tables that the same statements make, and the
// tables are then equal, in whatever order the database gives their rows.
func TestASnapshotGoesBackAsItWas(t *testing.T) {
	t.Parallel()
	b := setupBackups(t)
	f, schema := b.active(t, "odd")
	quoted := pgx.Identifier{schema}.Sanitize()
	in := func(schema, sql string) string { return strings.ReplaceAll(sql, "odd.", schema+".") }
	b.exec(t, in(quoted, `CREATE TYPE odd.mood AS ENUM ('sad', 'fine');`+odd+oddRows))

	m, err := b.write(t, f.Tenant)
	require.NoError(t, err)
	require.Equal(t, backup.Source{Schema: schema, Version: 1, Generation: 1, Status: "ACTIVE", Server: m.Source.Server}, m.Source)
	require.WithinDuration(t, time.Now(), m.TakenAt, time.Hour)
	tables := map[string]backup.Table{}
	for _, table := range m.Tables {
		tables[table.Name] = table
	}
	require.NotContains(t, tables, "parted", "a partition has the rows")
	require.NotContains(t, tables, "seen")
	require.EqualValues(t, 2, tables["part_one"].Rows)
	require.EqualValues(t, 2, tables["parent"].Rows, "without the child's")
	require.EqualValues(t, 1, tables["users"].Rows)
	require.EqualValues(t, 3, tables["roles"].Rows)
	require.Zero(t, tables["nothing"].Rows)
	require.Nil(t, tables["users"].Definition, "the template makes it")
	require.NotContains(t, tables["everything"].Columns, "doubled")
	require.Equal(t, []backup.Column{
		{Name: "id", Type: "integer", NotNull: true, Default: `nextval(':"schema".nothing_id_seq'::regclass)`},
		{Name: "note", Type: "character varying(3)", NotNull: true, Collation: `"C"`},
	}, tables["nothing"].Definition)
	require.Contains(t, m.Sequences, backup.Sequence{Name: "everything_id_seq", Last: 2003, Called: true})
	require.Contains(t, m.Sequences, backup.Sequence{Name: "nothing_id_seq", Last: 1})

	b.exec(t, `CREATE SCHEMA again; CREATE TYPE again.mood AS ENUM ('sad', 'fine');`+in("again", odd))
	r, err := b.store.Open(b.ctx, m, []age.Identity{b.operator})
	require.NoError(t, err)
	conn, err := b.pool.Acquire(b.ctx)
	require.NoError(t, err)
	defer conn.Release()
	for r.Next() {
		table := r.Table()
		if table.Definition == nil {
			continue
		}
		columns := make([]string, len(table.Columns))
		for i, c := range table.Columns {
			columns[i] = pgx.Identifier{c}.Sanitize()
		}
		list := pgx.Identifier{"again", table.Name}.Sanitize() + ` (` + strings.Join(columns, ", ") + `)`
		tag, err := conn.Conn().PgConn().CopyFrom(b.ctx, r, `COPY `+list+` FROM STDIN`)
		require.NoError(t, err, table.Name)
		require.Equal(t, table.Rows, tag.RowsAffected(), table.Name)
		sum := backup.NewSumRows()
		_, err = conn.Conn().PgConn().CopyTo(b.ctx, sum, `COPY `+list+` TO STDOUT`)
		require.NoError(t, err)
		require.True(t, sum.Equal(table), table.Name)
		if table.Name == "everything" { // another order, and a row that was changed
			shuffled := backup.NewSumRows()
			_, err = conn.Conn().PgConn().CopyTo(b.ctx, shuffled, `COPY (SELECT `+strings.Join(columns, ", ")+` FROM again.everything ORDER BY random()) TO STDOUT`)
			require.NoError(t, err)
			require.True(t, shuffled.Equal(table))
		}
	}
	require.NoError(t, r.Close())
}

func TestTheControlTablesWithoutTheKeys(t *testing.T) {
	t.Parallel()
	b := setupBackups(t)
	b.active(t, "controlled")
	m, err := b.write(t, "")
	require.NoError(t, err)
	names := map[string]int64{}
	for _, table := range m.Tables {
		names[table.Name] = table.Rows
		require.Nil(t, table.Definition)
	}
	require.EqualValues(t, 1, names["tenants"])
	require.Contains(t, names, "goose_db_version")
	require.NotContains(t, names, "backup_keys")
}

// A table that is rewritten would be empty to a snapshot from before: the locks are
// there first, and what came or went between the look and the locks is seen.
func TestASnapshotIsOfTheLockedTables(t *testing.T) {
	t.Parallel()
	b := setupBackups(t)
	f, schema := b.active(t, "busy")
	quoted := pgx.Identifier{schema}.Sanitize()
	b.exec(t, `CREATE TABLE `+quoted+`.t AS SELECT n, repeat('x', 100) AS x FROM generate_series(1, 500) n`)
	ctx, stop := context.WithCancel(b.ctx)
	rewritten := make(chan int, 1)
	go func() {
		n := 0
		for ; ctx.Err() == nil; n++ {
			if _, err := b.pool.Exec(ctx, fmt.Sprintf(`ALTER TABLE %[1]s.t ALTER COLUMN n TYPE %[2]s; DROP TABLE IF EXISTS %[1]s.fleeting; CREATE TABLE %[1]s.fleeting AS SELECT 1 AS one`,
				quoted, []string{"bigint", "integer"}[n%2])); err != nil && ctx.Err() == nil {
				deadlock, _ := errors.AsType[*pgconn.PgError](err)
				if deadlock == nil || deadlock.Code != "40P01" {
					break
				}
			}
		}
		rewritten <- n
	}()
	for range 15 {
		m, err := b.write(t, f.Tenant)
		if err != nil { // five changes in a row
			require.ErrorContains(t, err, "its tables changed")
			continue
		}
		for _, table := range m.Tables {
			if table.Name == "t" {
				require.EqualValues(t, 500, table.Rows)
			}
		}
	}
	stop()
	require.Greater(t, <-rewritten, 5)
}

func TestNothingToReadIsTold(t *testing.T) {
	t.Parallel()
	b := setupBackups(t)
	f := b.claim(t, "young")
	_, err := b.write(t, f.Tenant)
	require.ErrorIs(t, err, tenant.ErrNotFound, "it has no schema yet")
	f, schema := b.active(t, "gone")
	b.exec(t, `DROP SCHEMA `+pgx.Identifier{schema}.Sanitize()+` CASCADE`)
	_, err = b.write(t, f.Tenant)
	require.ErrorIs(t, err, tenant.ErrNotFound)
}

// A table that somebody holds fails the one tenant's backup, in bounded time, and the
// connection is as good as before.
func TestALockedTableFailsTheBackup(t *testing.T) {
	t.Parallel()
	b := setupBackups(t)
	f, schema := b.active(t, "held")
	other, err := b.pool.Begin(b.ctx)
	require.NoError(t, err)
	defer func() { _ = other.Rollback(context.WithoutCancel(b.ctx)) }()
	_, err = other.Exec(b.ctx, `LOCK TABLE `+pgx.Identifier{schema, "users"}.Sanitize()+` IN ACCESS EXCLUSIVE MODE`)
	require.NoError(t, err)
	_, err = b.write(t, f.Tenant)
	require.ErrorContains(t, err, "55P03")
	require.NoError(t, other.Rollback(b.ctx))
	_, err = b.write(t, f.Tenant)
	require.NoError(t, err)
}
