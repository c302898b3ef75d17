package workflows_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/temporalclient/temporaltest"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows"
	"tenant-provisioning/workflows/runner"
)

// maintain is the history of a round that starts a window's run, and finds that another
// has one; windowExtended that of a window that lasts longer than announced.
const (
	maintain       = "maintain"
	windowExtended = "window-extended"
)

// rowsOfWindow are the activities of a window, by their names: one of a few seconds that
// is announced, refuses changes, has a task that fails and one that does not, and has to
// be extended once.
type rowsOfWindow struct {
	mu       sync.Mutex
	view     activities.WindowView
	extended bool
	did      []string
}

func (r *rowsOfWindow) note(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.did = append(r.did, what)
}

func (r *rowsOfWindow) noted() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.did)
}

func (r *rowsOfWindow) PlanWindows(context.Context, time.Time) ([]tenant.WindowID, error) {
	return []tenant.WindowID{"soon", "under-way"}, nil
}

func (r *rowsOfWindow) ReadWindow(context.Context, tenant.WindowID) (activities.WindowView, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.view, nil
}

func (r *rowsOfWindow) AnnounceWindow(ctx context.Context, m activities.WindowMoment) (activities.WindowView, error) {
	r.note("announced")
	r.mu.Lock()
	r.view.AnnounceAt = time.Time{}
	r.mu.Unlock()
	return r.ReadWindow(ctx, m.Window)
}

func (r *rowsOfWindow) BeginWindow(ctx context.Context, m activities.WindowMoment) (activities.WindowView, error) {
	r.mu.Lock()
	if r.view.State == tenant.WindowPlanned {
		r.view.State, r.view.Tasks = tenant.WindowRunning, []string{"archive", "clean up"}
		r.did = append(r.did, "begun")
	}
	r.mu.Unlock()
	return r.ReadWindow(ctx, m.Window)
}

func (r *rowsOfWindow) AwaitQuiet(context.Context) error { r.note("quiet"); return nil }

func (r *rowsOfWindow) DoTask(_ context.Context, q activities.WindowTaskRequest) error {
	if q.Task == "archive" {
		return temporal.NewNonRetryableApplicationError("the store refuses it", "Refused", nil)
	}
	r.note("did " + q.Task)
	return nil
}

func (r *rowsOfWindow) GiveUpTask(_ context.Context, q activities.WindowTaskRequest) error {
	r.note("gave up " + q.Task)
	return nil
}

func (r *rowsOfWindow) CloseWindow(ctx context.Context, m activities.WindowMoment) (activities.WindowView, error) {
	r.mu.Lock()
	if r.extended {
		r.view.State = tenant.WindowCompleted
		r.did = append(r.did, "ended")
	} else {
		r.extended, r.view.EndsAt = true, m.Now.Add(time.Hour)
		r.did = append(r.did, "extended")
	}
	r.mu.Unlock()
	return r.ReadWindow(ctx, m.Window)
}

func (r *rowsOfWindow) SendWindowNotices(context.Context, tenant.WindowID) (activities.NoticeReport, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.Contains(r.did, "told") {
		return activities.NoticeReport{}, nil
	}
	r.did = append(r.did, "told")
	return activities.NoticeReport{Again: time.Second}, nil
}

// TestOnTheServerItMaintains has a round start the run of a window on the real server,
// follows that to its end, and replays both histories.
func TestOnTheServerItMaintains(t *testing.T) {
	t.Parallel()
	server, _ := temporaltest.New(t)
	rows := &rowsOfWindow{view: activities.WindowView{State: tenant.WindowPlanned, ReadOnly: true, Waits: true}}
	main := worker.New(server, maintain, worker.Options{})
	workflows.Register(main)
	main.RegisterActivity(rows)
	email := worker.New(server, runner.QueuesOf(maintain).Email, worker.Options{})
	email.RegisterActivity(rows)
	ctx, cancel := context.WithTimeout(t.Context(), serverTimeout)
	defer cancel()
	// Nobody polls the queue of this one: it is under way for as long as the test is.
	_, err := server.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: workflows.WindowWorkflowID("under-way"), TaskQueue: "elsewhere"}, workflows.WindowName, tenant.WindowID("under-way"))
	require.NoError(t, err)
	now := time.Now()
	rows.view.AnnounceAt, rows.view.StartsAt, rows.view.EndsAt = now, now.Add(2*time.Second), now.Add(4*time.Second)
	for _, w := range []worker.Worker{main, email} {
		require.NoError(t, w.Start())
		t.Cleanup(w.Stop)
	}
	round, err := server.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: maintain}, workflows.MaintainName)
	require.NoError(t, err)
	require.NoError(t, round.Get(ctx, nil), "a window that has its run is left to it")
	window := server.GetWorkflow(ctx, workflows.WindowWorkflowID("soon"), "")
	require.Eventually(t, func() bool {
		did := rows.noted()
		return slices.Contains(did, "extended") && slices.Contains(did, "did clean up")
	}, serverTimeout, 50*time.Millisecond)
	rows.mu.Lock()
	rows.view.EndsAt = time.Now() // a person has shortened the announcement, and says so
	rows.mu.Unlock()
	require.NoError(t, server.SignalWorkflow(ctx, window.GetID(), "", workflows.WindowChanged, nil))
	require.NoError(t, window.Get(ctx, nil))
	did := rows.noted()
	require.ElementsMatch(t, []string{"announced", "told", "begun", "quiet", "gave up archive", "did clean up", "extended", "ended"}, did)
	require.Equal(t, "ended", did[len(did)-1])
	for name, run := range map[string]client.WorkflowRun{maintain: round, windowExtended: window} {
		history := historyOf(ctx, t, server, run)
		require.Equal(t, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED, history.GetEvents()[len(history.GetEvents())-1].GetEventType())
		require.NoError(t, replayer().ReplayWorkflowHistory(nil, history))
		if *record {
			write(t, name, history)
		}
	}
}
