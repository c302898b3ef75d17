package postgres_test

import (
	"crypto/rand"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/tenant"
)

// soon bounds what happens at once, on a machine that does much else.
const soon = 2 * time.Minute

// TestNothingThatASessionInheritsMatters: what a database or a role sets for its
// sessions changes nothing of what is stored, found or waited for.
func TestNothingThatASessionInheritsMatters(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{
		`client_encoding = 'LATIN1'`, `client_encoding = 'SQL_ASCII'`, `search_path = ''`, `search_path = 'pg_catalog'`, `search_path = '"$user", elsewhere, public'`,
		`DateStyle = 'SQL, DMY'`, `IntervalStyle = 'sql_standard'`, `TimeZone = 'Asia/Kathmandu'`, `bytea_output = 'escape'`, `extra_float_digits = -15`,
		`standard_conforming_strings = off`, `array_nulls = off`, `transform_null_equals = on`, `row_security = off`,
		`default_transaction_isolation = 'serializable'`, `default_transaction_deferrable = on`,
		// Long enough for the statement that replaces them, on any machine.
		`statement_timeout = '1min'`, `lock_timeout = '1min'`, `idle_session_timeout = '1min'`, `idle_in_transaction_session_timeout = '59s'`, `synchronous_commit = off`,
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			pool, c := postgrestest.NewWithConfig(t)
			_, err := pool.Exec(t.Context(), `CREATE SCHEMA elsewhere; ALTER DATABASE `+c.Database+` SET `+setting)
			require.NoError(t, err)
			b := open(t, c)
			name, _, _ := strings.Cut(setting, " = ")
			var source string
			require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT source FROM pg_settings WHERE name = $1`, name).Scan(&source))
			require.Equal(t, "session", source, "the value is the database's")
			provisionsAsEver(t, b)
		})
	}
}

// provisionsAsEver makes a tenant whose name needs the encoding, and looks at what
// was stored.
func provisionsAsEver(t *testing.T, b testBundle) {
	t.Helper()
	const name = `Krankenhäuser "Ćiro" \ 東京`
	heard := make(chan tenant.OperationID, 16)
	go postgres.Listen(b.ctx, b.pool, slog.New(slog.DiscardHandler), func(id tenant.OperationID, _ tenant.State) { heard <- id })
	a := b.accept(t, name)
	f := fence(a)
	_, err := b.transitions.Claim(b.ctx, f)
	require.NoError(t, err)
	require.NoError(t, b.schemas.Create(b.ctx, f))
	row, err := b.tenants.Find(b.ctx, f.Tenant)
	require.NoError(t, err)
	require.Equal(t, name, row.Name)
	require.WithinDuration(t, time.Now(), row.CreatedAt, time.Hour)
	superuser := b.superuser(t)
	var stored string
	require.NoError(t, superuser.QueryRow(b.ctx, `SELECT encode(convert_to(name, 'UTF8'), 'escape') FROM tenants`).Scan(&stored))
	require.Contains(t, stored, `\303\244`)
	logs, err := b.operations.Logs(b.ctx, f.Operation)
	require.NoError(t, err)
	require.Len(t, logs, 4)
	require.NoError(t, b.health.Ready(b.ctx))
	for listening := false; !listening; {
		select {
		case <-heard:
			listening = true
		case <-time.After(soon):
			require.Fail(t, "nothing was heard")
		}
	}
}

// TestMigrationsGoIntoSchemaPublic whatever the login's first schema is.
func TestMigrationsGoIntoSchemaPublic(t *testing.T) {
	t.Parallel()
	c := postgrestest.Empty(t, "")
	b := open(t, c)
	b.mustExec(t, `CREATE SCHEMA `+c.User)
	b.mustExec(t, `ALTER DATABASE `+c.Database+` SET search_path = ''`)
	b.pool.Reset()
	_, to, err := postgres.Migrate(b.ctx, b.pool)
	require.NoError(t, err)
	require.Zero(t, b.count(t, `SELECT count(*) FROM pg_class WHERE relnamespace = $1::regnamespace`, c.User))
	a := b.accept(t, "Charité")
	from, again, err := postgres.Migrate(b.ctx, b.pool)
	require.NoError(t, err)
	require.Equal(t, []int64{to, to}, []int64{from, again})
	_, err = b.tenants.Find(b.ctx, a.New.ID)
	require.NoError(t, err)
}

// TestWhereNothingCanBeMadeIsSaid by everybody who would make it.
func TestWhereNothingCanBeMadeIsSaid(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ sql, says string }{
		"public is closed":             {`REVOKE ALL ON SCHEMA public FROM PUBLIC; ALTER SCHEMA public OWNER TO postgres`, "GRANT USAGE, CREATE ON SCHEMA public"},
		"public is read-only":          {`ALTER SCHEMA public OWNER TO postgres`, "GRANT USAGE, CREATE ON SCHEMA public"},
		"public is not there":          {`DROP SCHEMA public`, "CREATE SCHEMA public"},
		"tables of before":             {`CREATE SCHEMA old; CREATE TABLE old.goose_db_version (); CREATE TABLE old.tenant_schema_versions ()`, `schema "old"`},
		"tables of before the release": {`CREATE TABLE tenant_schema_versions (); CREATE TABLE goose_db_version (id int, version_id bigint, is_applied boolean, tstamp timestamp)`, "rm -r .devstack"},
		"tables of somebody":           {`CREATE TABLE goose_db_version (id int, version_id bigint, is_applied boolean, tstamp timestamp); INSERT INTO goose_db_version VALUES (1, 0, true); GRANT SELECT ON goose_db_version TO PUBLIC`, "ALTER TABLE … OWNER TO"},
		"the whole is read-only":       {`SELECT set_config('search_path', 'public', false); DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$`, "read-only"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := postgrestest.Empty(t, "")
			superuser := postgrestest.Superuser(t)
			superuser.Database = config.Database
			by := open(t, superuser)
			_, err := by.pool.Exec(t.Context(), c.sql)
			require.NoError(t, err)
			b := open(t, config)
			_, _, err = postgres.Migrate(b.ctx, b.pool)
			require.ErrorIs(t, err, tenant.ErrUnavailable)
			require.ErrorContains(t, err, c.says)
		})
	}
}

// TestADatabaseOfAnotherEncodingIsRefused before anything is lost in it.
func TestADatabaseOfAnotherEncodingIsRefused(t *testing.T) {
	t.Parallel()
	for _, other := range []string{"LATIN1", "SQL_ASCII"} {
		t.Run(other, func(t *testing.T) {
			t.Parallel()
			b := open(t, postgrestest.Empty(t, `ENCODING '`+other+`' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`))
			b.refuses(t, "the database's encoding is "+other)
		})
	}
}

// refuses checks that a database is refused by everything, and at the start.
func (b testBundle) refuses(t *testing.T, why string) {
	t.Helper()
	_, _, err := postgres.Migrate(b.ctx, b.pool)
	for name, err := range map[string]error{
		"migrate": err, "start": postgres.Confirm(b.ctx, b.pool), "ready": b.health.Ready(b.ctx), "ping": b.health.Ping(b.ctx),
	} {
		require.ErrorIs(t, err, tenant.ErrUnavailable, name)
		require.ErrorContains(t, err, why, name)
	}
	var failure *tenant.StepError
	require.ErrorAs(t, b.schemas.Create(b.ctx, tenant.Fence{}), &failure)
	require.False(t, failure.Permanent)
	require.Contains(t, failure.Reason, why)
}

// TestALoginWithoutTriggersIsRefused: nobody would be told of anything, and no
// constraint would hold.
func TestALoginWithoutTriggersIsRefused(t *testing.T) {
	t.Parallel()
	_, c := postgrestest.NewWithConfig(t)
	postgrestest.Execute(t, postgrestest.Superuser(t), `ALTER DATABASE `+c.Database+` SET session_replication_role = 'replica'`)
	open(t, c).refuses(t, "session_replication_role is replica")
}

// TestVariablesAndFilesOfLibpqAreNotRead: they are there for other programs.
func TestVariablesAndFilesOfLibpqAreNotRead(t *testing.T) {
	_, c := postgrestest.NewWithConfig(t)
	home := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(home, ".postgresql"), 0o700))
	for _, name := range []string{"root.crt", "postgresql.crt", "postgresql.key"} {
		require.NoError(t, os.WriteFile(filepath.Join(home, ".postgresql", name), []byte("no certificate"), 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(home, ".pg_service.conf"), []byte("[elsewhere]\nhost=192.0.2.1\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(home, ".pgpass"), []byte("*:*:*:*:of-somebody\n"), 0o600))
	t.Setenv("HOME", home)
	for _, variable := range []string{
		"PGSERVICE=elsewhere", "PGOPTIONS=-c search_path=pg_catalog", "PGTARGETSESSIONATTRS=standby", "PGSSLMODE=verify-full", "PGSSLROOTCERT=/nowhere",
		"PGSSLCERT=/nowhere", "PGSSLKEY=/nowhere", "PGSSLNEGOTIATION=direct", "PGSSLCERTMODE=", "PGHOST=192.0.2.1", "PGPORT=1", "PGDATABASE=nowhere", "PGUSER=nobody",
		"PGPASSWORD=of-nobody", "PGPASSFILE=/nowhere", "PGCONNECT_TIMEOUT=x", "PGTZ=Asia/Kathmandu", "PGAPPNAME=somebody", "PGREQUIREAUTH=none",
		"PGMINPROTOCOLVERSION=9", "PGCHANNELBINDING=require", "PGCLIENTENCODING=LATIN1",
	} {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	for _, mode := range []string{"disable", "prefer"} {
		c.SSLMode = mode
		b := open(t, c)
		require.NoError(t, b.health.Ready(b.ctx))
		require.Equal(t, "elsewhere", os.Getenv("PGSERVICE"), "it stays for others")
	}
	c.Password = ""
	pool, err := postgres.Open(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	require.Empty(t, pool.Config().ConnConfig.Password)
}

// TestWhatASessionRefusesIsAskedAnother, and nobody hears of it.
func TestWhatASessionRefusesIsAskedAnother(t *testing.T) {
	t.Parallel()
	one := func(t *testing.T) testBundle {
		t.Helper()
		_, c := postgrestest.NewWithConfig(t)
		c.MaxConns = 1
		return open(t, c)
	}
	// All that is asked in each way: rows, a row, a batch, a transaction.
	all := func(t *testing.T, b testBundle, a tenant.Submission) {
		t.Helper()
		page, err := b.tenants.List(b.ctx, tenant.Filter{})
		require.NoError(t, err)
		require.NotEmpty(t, page.Items)
		require.NoError(t, b.health.Ping(b.ctx))
		_, err = postgres.Overview(b.ctx, b.pool)
		require.NoError(t, err)
		_, err = b.operations.Submit(b.ctx, acceptance(t, "Clinic of "+string(a.New.ID)))
		require.NoError(t, err)
		require.NoError(t, b.audit.Append(b.ctx, tenant.AuditEntry{Actor: "test", Action: "retry", Outcome: tenant.OutcomeAccepted, Tenant: a.New.ID}))
	}
	names := func(t *testing.T, pool *pgxpool.Pool) (names []string) {
		t.Helper()
		rows, err := pool.Query(t.Context(), `SELECT name FROM pg_prepared_statements`)
		require.NoError(t, err)
		defer rows.Close()
		for rows.Next() {
			var name string
			require.NoError(t, rows.Scan(&name))
			names = append(names, name)
		}
		require.NoError(t, rows.Err())
		return names
	}
	t.Run("a statement that is gone", func(t *testing.T) {
		t.Parallel()
		b := one(t)
		a := b.accept(t, "Charité")
		all(t, b, a)
		b.mustExec(t, `DEALLOCATE ALL`)
		require.NotEmpty(t, names(t, b.pool))
		for _, do := range []func() error{
			func() error { return b.health.Ping(b.ctx) },
			func() error { _, err := b.tenants.List(b.ctx, tenant.Filter{}); return err },
			func() error { _, err := postgres.Overview(b.ctx, b.pool); return err },
			func() error { _, err := b.operations.Submit(b.ctx, acceptance(t, rand.Text())); return err },
		} {
			require.NoError(t, do())
			b.mustExec(t, `DEALLOCATE ALL`)
			require.NoError(t, do())
		}
	})
	t.Run("a statement that is another's", func(t *testing.T) {
		t.Parallel()
		b := one(t)
		a := b.accept(t, "Charité")
		all(t, b, a)
		taken := names(t, b.pool)
		require.NotEmpty(t, taken)
		b.pool.Reset()
		for _, name := range taken {
			b.mustExec(t, `PREPARE `+ident(name)+` AS SELECT 1`)
		}
		all(t, b, b.accept(t, "Bethanien"))
	})
	t.Run("a plan of before a migration", func(t *testing.T) {
		t.Parallel()
		b := one(t)
		a := b.accept(t, "Charité")
		all(t, b, a)
		other := b.superuser(t)
		_, err := other.Exec(b.ctx, `ALTER TABLE tenants ALTER slug TYPE varchar(300); ALTER TABLE operations ALTER client TYPE varchar(300)`)
		require.NoError(t, err)
		all(t, b, b.accept(t, "Bethanien"))
	})
}

// TestErrorsOfASessionAreNeverPermanent, also when the repetition meets the same.
func TestErrorsOfASessionAreNeverPermanent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, code := range []string{"26000", "42P05", "34000", "42P03", "25006", "25P02", "08P01", "08006", "57P01", "57014", "57P05", "40001", "40P01", "55P03", "53300", "XX000", "XX001"} {
		f := b.claim(t, "Clinic "+code)
		b.mustExec(t, `CREATE OR REPLACE FUNCTION claim_schema(name text, tenant uuid, gen integer, template bigint) RETURNS void LANGUAGE plpgsql AS $$
			BEGIN RAISE EXCEPTION 'as told' USING ERRCODE = '`+code+`'; END $$`)
		var failure *tenant.StepError
		require.ErrorAs(t, b.schemas.Create(b.ctx, f), &failure, code)
		require.False(t, failure.Permanent, code)
	}
}
