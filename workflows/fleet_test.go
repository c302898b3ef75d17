package workflows_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/temporalclient/temporaltest"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows"
	"tenant-provisioning/workflows/fleet"
)

// migrated is the history of a fleet run that was paused and resumed.
const migrated = "migrated"

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
