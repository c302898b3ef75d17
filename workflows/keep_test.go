package workflows_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/temporalclient/temporaltest"
	"tenant-provisioning/workflows"
	"tenant-provisioning/workflows/runner"
)

// kept is the history of a round of the keeper.
const kept = "kept"

// rounds are the keeper's activity, by its name: the second attempt succeeds.
type rounds struct{ attempts int }

func (r *rounds) Keep(context.Context) (activities.KeepReport, error) {
	if r.attempts++; r.attempts == 1 {
		return activities.KeepReport{}, temporal.NewApplicationError("the ledger does not answer", "Away")
	}
	return activities.KeepReport{Restored: 1, Extended: 3, Entries: 7}, nil
}

// TestOnTheServerItKeeps runs a round on the real server, where the worker of the
// ledger's queue does the work, and replays its history.
func TestOnTheServerItKeeps(t *testing.T) {
	t.Parallel()
	server, _ := temporaltest.New(t)
	main := worker.New(server, kept, worker.Options{})
	workflows.Register(main)
	ledger := worker.New(server, runner.QueuesOf(kept).Stellar, worker.Options{})
	ledger.RegisterActivity(&rounds{})
	for _, w := range []worker.Worker{main, ledger} {
		require.NoError(t, w.Start())
		t.Cleanup(w.Stop)
	}
	ctx, cancel := context.WithTimeout(t.Context(), serverTimeout)
	defer cancel()
	run, err := server.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: kept}, workflows.KeepName)
	require.NoError(t, err)
	var report activities.KeepReport
	require.NoError(t, run.Get(ctx, &report))
	require.Equal(t, activities.KeepReport{Restored: 1, Extended: 3, Entries: 7}, report)
	history := historyOf(ctx, t, server, run)
	require.NoError(t, replayer().ReplayWorkflowHistory(nil, history))
	if *record {
		write(t, kept, history)
	}
}
