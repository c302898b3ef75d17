package postgres_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

// TestWindowsAreListed: what is under way and to come, and of what is over as much as is
// asked for.
func TestWindowsAreListed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.mustExec(t, `INSERT INTO maintenance_windows (id, title, message, state, mode, starts_at, ends_at, started_at, ended_at) VALUES
		(gen_random_uuid(), 'long over', '', 'COMPLETED', 'normal', now() - interval '60 days 2 hours', now() - interval '60 days', now() - interval '60 days 2 hours', now() - interval '60 days'),
		(gen_random_uuid(), 'over', '', 'COMPLETED', 'normal', now() - interval '2 days', now() - interval '1 day', now() - interval '2 days', now() - interval '1 day'),
		(gen_random_uuid(), 'under way', 'Reading goes on.', 'RUNNING', 'read-only', now() - interval '1 hour', now() + interval '1 hour', now() - interval '1 hour', NULL),
		(gen_random_uuid(), 'to come', '', 'PLANNED', NULL, now() + interval '1 month', now() + interval '1 month 2 hours', NULL, NULL)`)
	all, err := postgres.NewWindows(b.pool).List(b.ctx, time.Now().Add(-30*24*time.Hour))
	require.NoError(t, err)
	require.Len(t, all, 3)
	require.Equal(t, "over", all[0].Title)
	require.False(t, all[0].EndedAt.IsZero())
	require.Equal(t, tenant.WindowRunning, all[1].State)
	require.Equal(t, tenant.WindowReadOnly, all[1].Mode)
	require.Equal(t, "Reading goes on.", all[1].Message)
	require.Equal(t, "to come", all[2].Title)
	require.Empty(t, all[2].Mode)
	require.True(t, all[2].StartedAt.IsZero())
	require.Equal(t, 4, b.count(t, `SELECT count(*) FROM events WHERE type LIKE 'maintenance.%' AND data ? 'windowId'`))
}

func (b testBundle) planned(t *testing.T, starts time.Time, lasts time.Duration, items ...string) tenant.WindowID {
	t.Helper()
	id, err := tenant.NewWindowID()
	require.NoError(t, err)
	_, err = postgres.NewWindows(b.pool).Plan(b.ctx, tenant.Window{ID: id, Title: "Patches", StartsAt: starts, EndsAt: starts.Add(lasts), Tasks: tenant.Items(items)},
		tenant.AuditEntry{Actor: "ada", Action: "maintenance-plan", Outcome: tenant.OutcomeAccepted})
	require.NoError(t, err)
	return id
}

// TestOfTwoWorkersOneBeginsAWindow, and one announces it.
func TestOfTwoWorkersOneBeginsAWindow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	now := time.Now()
	id := b.planned(t, now.Add(-time.Minute), time.Hour, "Security patches")
	to := tenant.WindowAudience{Staff: []string{"ada@platform.example"}}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			ws := postgres.NewWindows(b.pool)
			for _, step := range []func(tenant.Window) tenant.WindowStep{
				func(w tenant.Window) tenant.WindowStep { return w.Announced(now, tenant.WindowNormal) },
				func(w tenant.Window) tenant.WindowStep {
					return w.Begin(now, tenant.WindowNormal, []string{"clean up"})
				},
			} {
				if _, err := ws.Change(b.ctx, id, to, func(w tenant.Window) (tenant.WindowStep, error) { return step(w), nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM audit_log WHERE action = 'maintenance-start'`))
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM maintenance_notices`))
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM events WHERE type = 'maintenance.running'`))
	w, err := postgres.NewWindows(b.pool).Find(b.ctx, id)
	require.NoError(t, err)
	require.Equal(t, []tenant.WindowTask{{Name: "clean up", State: tenant.TaskPending}, {Name: "Security patches", Manual: true, State: tenant.TaskPending}}, w.Tasks)
}

// TestRegularWindowsFollowTheirRule, but for those that a person has decided about, or
// that people were told of.
func TestRegularWindowsFollowTheirRule(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ws := postgres.NewWindows(b.pool)
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	starts := func() (list []string) {
		all, err := ws.List(b.ctx, now)
		require.NoError(t, err)
		for _, w := range all {
			list = append(list, w.StartsAt.UTC().Format(time.RFC3339))
		}
		return list
	}
	plan := func(text string) {
		rule, ok := tenant.ParseWindowRule(text)
		require.True(t, ok)
		for range 2 { // each month once, however often
			require.NoError(t, ws.PlanRegular(b.ctx, now, &rule, "Regular maintenance", []string{"Security patches"}))
		}
	}
	plan("second sunday 02:00-04:00")
	require.Equal(t, []string{"2026-12-13T02:00:00Z", "2027-01-10T02:00:00Z", "2027-02-14T02:00:00Z"}, starts())
	require.Equal(t, 3, b.count(t, `SELECT count(*) FROM maintenance_tasks WHERE manual`))
	all, err := ws.List(b.ctx, now)
	require.NoError(t, err)
	change := func(id tenant.WindowID, f func(tenant.Window) (tenant.WindowStep, error)) {
		_, err := ws.Change(b.ctx, id, tenant.WindowAudience{}, f)
		require.NoError(t, err)
	}
	change(all[0].ID, func(w tenant.Window) (tenant.WindowStep, error) {
		return w.Announced(w.StartsAt, tenant.WindowNormal), nil
	})
	change(all[1].ID, func(w tenant.Window) (tenant.WindowStep, error) {
		return w.Change(tenant.WindowChange{Action: tenant.ActionMoveWindow, At: w.StartsAt.Add(time.Hour)}, now)
	})
	plan("first saturday 22:00-01:00")
	require.Equal(t, []string{"2026-12-13T02:00:00Z", "2027-01-10T03:00:00Z", "2027-02-06T22:00:00Z"}, starts())
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM audit_log WHERE detail LIKE '%moved by a change of MAINTENANCE_WINDOW'`))
	require.NoError(t, ws.PlanRegular(b.ctx, now, nil, "", nil))
	require.Equal(t, []string{"2026-12-13T02:00:00Z", "2027-01-10T03:00:00Z"}, starts())
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM audit_log WHERE detail LIKE '%MAINTENANCE_WINDOW is off'`))
}

// TestAReadOnlyWindowHoldsWhatWaits, but for what ends access; a normal one holds nothing.
func TestAReadOnlyWindowHoldsWhatWaits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ws := postgres.NewWindows(b.pool)
	id := b.planned(t, time.Now(), time.Hour)
	b.accept(t, "Waiting")
	b.accept(t, "Leaving")
	b.mustExec(t, `UPDATE operations SET kind = 'suspend' WHERE tenant_id = (SELECT id FROM tenants WHERE name = 'Leaving')`)
	begin := func(mode tenant.WindowMode) {
		_, err := ws.Change(b.ctx, id, tenant.WindowAudience{}, func(w tenant.Window) (tenant.WindowStep, error) {
			return w.Change(tenant.WindowChange{Action: tenant.ActionStartWindow, Mode: mode}, time.Now())
		})
		require.NoError(t, err)
	}
	take := func() int {
		taken, err := b.queue.Take(b.ctx, 10, tenant.Bounds{Running: 100}, time.Minute)
		require.NoError(t, err)
		return len(taken)
	}
	none, err := postgres.NewWindows(b.pool).ReadOnly(b.ctx)
	require.NoError(t, err)
	require.Empty(t, none.ID)
	begin(tenant.WindowReadOnly)
	w, err := ws.ReadOnly(b.ctx)
	require.NoError(t, err)
	require.Equal(t, id, w.ID)
	require.Equal(t, 1, take(), "what ends access")
	require.Zero(t, take())
	_, err = ws.Change(b.ctx, id, tenant.WindowAudience{}, func(w tenant.Window) (tenant.WindowStep, error) {
		return w.Change(tenant.WindowChange{Action: tenant.ActionEndWindow, Actor: "ada"}, time.Now())
	})
	require.NoError(t, err)
	require.Equal(t, 1, take())
}

// TestACareLeavesWhatIsNeeded: the clean-up deletes what is old and of no use, and the
// vacuum takes what is dead, with no more rights than the platform's login has.
func TestACareLeavesWhatIsNeeded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	care := postgres.NewCare(b.pool)
	said := 0
	progress := func(string) { said++ }
	for n := range 3 {
		b.accept(t, fmt.Sprintf("Hospital %d", n))
	}
	b.mustExec(t, `UPDATE operations SET state = 'SUCCEEDED' WHERE id <> (SELECT id FROM operations ORDER BY id LIMIT 1)`)
	b.mustExec(t, `INSERT INTO idempotency_keys (client, key_hash, request_hash, operation_id, created_at)
		SELECT 'c', sha256(o.id::text::bytea), ''::bytea, o.id, now() - interval '31 days' FROM operations o
		UNION ALL (SELECT 'c', sha256('young'), ''::bytea, id, now() - interval '29 days' FROM operations LIMIT 1)`)
	b.mustExec(t, `INSERT INTO events (type, at) SELECT 'tenant.changed', now() - interval '91 days' FROM generate_series(1, 6000)`)
	b.mustExec(t, `INSERT INTO events (type) VALUES ('tenant.changed')`)
	did, err := care.CleanUp(b.ctx, progress)
	require.NoError(t, err)
	require.Equal(t, "deleted 2 idempotency keys, 6000 events, 0 vouchings", did)
	require.Equal(t, 2, b.count(t, `SELECT count(*) FROM idempotency_keys`), "of an open operation, and a young one")
	again, err := care.CleanUp(b.ctx, progress)
	require.NoError(t, err)
	require.Equal(t, "deleted 0 idempotency keys, 0 events, 0 vouchings", again)
	require.Positive(t, said)

	b.mustExec(t, `SELECT pg_stat_force_next_flush()`)
	require.Eventually(t, func() bool {
		b.mustExec(t, `SELECT pg_stat_force_next_flush()`)
		return b.count(t, `SELECT count(*) FROM pg_stat_user_tables WHERE relname = 'events' AND n_dead_tup > 5000`) == 1 ||
			b.count(t, `SELECT count(*) FROM pg_stat_user_tables WHERE relname = 'events' AND last_autovacuum IS NOT NULL`) == 1
	}, time.Minute, 50*time.Millisecond)
	did, err = care.Vacuum(b.ctx, progress)
	require.NoError(t, err)
	require.Regexp(t, `^vacuumed and analysed \d+ tables$`, did)
	require.Eventually(t, func() bool {
		return b.count(t, `SELECT count(*) FROM pg_stat_user_tables WHERE relname = 'events' AND n_dead_tup < 1000 AND coalesce(last_vacuum, last_autovacuum) IS NOT NULL`) == 1
	}, time.Minute, 50*time.Millisecond)
}

// TestTenThousandAreTold, and each is leased to one worker.
func TestTenThousandAreTold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ws := postgres.NewWindows(b.pool)
	b.mustExec(t, `INSERT INTO tenants (id, name, name_key, slug, schema_name, role_name, app_login, status, admin_email, admin_first_name, admin_last_name, tier, region)
		SELECT gen_random_uuid(), g, g AS key, g AS slug, g AS schema, g AS role, g AS login, 'ACTIVE', g || '@hospital.example', '', '', '', '' FROM generate_series(1, 10000) g`)
	id := b.planned(t, time.Now().Add(time.Hour), time.Hour)
	_, err := ws.Change(b.ctx, id, tenant.WindowAudience{Staff: []string{"ada@platform.example"}, Administrators: true},
		func(w tenant.Window) (tenant.WindowStep, error) {
			return w.Announced(time.Now(), tenant.WindowNormal), nil
		})
	require.NoError(t, err)
	require.Equal(t, 10001, b.count(t, `SELECT count(*) FROM maintenance_notices`))
	var mu sync.Mutex
	seen := map[string]int{}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				n, due, _, err := ws.TakeNotice(b.ctx, id, time.Minute)
				if err != nil || !due {
					t.Errorf("%v %v", due, err)
					return
				}
				mu.Lock()
				seen[n.To]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	require.Len(t, seen, 200)
	require.Equal(t, 1, seen["ada@platform.example"])
}
