package workflows_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/activities"
	providers "tenant-provisioning/internal/mail"
	"tenant-provisioning/internal/mail/mailtest"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows"
)

// maintained is an installation whose time passes by itself: the real activities on a
// real database, and a mail provider on the real wire.
type maintained struct {
	env         *testsuite.TestWorkflowEnvironment
	pool        *pgxpool.Pool
	windows     *postgres.Windows
	catcher     *mailtest.Server
	maintenance *activities.Maintenance
	// failing is what the check before an end says, and ahead how far the clock of the
	// runs is before the database's.
	failing atomic.Pointer[string]
	ahead   atomic.Int64
	done    atomic.Int64
}

// advent is when these installations begin.
var advent = time.Date(2026, 11, 30, 23, 15, 0, 0, time.UTC)

func newMaintained(t *testing.T) *maintained {
	t.Helper()
	pool := postgrestest.New(t)
	m := &maintained{pool: pool, windows: postgres.NewWindows(pool), catcher: mailtest.NewServer(t)}
	provider, err := providers.NewSendGrid(providers.SendGridConfig{APIKey: mailtest.APIKey, BaseURL: m.catcher.URL, SettingPrefix: "MAIL_"})
	require.NoError(t, err)
	postman := providers.NewPostman(providers.PostmanConfig{Provider: provider, From: providers.Address{Name: "Platform", Addr: "no-reply@platform.example"}, Clock: time.Now})
	rule, ok := tenant.ParseWindowRule("second sunday 02:00-04:00")
	require.True(t, ok)
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	m.env = suite.NewTestWorkflowEnvironment()
	m.env.SetStartTime(advent)
	m.env.SetTestTimeout(5 * time.Minute)
	m.env.SetWorkflowRunTimeout(200 * 24 * time.Hour)
	m.env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: time.Minute})
	m.maintenance = &activities.Maintenance{
		Store: m.windows,
		Tasks: []activities.MaintenanceTask{{Name: "clean up", Do: func(context.Context, func(string)) (string, error) { m.done.Add(1); return "cleaned up", nil }}},
		Policy: activities.WindowPolicy{
			Rule: &rule, Mode: tenant.WindowNormal, Waits: true,
			Audience: tenant.WindowAudience{Staff: []string{"oncall@platform.example", "ada@platform.example"}, Administrators: true},
		},
		Check: func(context.Context) (string, error) {
			if why := m.failing.Load(); why != nil {
				return *why, nil
			}
			return "", nil
		},
		Clock: func(context.Context) (time.Time, error) { return m.env.Now().Add(-time.Duration(m.ahead.Load())), nil },
	}
	workflows.Register(m.env)
	m.env.RegisterActivity(m.maintenance)
	m.env.RegisterActivity(&activities.WindowNotices{Outbox: m.windows, Mailer: postman, Pause: time.Nanosecond})
	return m
}

// administrators makes tenants in use with these administrators.
func (m *maintained) administrators(t *testing.T, addresses ...string) {
	t.Helper()
	for n, address := range addresses {
		m.exec(t, `INSERT INTO tenants (id, name, name_key, slug, schema_name, role_name, app_login, status, admin_email, admin_first_name, admin_last_name, tier, region)
			SELECT gen_random_uuid(), $1, $1, $1, $1, $1, $1, 'ACTIVE', $2, 'Amina', 'Y', '', ''`, fmt.Sprintf("hospital %d", n), address)
	}
}

func (m *maintained) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := m.pool.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

func (m *maintained) count(t *testing.T, sql string) (n int) {
	t.Helper()
	require.NoError(t, m.pool.QueryRow(t.Context(), sql).Scan(&n))
	return n
}

// plan makes a window that a person plans.
func (m *maintained) plan(t *testing.T, starts time.Time, lasts time.Duration, items ...string) tenant.WindowID {
	t.Helper()
	id, err := tenant.NewWindowID()
	require.NoError(t, err)
	_, err = m.windows.Plan(t.Context(), tenant.Window{ID: id, Title: "Patches", StartsAt: starts, EndsAt: starts.Add(lasts), Tasks: tenant.Items(items)},
		tenant.AuditEntry{Actor: "ada", Action: "maintenance-plan", Outcome: tenant.OutcomeAccepted})
	require.NoError(t, err)
	return id
}

// change is what a person does at a time after the beginning, with the signal that
// follows or, where that is lost, without.
func (m *maintained) change(t *testing.T, after time.Duration, id tenant.WindowID, c tenant.WindowChange, signalled bool) {
	t.Helper()
	c.Actor = "ada"
	m.env.RegisterDelayedCallback(func() {
		_, err := m.windows.Change(t.Context(), id, tenant.WindowAudience{}, func(w tenant.Window) (tenant.WindowStep, error) { return w.Change(c, m.env.Now()) })
		require.NoError(t, err)
		if signalled {
			m.env.SignalWorkflow(workflows.WindowChanged, nil)
		}
	}, after)
}

// run runs one window to its end.
func (m *maintained) run(t *testing.T, id tenant.WindowID) tenant.Window {
	t.Helper()
	m.env.ExecuteWorkflow(workflows.WindowName, id)
	require.True(t, m.env.IsWorkflowCompleted())
	require.NoError(t, m.env.GetWorkflowError())
	w, err := m.windows.Find(t.Context(), id)
	require.NoError(t, err)
	return w
}

// subjects counts the mails to an address by their subject.
func (m *maintained) subjects(to string) map[string]int {
	got := map[string]int{}
	for _, sent := range m.catcher.Messages() {
		if sent.To == to {
			got[sent.Subject]++
		}
	}
	return got
}

// TestThreeMonthsOfWindows: each is planned, announced 24 hours before to everybody once,
// begun, worked in and ended, and the audit log has it.
func TestThreeMonthsOfWindows(t *testing.T) {
	t.Parallel()
	m := newMaintained(t)
	m.administrators(t, "amina@hospital.example", "Amina@hospital.example", "bela@clinic.example")
	m.env.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
		for workflow.Now(ctx).Before(time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)) {
			round := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: fmt.Sprintf("round-%d", workflow.Now(ctx).Unix())})
			if err := workflow.ExecuteChildWorkflow(round, workflows.MaintainName).Get(ctx, nil); err != nil {
				return err
			}
			if err := workflow.Sleep(ctx, 45*time.Minute); err != nil {
				return err
			}
		}
		return nil
	}, workflow.RegisterOptions{Name: "Months"})
	m.env.ExecuteWorkflow("Months")
	require.NoError(t, m.env.GetWorkflowError())

	all, err := m.windows.List(t.Context(), advent)
	require.NoError(t, err)
	for n, starts := range []string{"2026-12-13T02:00:00Z", "2027-01-10T02:00:00Z", "2027-02-14T02:00:00Z"} {
		w := all[n]
		require.Equal(t, starts, w.StartsAt.UTC().Format(time.RFC3339))
		require.Equal(t, tenant.WindowCompleted, w.State)
		require.Equal(t, starts, w.StartedAt.UTC().Format(time.RFC3339))
		require.Equal(t, 2*time.Hour, w.EndedAt.Sub(w.StartedAt))
		require.Equal(t, tenant.NoticeBefore, w.StartsAt.Sub(w.AnnouncedAt))
		require.Equal(t, "everything was done", w.Note)
	}
	for _, w := range all[3:] {
		require.Equal(t, tenant.WindowPlanned, w.State)
	}
	require.Len(t, all, 6, "three that were, and three to come")
	require.Equal(t, int64(3), m.done.Load())
	for _, to := range []string{"oncall@platform.example", "ada@platform.example", "bela@clinic.example"} {
		require.Equal(t, map[string]int{
			"Planned maintenance of Platform: 13 December 2026": 1, "Planned maintenance of Platform: 10 January 2027": 1, "Planned maintenance of Platform: 14 February 2027": 1,
		}, m.subjects(to), to)
	}
	require.Len(t, m.catcher.Messages(), 3*4, "an administrator of two tenants is told once")
	require.Equal(t, 6, m.count(t, `SELECT count(*) FROM audit_log WHERE actor = 'schedule' AND action = 'maintenance-plan'`))
	require.Equal(t, 3, m.count(t, `SELECT count(*) FROM audit_log WHERE action = 'maintenance-start'`))
	require.Equal(t, 3, m.count(t, `SELECT count(*) FROM audit_log WHERE action = 'maintenance-end' AND detail LIKE '%everything was done'`))
}

// TestAnOverrunExtendsTheAnnouncement until what is left is done, also when the tick's
// signal is lost, and staff are told once.
func TestAnOverrunExtendsTheAnnouncement(t *testing.T) {
	t.Parallel()
	m := newMaintained(t)
	id := m.plan(t, advent.Add(time.Hour), time.Hour, "Security patches")
	m.change(t, 3*time.Hour+10*time.Minute, id, tenant.WindowChange{Action: tenant.ActionTickItem, Item: "Security patches"}, false)
	w := m.run(t, id)
	require.Equal(t, tenant.WindowCompleted, w.State)
	require.Equal(t, advent.Add(2*time.Hour), w.OverrunAt.UTC())
	require.Equal(t, advent.Add(3*time.Hour+30*time.Minute), w.EndedAt.UTC())
	require.Equal(t, w.EndsAt, w.EndedAt)
	require.Equal(t, tenant.TaskDone, w.Tasks[1].State)
	require.Equal(t, "ticked by ada", w.Tasks[1].Detail)
	require.Equal(t, 3, m.count(t, `SELECT count(*) FROM audit_log WHERE action = 'maintenance-overrun' AND detail LIKE '%not done: Security patches'`))
	require.Equal(t, map[string]int{"Planned maintenance of Platform: 1 December 2026": 1, "Maintenance of Platform goes on longer: 1 December 2026": 1}, m.subjects("ada@platform.example"))
}

// TestAFailedCheckKeepsAWindowOpen.
func TestAFailedCheckKeepsAWindowOpen(t *testing.T) {
	t.Parallel()
	m := newMaintained(t)
	why := "incident 7 of the ledger is open"
	m.failing.Store(&why)
	id := m.plan(t, advent.Add(time.Hour), time.Hour)
	m.env.RegisterDelayedCallback(func() {
		w, err := m.windows.Find(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, why, w.Note)
		require.Equal(t, advent.Add(150*time.Minute), w.EndsAt.UTC())
		m.failing.Store(nil)
	}, 130*time.Minute)
	w := m.run(t, id)
	require.Equal(t, "everything was done", w.Note)
	require.Equal(t, advent.Add(150*time.Minute), w.EndedAt.UTC())
}

// TestPeopleDecideAboutAWindow: move, extend and end it; whoever was told is told of the
// move.
func TestPeopleDecideAboutAWindow(t *testing.T) {
	t.Parallel()
	m := newMaintained(t)
	m.administrators(t, "amina@hospital.example")
	id := m.plan(t, advent.Add(2*time.Hour), time.Hour, "Security patches")
	m.change(t, time.Hour, id, tenant.WindowChange{Action: tenant.ActionMoveWindow, At: advent.Add(48 * time.Hour)}, true)
	m.change(t, 48*time.Hour+10*time.Minute, id, tenant.WindowChange{Action: tenant.ActionExtendWindow, By: 3 * time.Hour}, false)
	m.change(t, 50*time.Hour, id, tenant.WindowChange{Action: tenant.ActionEndWindow}, true)
	w := m.run(t, id)
	require.Equal(t, advent.Add(48*time.Hour), w.StartedAt.UTC())
	require.Equal(t, advent.Add(50*time.Hour), w.EndedAt.UTC())
	require.Equal(t, "ended by ada", w.Note)
	require.Zero(t, w.OverrunAt)
	require.Equal(t, tenant.TaskSkipped, w.Tasks[1].State)
	require.Equal(t, map[string]int{
		"Planned maintenance of Platform: 1 December 2026": 1, "Maintenance of Platform has moved: 2 December 2026": 1, "Planned maintenance of Platform: 2 December 2026": 1,
	}, m.subjects("amina@hospital.example"))
}

// TestASkippedWindowIsCalledOff with everybody who was told of it.
func TestASkippedWindowIsCalledOff(t *testing.T) {
	t.Parallel()
	m := newMaintained(t)
	m.administrators(t, "amina@hospital.example")
	// The cancellation is told as long as the time has not passed, by the real clock.
	id := m.plan(t, advent.Add(2*time.Hour), time.Hour)
	m.exec(t, `UPDATE maintenance_windows SET ends_at = now() + interval '1 day' WHERE id = $1`, string(id))
	m.change(t, time.Hour, id, tenant.WindowChange{Action: tenant.ActionSkipWindow}, true)
	w := m.run(t, id)
	require.Equal(t, tenant.WindowSkipped, w.State)
	require.Zero(t, m.done.Load())
	for _, to := range []string{"amina@hospital.example", "ada@platform.example"} {
		require.Equal(t, map[string]int{"Planned maintenance of Platform: 1 December 2026": 1, "No maintenance of Platform: 1 December 2026": 1}, m.subjects(to))
	}
}

// TestAClockThatJumpsBeginsNothing, and tells nobody anything, until it is mended.
func TestAClockThatJumpsBeginsNothing(t *testing.T) {
	t.Parallel()
	m := newMaintained(t)
	id := m.plan(t, advent.Add(25*time.Hour), 4*time.Hour)
	m.ahead.Store(int64(3 * time.Hour))
	m.env.RegisterDelayedCallback(func() {
		require.Empty(t, m.catcher.Messages())
		require.Zero(t, m.count(t, `SELECT count(*) FROM maintenance_windows WHERE announced_at IS NOT NULL`))
		m.ahead.Store(0)
	}, 90*time.Minute)
	m.env.RegisterDelayedCallback(func() { m.ahead.Store(int64(-time.Hour)) }, 24*time.Hour)
	m.env.RegisterDelayedCallback(func() {
		require.Zero(t, m.count(t, `SELECT count(*) FROM maintenance_windows WHERE started_at IS NOT NULL`))
		m.ahead.Store(0)
	}, 26*time.Hour)
	w := m.run(t, id)
	require.WithinDuration(t, advent.Add(26*time.Hour), w.StartedAt, 2*time.Minute)
	require.Equal(t, advent.Add(29*time.Hour), w.EndedAt.UTC())
	require.Len(t, m.catcher.Messages(), 2)
}

// TestAWindowThatNobodyBeganIsMissed: Temporal, or all workers, were away for all of it.
func TestAWindowThatNobodyBeganIsMissed(t *testing.T) {
	t.Parallel()
	m := newMaintained(t)
	id := m.plan(t, advent.Add(-3*time.Hour), time.Hour)
	w := m.run(t, id)
	require.Equal(t, tenant.WindowSkipped, w.State)
	require.Contains(t, w.Note, "missed")
	require.Empty(t, m.catcher.Messages())
	require.Equal(t, 1, m.count(t, `SELECT count(*) FROM audit_log WHERE action = 'maintenance-missed'`))
}

// TestATaskThatFailsHoldsUpNothing: it is tried again, then left to the next window.
func TestATaskThatFailsHoldsUpNothing(t *testing.T) {
	t.Parallel()
	m := newMaintained(t)
	tried := 0
	m.maintenance.Tasks = append([]activities.MaintenanceTask{{Name: "archive", Do: func(context.Context, func(string)) (string, error) {
		tried++
		return "", &tenant.StepError{Reason: "the store does not answer"}
	}}}, m.maintenance.Tasks...)
	w := m.run(t, m.plan(t, advent, time.Hour))
	require.Equal(t, 5, tried)
	require.Equal(t, tenant.TaskFailed, w.Tasks[0].State)
	require.Equal(t, tenant.TaskDone, w.Tasks[1].State)
	require.Equal(t, "cleaned up", w.Tasks[1].Detail)
	require.Equal(t, "failed: archive: the store does not answer", w.Note)
}

// TestAReadOnlyWindowWaitsForWhatRuns before its tasks begin, and not for longer than half
// of it.
func TestAReadOnlyWindowWaitsForWhatRuns(t *testing.T) {
	t.Parallel()
	m := newMaintained(t)
	m.maintenance.Policy.Mode = tenant.WindowReadOnly
	m.administrators(t, "amina@hospital.example")
	m.exec(t, `INSERT INTO operations (id, tenant_id, kind, state, generation, client, retry_budget, attention_period, run_id)
		SELECT gen_random_uuid(), id, 'suspend', 'RUNNING', 1, 'test', '1m', '1h', 'r' FROM tenants`)
	go func() {
		for m.count(t, `SELECT count(*) FROM maintenance_windows WHERE state = 'RUNNING'`) == 0 {
			<-time.After(10 * time.Millisecond)
		}
		if m.done.Load() == 0 {
			m.exec(t, `UPDATE operations SET state = 'SUCCEEDED'`)
		}
	}()
	w := m.run(t, m.plan(t, advent, time.Hour))
	require.Equal(t, tenant.WindowReadOnly, w.Mode)
	require.Equal(t, int64(1), m.done.Load())
	require.Zero(t, m.count(t, `SELECT count(*) FROM operations WHERE state = 'RUNNING'`), "it was waited for")
}

// TestAnAddressThatBouncesHoldsUpNothing: the others are told, each once, also of
// one whose mail may have left.
func TestAnAddressThatBouncesHoldsUpNothing(t *testing.T) {
	t.Parallel()
	m := newMaintained(t)
	m.administrators(t, "amina@hospital.example", "bela@clinic.example", "gone@clinic.example")
	m.exec(t, `UPDATE tenants SET status = 'ARCHIVED' WHERE admin_email LIKE 'gone%'`)
	m.catcher.RejectAddress("amina@hospital.example")
	m.catcher.Fail(mailtest.Fault{Status: 500, Taken: true, Times: 1}) // the provider has it, and nobody knows
	id := m.plan(t, advent.Add(time.Minute), 5*time.Minute)
	w := m.run(t, id)
	require.Equal(t, tenant.WindowCompleted, w.State)
	for _, to := range []string{"oncall@platform.example", "ada@platform.example", "bela@clinic.example"} {
		require.Equal(t, map[string]int{"Planned maintenance of Platform: 30 November 2026": 1}, m.subjects(to), to)
	}
	require.Equal(t, 1, m.count(t, `SELECT count(*) FROM maintenance_notices n JOIN tenants t ON t.id = n.tenant_id WHERE t.admin_email LIKE 'amina%' AND n.state = 'FAILED' AND n.reason <> ''`))
	require.Empty(t, m.subjects("gone@clinic.example"), "a tenant that is not in use any more")
	require.Zero(t, m.count(t, `SELECT count(*) FROM maintenance_notices WHERE state IN ('PENDING', 'SENDING')`), "the one in doubt is left when the window is over")
}
