package postgres_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/doctor"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/tenant"
)

// examinationPatience is for a machine that is busy with other tests.
const examinationPatience = 2 * time.Minute

// examined are the lines about the database of a pool, by their check.
func examined(t *testing.T, pool *pgxpool.Pool, p doctor.Plan) map[string]doctor.Line {
	t.Helper()
	facts, err := postgres.NewFacts(pool)
	require.NoError(t, err)
	lines := map[string]doctor.Line{}
	for _, l := range doctor.Examine(t.Context(), examinationPatience, []doctor.Subject{doctor.ExamineDatabase(facts, p)}) {
		lines[l.Check] = l
	}
	return lines
}

func requireLine(t *testing.T, l doctor.Line, state doctor.State, text string) {
	t.Helper()
	require.Equal(t, state, l.State, l.Says)
	require.Contains(t, l.Says+" mend: "+l.Mend, text)
}

// TestFactsOfASoundDatabase: nothing is wrong with one that was migrated, whose
// login may what it needs, and whose workers work.
func TestFactsOfASoundDatabase(t *testing.T) {
	t.Parallel()
	pool, _ := postgrestest.NewWithConfig(t)
	require.NoError(t, postgres.NewWorkers(pool).Beat(t.Context(), tenant.Beat{Worker: tenant.Worker{ID: "w", Host: "h", Namespace: "n", TaskQueue: "q", Queues: []string{"q"}}, Dispatched: -1}))
	lines := examined(t, pool, doctor.Plan{Pool: 4, Place: tenant.WorkerPlace{Namespace: "n", TaskQueue: "q", Queues: []string{"q"}}})
	for check, says := range map[string]string{
		"server": "PostgreSQL ", "tables": "those of this version", "live": "the installation is live", "password": "no end", "connections": "1 worker", "locks": "0 schemas",
		"replication": "", "clock": "agree", "workers": "1 worker takes work",
	} {
		if check != "replication" { // other tests replicate from their own servers, and a slot would be the stack's
			requireLine(t, lines[check], doctor.OK, says)
		}
	}
	// The login of tests makes databases too.
	requireLine(t, lines["rights"], doctor.Warning, "platform has more than it needs: CREATEDB")
	require.NotEqual(t, doctor.Failure, lines["disk"].State, lines["disk"].Says)
}

// TestFactsOfARestoredInstallation: its tables are as they should be, and it says how it
// goes live.
func TestFactsOfARestoredInstallation(t *testing.T) {
	t.Parallel()
	pool, _ := postgrestest.NewWithConfig(t)
	set := func(sql string) map[string]doctor.Line {
		_, err := pool.Exec(t.Context(), `UPDATE installation SET `+sql)
		require.NoError(t, err)
		return examined(t, pool, doctor.Plan{Pool: 4})
	}
	lines := set(`not_live = 'restored', restored_as_of = '2026-11-30T02:00:00Z'`)
	requireLine(t, lines["tables"], doctor.OK, "those of this version")
	requireLine(t, lines["live"], doctor.Failure, "as it was at 2026-11-30T02:00:00Z, and is not live")
	requireLine(t, set(`not_live = 'clone'`)["live"], doctor.Warning, "with --as-clone")
	requireLine(t, set(`not_live = NULL, went_live_at = '2026-12-01T02:00:00Z'`)["live"], doctor.OK, "went live at 2026-12-01T02:00:00Z")
}

// TestFactsOfADatabaseThatLacksAll: a server of few connections and locks, a login
// of few rights whose password ends, and no tables.
func TestFactsOfADatabaseThatLacksAll(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, "max_connections = 30", "max_locks_per_transaction = 10", "max_wal_senders = 4", "wal_level = replica")
	root := server.Superuser()
	postgrestest.Execute(t, root,
		`CREATE ROLE poor LOGIN PASSWORD 'of-a-test' REPLICATION VALID UNTIL '`+time.Now().Add(5*24*time.Hour).UTC().Format(time.DateTime)+`+00'`,
		`GRANT pg_write_all_data TO poor`,
		`CREATE DATABASE bare`,
		`SELECT pg_create_physical_replication_slot('forgotten', true)`)
	c := root
	c.User, c.Password, c.Database = "poor", "of-a-test", "bare"
	pool, err := postgrestest.Open(c)
	require.NoError(t, err)
	t.Cleanup(pool.Close)

	lines := examined(t, pool, doctor.Plan{Pool: 16, APIs: 2, Workers: 1})
	requireLine(t, lines["tables"], doctor.Failure, "ALTER DATABASE … OWNER TO") // PostgreSQL 15 closes public
	requireLine(t, lines["live"], doctor.OK, "")
	requireLine(t, lines["rights"], doctor.Failure, "ALTER ROLE poor CREATEROLE")
	requireLine(t, lines["rights"], doctor.Failure, "GRANT CREATE ON DATABASE")
	requireLine(t, lines["rights"], doctor.Failure, "REPLICATION, pg_write_all_data")
	requireLine(t, lines["password"], doctor.Warning, "in 5 days")
	requireLine(t, lines["connections"], doctor.Failure, "2 apis and 1 worker of DB_MAX_CONNS=16 take up to 63 connections") // 2×17 + 21 + 8
	requireLine(t, lines["connections"], doctor.Failure, "27 can be had (max_connections 30)")
	requireLine(t, lines["replication"], doctor.Warning, `"forgotten"`)
	requireLine(t, lines["disk"], doctor.OK, "cannot be asked from here")
	requireLine(t, lines["workers"], doctor.Failure, "")

	// 300 locks fit, of all that 30 connections may hold.
	c = root
	c.Database = "bare"
	postgrestest.ExecuteIn(t, c, `DO $$ BEGIN
		FOR i IN 1..40 LOOP
			EXECUTE format('CREATE SCHEMA t_a_%s', i);
			FOR j IN 1..8 LOOP EXECUTE format('CREATE TABLE t_a_%s.t%s ()', i, j); END LOOP;
			COMMIT;
		END LOOP;
	END $$`, `ALTER ROLE poor CONNECTION LIMIT 20`)
	lines = examined(t, pool, doctor.Plan{Pool: 2, APIs: 1, Workers: 1})
	requireLine(t, lines["locks"], doctor.Warning, "locks 320 tables at once (40 schemas of tenants), and the lock table holds 300")
	require.Contains(t, lines["connections"].Says, "20 can be had", "the role has a limit of its own")

	root.Database = "bare"
	as, err := postgrestest.Open(root)
	require.NoError(t, err)
	t.Cleanup(as.Close)
	lines = examined(t, as, doctor.Plan{Pool: 2})
	requireLine(t, lines["rights"], doctor.Warning, "postgres is a superuser")
	require.Contains(t, lines["disk"].Says, "its disk has", "a superuser is told where it is")
}

// TestFactsOfAStandby: who follows is seen, and how far behind it is by those who
// may know.
func TestFactsOfAStandby(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	postgrestest.Execute(t, server.Superuser(), `CREATE ROLE poor LOGIN PASSWORD 'of-a-test'`)
	standby := server.Standby()
	c := server.Superuser()
	root, err := postgrestest.Open(c)
	require.NoError(t, err)
	t.Cleanup(root.Close)
	require.Eventually(t, func() bool {
		l := examined(t, root, doctor.Plan{})["replication"]
		return l.State == doctor.OK && l.Says != "no standby follows"
	}, examinationPatience, 100*time.Millisecond)
	c.User, c.Password = "poor", "of-a-test"
	pool, err := postgrestest.Open(c)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	requireLine(t, examined(t, pool, doctor.Plan{})["replication"], doctor.Warning, "GRANT pg_read_all_stats")

	_, err = postgres.NewFacts(pool)
	require.NoError(t, err)
	c = standby.Superuser()
	behind, err := postgrestest.Open(c)
	require.NoError(t, err)
	t.Cleanup(behind.Close)
	requireLine(t, examined(t, behind, doctor.Plan{})["server"], doctor.Failure, "standby")
}

// TestACheckThatWaitsForALockHoldsNoOtherUp.
func TestACheckThatWaitsForALockHoldsNoOtherUp(t *testing.T) {
	t.Parallel()
	pool, _ := postgrestest.NewWithConfig(t)
	conn, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	_, err = conn.Exec(t.Context(), `BEGIN; LOCK TABLE workers`)
	require.NoError(t, err)
	facts, err := postgres.NewFacts(pool)
	require.NoError(t, err)
	lines := map[string]doctor.Line{}
	for _, l := range doctor.Examine(t.Context(), 10*time.Second, []doctor.Subject{doctor.ExamineDatabase(facts, doctor.Plan{Pool: 4})}) {
		lines[l.Check] = l
	}
	requireLine(t, lines["workers"], doctor.Failure, "no answer in time")
	requireLine(t, lines["tables"], doctor.OK, "")
	requireLine(t, lines["locks"], doctor.OK, "")
	_, err = conn.Exec(t.Context(), `ROLLBACK`)
	require.NoError(t, err)
}

// TestSpendingIsWhatTheJournalSays, and contracts are those that tenants use.
func TestSpendingIsWhatTheJournalSays(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	facts, err := postgres.NewFacts(pool)
	require.NoError(t, err)
	ids, err := facts.Contracts(t.Context(), 10)
	require.NoError(t, err)
	require.Empty(t, ids)
	_, err = pool.Exec(t.Context(), `
		INSERT INTO stellar_transactions (hash, purpose, state, network, channel, sequence, envelope, after_ledger, max_time, fee_charged, settled_at)
		SELECT lpad(n::text, 64, '0'), CASE WHEN n = 3 THEN 'UPLOAD_CODE' ELSE 'DEPLOY_CONTRACT' END, 'APPLIED', CASE WHEN n = 4 THEN 'other' ELSE 'net' END,
			'c', n, 'e', 1, now(), 100, now() - make_interval(days => CASE n WHEN 5 THEN 60 ELSE n END)
		FROM generate_series(1, 5) n`)
	require.NoError(t, err)
	s, err := facts.Spending(t.Context(), "net", 30*24*time.Hour)
	require.NoError(t, err)
	require.Equal(t, doctor.Spending{Stroops: 200, Transactions: 2, Over: s.Over}, s)
	require.InDelta(t, 48, s.Over.Hours(), 1)
}
