package workflows_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/temporalclient/temporaltest"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows"
	"tenant-provisioning/workflows/fleet"
)

// migrated is the history of a fleet run that was paused and resumed, and continued that
// of one that went on in another run when its history had become long.
const (
	migrated  = "migrated"
	continued = "continued"
)

// rowsOfFleet are the activities of a run, by their names: two tenants, a pause, and one
// more.
type rowsOfFleet struct {
	mu    sync.Mutex
	done  []tenant.ID
	state tenant.FleetState
}

func (r *rowsOfFleet) NextOfFleet(context.Context, tenant.FleetFence) (tenant.FleetStep, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := tenant.FleetStep{State: r.state, Lanes: 2, Waves: 2, Counts: tenant.FleetCounts{Done: len(r.done)}}
	switch {
	case r.state != tenant.FleetRunning:
	case len(r.done) == 0:
		s.Tenants = []tenant.ID{"a", "b"}
	case len(r.done) == 2:
		s.Wave, s.Tenants = 1, []tenant.ID{"c"}
	default:
		s.State = tenant.FleetCompleted
	}
	return s, nil
}

func (r *rowsOfFleet) ActOnFleet(_ context.Context, q activities.FleetRequest) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state, _ = tenant.NextFleetState(r.state, q.Action)
	return nil
}

func (r *rowsOfFleet) MigrateSchemas(_ context.Context, c activities.FleetChunk) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done = append(r.done, c.Tenants...); len(r.done) == 2 {
		r.state = tenant.FleetPaused
	}
	return nil
}

// TestOnTheServerItMigrates follows the rows of a run on the real server, and replays its
// history.
func TestOnTheServerItMigrates(t *testing.T) {
	t.Parallel()
	server, _ := temporaltest.New(t)
	rows := &rowsOfFleet{state: tenant.FleetRunning}
	w := worker.New(server, migrated, worker.Options{})
	workflows.Register(w)
	w.RegisterActivity(rows)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	ctx, cancel := context.WithTimeout(t.Context(), serverTimeout)
	defer cancel()
	run, err := server.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: migrated}, "MigrateTenants", fleet.Input{Fleet: "f", Kind: tenant.FleetMigrate})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		var s tenant.FleetStep
		answer, err := server.QueryWorkflow(ctx, run.GetID(), run.GetRunID(), fleet.QueryProgress)
		return err == nil && answer.Get(&s) == nil && s.State == tenant.FleetPaused && s.Counts.Done == 2
	}, serverTimeout, 50*time.Millisecond)
	handle, err := server.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: run.GetID(), UpdateName: string(tenant.FleetResume), Args: []any{tenant.ActionRequest{Actor: "ada", Reason: "ticket 7"}},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	require.NoError(t, err)
	require.NoError(t, handle.Get(ctx, nil))
	require.NoError(t, run.Get(ctx, nil))
	require.ElementsMatch(t, []tenant.ID{"a", "b", "c"}, rows.done)
	history := historyOf(ctx, t, server, run)
	require.NoError(t, replayer().ReplayWorkflowHistory(nil, history))
	if *record {
		write(t, migrated, history)
	}
}

// manyOfFleet are the activities of a run of many tenants, one for each step, with so
// much to say that its history is soon as long as the server likes it to be.
type manyOfFleet struct {
	mu     sync.Mutex
	left   []tenant.ID
	done   []tenant.ID
	fences map[tenant.FleetFence]int
}

func (m *manyOfFleet) NextOfFleet(_ context.Context, f tenant.FleetFence) (tenant.FleetStep, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fences[f]++
	s := tenant.FleetStep{State: tenant.FleetRunning, Lanes: 1, Waves: 1, Note: strings.Repeat("x", 1<<20)}
	if len(m.left) == 0 {
		s.State = tenant.FleetCompleted
		return s, nil
	}
	s.Tenants = m.left[:1]
	return s, nil
}

func (m *manyOfFleet) MigrateSchemas(_ context.Context, c activities.FleetChunk) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fences[c.Fence]++
	m.done = append(m.done, c.Tenants...)
	m.left = m.left[len(c.Tenants):]
	return nil
}

// TestALongFleetRunContinuesAsNew in the middle, as often as the server asks for it: each
// tenant is done once, and to the rows it stays one workflow.
func TestALongFleetRunContinuesAsNew(t *testing.T) {
	t.Parallel()
	server, _ := temporaltest.New(t)
	all := []tenant.ID{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}
	rows := &manyOfFleet{left: all, fences: map[tenant.FleetFence]int{}}
	w := worker.New(server, continued, worker.Options{})
	workflows.Register(w)
	w.RegisterActivity(rows)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	ctx, cancel := context.WithTimeout(t.Context(), serverTimeout)
	defer cancel()
	first, err := server.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: continued}, "MigrateTenants", fleet.Input{Fleet: "f", Kind: tenant.FleetMigrate})
	require.NoError(t, err)
	id, run := first.GetID(), first.GetRunID()
	require.NoError(t, first.Get(ctx, nil), "it follows the chain to its end")
	require.Equal(t, all, rows.done)
	require.Equal(t, []tenant.FleetFence{{Fleet: "f", Run: run}}, slices.Collect(maps.Keys(rows.fences)))

	runs := 0
	for next := run; next != ""; runs++ {
		history := historyOf(ctx, t, server, server.GetWorkflow(ctx, id, next))
		last := history.GetEvents()[len(history.GetEvents())-1]
		next = last.GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId()
		require.NoError(t, replayer().ReplayWorkflowHistory(nil, history))
		if *record && runs == 0 {
			shorten(t, history)
			write(t, continued, history)
		}
	}
	require.Greater(t, runs, 2)
}

// shorten takes out of a history what only made it long.
func shorten(t *testing.T, history *historypb.History) {
	t.Helper()
	for _, event := range history.GetEvents() {
		for _, result := range event.GetActivityTaskCompletedEventAttributes().GetResult().GetPayloads() {
			var step tenant.FleetStep
			require.NoError(t, converter.GetDefaultDataConverter().FromPayload(result, &step))
			step.Note = ""
			short, err := converter.GetDefaultDataConverter().ToPayload(step)
			require.NoError(t, err)
			result.Data = short.GetData()
		}
	}
}
