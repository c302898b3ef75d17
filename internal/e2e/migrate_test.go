package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stellar/go-stellar-sdk/xdr"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/child"
	"tenant-provisioning/internal/devnet/devnettest"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/postgres/postgrestest"
)

// onDatabase is the settings of a process on a database.
func onDatabase(c postgres.Config) map[string]string {
	return map[string]string{
		"LOG_LEVEL": "info", "DB_HOST": c.Host, "DB_PORT": strconv.Itoa(c.Port), "DB_USERNAME": c.User, "DB_PASSWORD": c.Password,
		"DB_NAME": c.Database, "DB_SSLMODE": c.SSLMode,
	}
}

// migrations are those of a database, each of whose commands a test can hold.
type migrations struct {
	t   testing.TB
	env map[string]string
	db  *pgxpool.Pool // of the superuser
	key int64
}

func onEmptyDatabase(t testing.TB) *migrations {
	t.Helper()
	c, superuser := postgrestest.Empty(t, ""), postgrestest.Superuser(t)
	superuser.Database = c.Database
	m := &migrations{t: t, env: onDatabase(c), key: rand.Int64()}
	var err error
	m.db, err = postgrestest.Open(superuser)
	require.NoError(t, err)
	t.Cleanup(m.db.Close)
	m.exec(fmt.Sprintf(`
		CREATE SCHEMA held;
		GRANT USAGE ON SCHEMA held TO public;
		CREATE TABLE held.command (tag text, of text);
		GRANT SELECT ON held.command TO public;
		CREATE FUNCTION held.here() RETURNS event_trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() d JOIN held.command c ON (c.tag, c.of) = (d.command_tag, d.object_identity)) THEN
				PERFORM pg_advisory_xact_lock_shared(%d);
			END IF;
		END $$;
		CREATE EVENT TRIGGER held ON ddl_command_end EXECUTE FUNCTION held.here()`, m.key))
	return m
}

func (m *migrations) exec(sql string, args ...any) {
	m.t.Helper()
	_, err := m.db.Exec(m.t.Context(), sql, args...)
	require.NoError(m.t, err, sql)
}

func (m *migrations) run() *process {
	m.t.Helper()
	return launch(m.t, m.env, binaries.path(m.t, "starter"), "migrate", "--wait", "1m")
}

// killAt kills starter migrate when it has just run a command, in the middle of
// that command's transaction.
func (m *migrations) killAt(tag, of string) {
	m.t.Helper()
	holder, err := m.db.Acquire(m.t.Context())
	require.NoError(m.t, err)
	defer holder.Release()
	m.exec(`TRUNCATE held.command`)
	m.exec(`INSERT INTO held.command VALUES ($1, $2)`, tag, of)
	_, err = holder.Exec(m.t.Context(), `SELECT pg_advisory_lock($1)`, m.key)
	require.NoError(m.t, err)
	p := m.run()
	h := hold{t: m.t, what: tag + " " + of, held: func() (n int) {
		require.True(m.t, p.Running(), "starter migrate has ended: %s", p.stderr.String())
		require.NoError(m.t, m.db.QueryRow(m.t.Context(), `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
			AND (classid::bigint << 32 | objid::bigint) = $1`, m.key).Scan(&n))
		return n
	}}
	h.await()
	p.kill()
	_, err = holder.Exec(m.t.Context(), `SELECT pg_advisory_unlock($1)`, m.key)
	require.NoError(m.t, err)
}

// version is that of the control tables; 0 without any.
func (m *migrations) version() (v int) {
	m.t.Helper()
	var there bool
	require.NoError(m.t, m.db.QueryRow(m.t.Context(), `SELECT to_regclass('goose_db_version') IS NOT NULL`).Scan(&there))
	if there {
		require.NoError(m.t, m.db.QueryRow(m.t.Context(), `SELECT max(version_id) FROM goose_db_version WHERE is_applied`).Scan(&v))
	}
	return v
}

// TestMigrateIsKilled in the middle of each migration, at its first command or
// later. What the killed one had not committed is gone, the next one waits until its
// connection is too, and goes on where it was; in the end all is as if nobody had
// been killed.
func TestMigrateIsKilled(t *testing.T) {
	t.Parallel()
	m := onEmptyDatabase(t)
	for _, at := range []struct {
		tag, of string
		version int // before this command's migration
	}{
		{"CREATE TABLE", "public.goose_db_version", 0},
		{"CREATE FUNCTION", "public.role_held_by(pg_catalog.oid)", 0},
		{"CREATE TABLE", "public.tenants", 1},
		{"CREATE TABLE", "public.tenant_schema_versions", 1},
		{"CREATE TABLE", "public.stellar_channels", 2},
		{"CREATE TABLE", "public.emails", 3},
		{"CREATE TABLE", "public.notice_parkings", 4},
		{"ALTER TABLE", "public.operations", 5},
	} {
		m.killAt(at.tag, at.of)
		require.Equal(t, at.version, m.version(), "killed at %s %s", at.tag, at.of)
	}
	m.exec(`TRUNCATE held.command`)
	last := m.run()
	require.Zero(t, last.wait(), last.stderr.String())
	m.exec(`DROP SCHEMA held CASCADE`) // with its trigger
	require.Equal(t, catalog(t, postgrestest.New(t)), catalog(t, m.db))
	again := m.run()
	require.Zero(t, again.wait(), again.stderr.String())
	require.Contains(t, again.stdout.String(), strconv.Itoa(m.version()))
}

// catalog is what is in a database, but for its rows.
func catalog(t testing.TB, db *pgxpool.Pool) []string {
	t.Helper()
	var found []string
	require.NoError(t, db.QueryRow(t.Context(), `
		SELECT array_agg(d ORDER BY d) FROM (
			SELECT format('column %s.%s %s null=%s %s', table_name, column_name, data_type, is_nullable, column_default) AS d
				FROM information_schema.columns WHERE table_schema = 'public'
			UNION ALL SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
				FROM pg_constraint WHERE connamespace = 'public'::regnamespace
			UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
			UNION ALL SELECT 'function ' || pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
			UNION ALL SELECT 'trigger ' || pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
				WHERE NOT tgisinternal AND c.relnamespace = 'public'::regnamespace
			UNION ALL SELECT format('version %s', version_id) FROM goose_db_version WHERE is_applied
		) all_of_it`).Scan(&found))
	require.NotEmpty(t, found)
	return found
}

// TestTwoOneShotsAtOnce: a restart policy, or two people, start what makes an
// installation ready twice. Both end well, and what costs is done once.
func TestTwoOneShotsAtOnce(t *testing.T) {
	t.Parallel()
	c := postgrestest.Empty(t, "")
	ledger, deployer := devnettest.Start(t), keypair.MustRandom()
	i := &installation{t: t, env: onDatabase(c), ledger: ledger, deployer: deployer.Address()}
	const channels = 3
	for name, value := range map[string]string{
		"SOROBAN_NETWORK": "local", "SOROBAN_RPC_URL": ledger, "SOROBAN_CONTRACT_DEPLOYER_SECRET": deployer.Seed(), "SOROBAN_CHANNELS": strconv.Itoa(channels),
		"TEMPORAL_ADDRESS": os.Getenv("TEMPORAL_ADDRESS"), "TEMPORAL_NAMESPACE": c.Database, "TEMPORAL_TASK_QUEUE": c.Database,
	} {
		i.env[name] = value
	}
	starter := binaries.path(t, "starter")
	var shots []*process
	for range 2 {
		shots = append(shots, launchAs(t, child.Spec{Path: "/bin/sh", Args: []string{"-c", `"$0" migrate --wait 2m && exec "$0" setup --wait 2m`, starter}}, i.env))
	}
	for _, shot := range shots {
		require.Zero(t, shot.wait(), shot.stderr.String())
		require.Contains(t, shot.stdout.String()+shot.stderr.String(), fmt.Sprintf("%d channel accounts are on the ledger", channels))
	}

	uploads, accounts := i.madeReady()
	require.Equal(t, 1, uploads, "the code was paid for once")
	require.Len(t, accounts, channels)
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(accounts))), channels, "each once")
	var err error
	i.db, err = postgrestest.Open(c)
	require.NoError(t, err)
	t.Cleanup(i.db.Close)
	require.Equal(t, "CREATE_CHANNELS APPLIED, UPLOAD_CODE APPLIED",
		value[string](i, `SELECT string_agg(purpose || ' ' || state, ', ' ORDER BY purpose) FROM stellar_transactions`))
	require.Equal(t, 1, value[int](i, `SELECT count(*) FROM installation`))
}

// madeReady is what was paid for on a ledger that nobody else uses: how often the code
// was uploaded, and the accounts that were created beside the deployer's.
func (i *installation) madeReady() (uploads int, accounts []string) {
	i.t.Helper()
	i.eachTransaction(func(e xdr.TransactionEnvelope) {
		for _, op := range e.Operations() {
			if call, ok := op.Body.GetInvokeHostFunctionOp(); ok && call.HostFunction.Wasm != nil {
				uploads++
			}
			if create, ok := op.Body.GetCreateAccountOp(); ok && create.Destination.Address() != i.deployer {
				accounts = append(accounts, create.Destination.Address())
			}
		}
	})
	return uploads, accounts
}
