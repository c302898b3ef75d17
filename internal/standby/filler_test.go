package standby_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/operations"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/standby"
	"tenant-provisioning/internal/tenant"
)

const patience = 2 * time.Minute

var made = tenant.StandbyOrigin{Network: "n", ContractOrigin: tenant.ContractOrigin{Admin: "G", Code: "c0de"}}

// stock is a database with the fillers of three workers, where nothing but the rows tells
// that a standby was made.
type stock struct {
	t    *testing.T
	pool *pgxpool.Pool
	stop func()
}

func open(t *testing.T) *stock {
	t.Helper()
	s := &stock{t: t, pool: postgrestest.New(t), stop: func() {}}
	t.Cleanup(func() { s.stop() })
	return s
}

// runs has three workers fill the stock by a policy, in place of those before.
func (s *stock) runs(p tenant.StandbyPolicy, grace time.Duration) {
	s.t.Helper()
	s.stop()
	ctx, cancel := context.WithCancel(s.t.Context())
	var workers sync.WaitGroup
	service := operations.New(operations.Config{
		Operations: postgres.NewOperations(s.pool), Incidents: postgres.NewIncidents(s.pool), Windows: postgres.NewWindows(s.pool),
		Capacity: postgres.NewCapacities(s.pool), Workers: postgres.NewWorkers(s.pool), Audit: postgres.NewAuditLog(s.pool), Logger: slog.New(slog.DiscardHandler),
	})
	p.Made = made
	for range 3 {
		f := standby.New(standby.Config{
			Store: postgres.NewStandbys(s.pool), Service: service, Policy: p, Poll: 20 * time.Millisecond, Grace: grace, Logger: slog.New(slog.DiscardHandler),
		})
		workers.Go(func() { f.Run(ctx) })
	}
	s.stop = func() { cancel(); workers.Wait() }
}

func (s *stock) exec(sql string, args ...any) {
	s.t.Helper()
	_, err := s.pool.Exec(s.t.Context(), sql, args...)
	require.NoError(s.t, err)
}

func (s *stock) count(sql string) (n int) {
	s.t.Helper()
	require.NoError(s.t, s.pool.QueryRow(s.t.Context(), sql).Scan(&n))
	return n
}

const (
	preparing = `SELECT count(*) FROM operations WHERE kind = 'prepare' AND state = 'PENDING'`
	purging   = `SELECT count(*) FROM operations WHERE kind = 'purge' AND state = 'PENDING'`
)

func (s *stock) reaches(sql string, n int) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.count(sql) == n }, patience, 10*time.Millisecond, sql)
}

// looks waits until some worker has looked at the stock twice: what it was to do is done.
func (s *stock) looks() {
	s.t.Helper()
	for range 2 {
		s.exec(`UPDATE standby_policy SET template = -1`)
		s.reaches(`SELECT (template < 0)::integer FROM standby_policy`, 0)
	}
}

// ready ends what prepares, as its runs would.
func (s *stock) ready() {
	s.t.Helper()
	s.exec(`DO $$ DECLARE s text; BEGIN
		FOR s IN SELECT schema_name FROM tenants WHERE status = 'STANDBY' LOOP EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I', s); END LOOP; END $$`)
	s.exec(`
		WITH done AS (UPDATE operations SET state = 'SUCCEEDED', pivot_passed = true, finished_at = now() WHERE kind = 'prepare' AND state = 'PENDING' RETURNING tenant_id),
		owned AS (INSERT INTO tenant_schema_versions (schema_name, tenant_id, generation, version) SELECT t.schema_name, t.id, 1, 1 FROM done d JOIN tenants t ON t.id = d.tenant_id)
		INSERT INTO standbys (tenant_id, network, admin, code) SELECT tenant_id, 'n', 'G', 'c0de' FROM done`)
}

// TestTheStockIsFilledAndPurged by whichever worker has its turn: no more than is wanted,
// and all of it goes when none is wanted any more.
func TestTheStockIsFilledAndPurged(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.runs(tenant.StandbyPolicy{Wanted: 3, PerMinute: 6000, Template: 1}, time.Hour)
	s.reaches(preparing, 3)
	s.ready()
	s.looks()
	require.Zero(t, s.count(preparing), "as many are ready as are wanted")

	s.exec(`DELETE FROM standbys WHERE tenant_id = (SELECT min(tenant_id::text)::uuid FROM standbys)`)
	s.reaches(purging, 1)
	s.reaches(preparing, 1)
	require.Equal(t, 4, s.count(`SELECT count(*) FROM audit_log WHERE actor = 'standby' AND action = 'prepare'`))

	s.ready()
	s.runs(tenant.StandbyPolicy{Wanted: 0, PerMinute: 6000, Template: 1}, time.Hour)
	s.reaches(purging, 4)
	require.Zero(t, s.count(`SELECT count(*) FROM standbys`))
	require.Zero(t, s.count(preparing))
}

// TestFillingGivesWay to whoever waits, and to everything that stops provisionings.
func TestFillingGivesWay(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct{ begins, ends string }{
		"a request": {
			`INSERT INTO operations (id, tenant_id, kind, state, generation, client, retry_budget, attention_period) SELECT gen_random_uuid(), id, 'resume', 'PENDING', 1, 'c', '1m', '1m' FROM tenants`,
			`UPDATE operations SET state = 'ROLLED_BACK' WHERE kind = 'resume'`,
		},
		"an incident": {`INSERT INTO incidents (dependency, cause, affected) VALUES ('ledger', 'away', 10)`, `UPDATE incidents SET closed_at = now()`},
		"no room":     {`UPDATE capacity SET short_since = now(), cause = 'full' WHERE resource = 'disk'`, `UPDATE capacity SET short_since = NULL, cause = NULL`},
		"a restore":   {`UPDATE installation SET not_live = 'clone'`, `UPDATE installation SET not_live = NULL`},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			s.exec(`INSERT INTO tenants (id, name, name_key, slug, schema_name, role_name, app_login, status, admin_email, admin_first_name, admin_last_name, tier, region)
				VALUES (gen_random_uuid(), 'Charité', 'charité', 'charite', 't_charite_00000000', 't_charite_00000000', 'a', 'ACTIVE', 'a@b.example', 'A', 'B', 'standard', 'default')`)
			s.exec(c.begins)
			s.runs(tenant.StandbyPolicy{Wanted: 1, PerMinute: 6000, Template: 1}, time.Hour)
			s.looks()
			require.Zero(t, s.count(preparing))
			s.exec(c.ends)
			s.reaches(preparing, 1)
		})
	}
}

// TestAnOldTemplateIsMigrated: a worker of a new version waits for that, and replaces what
// nobody migrates.
func TestAnOldTemplateIsMigrated(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.runs(tenant.StandbyPolicy{Wanted: 1, PerMinute: 6000, Template: 1}, time.Hour)
	s.reaches(preparing, 1)
	s.ready()
	s.runs(tenant.StandbyPolicy{Wanted: 1, PerMinute: 6000, Template: 2}, time.Hour)
	s.looks()
	require.Zero(t, s.count(preparing)+s.count(purging), "a migration may be about to begin")
	s.runs(tenant.StandbyPolicy{Wanted: 1, PerMinute: 6000, Template: 2}, time.Nanosecond)
	s.reaches(preparing, 1)
	s.reaches(purging, 1)
}

// TestAFindingWaitsForAPerson: the standby is neither purged nor replaced, since what is
// wrong may be wrong with all of them.
func TestAFindingWaitsForAPerson(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.runs(tenant.StandbyPolicy{Wanted: 1, PerMinute: 6000, Template: 1}, time.Nanosecond)
	s.reaches(preparing, 1)
	s.ready()
	s.exec(`INSERT INTO findings (kind, subject, tenant_id, detail, repair, safe) SELECT 'active-without-contract', 'C', id, '-', '-', false FROM tenants`)
	s.looks()
	require.Zero(t, s.count(preparing)+s.count(purging))
	s.runs(tenant.StandbyPolicy{Wanted: 0, PerMinute: 6000, Template: 1}, time.Nanosecond)
	s.reaches(purging, 1)
}

// TestThePaceIsKept by all workers together.
func TestThePaceIsKept(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.runs(tenant.StandbyPolicy{Wanted: 100, PerMinute: 1, Template: 1}, time.Hour)
	s.reaches(preparing, 1)
	s.reaches(`SELECT (fill_after > now() + interval '50 seconds' AND fill_after <= now() + interval '1 minute')::integer FROM standby_policy`, 1)
	require.Equal(t, 1, s.count(preparing))
}
