package workflows_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/temporalclient/temporaltest"
	"tenant-provisioning/workflows"
)

// keptLogs is the history of a round of it.
const keptLogs = "kept_logs"

// TestOnTheServerItKeepsLogs runs a round on the real server, and replays its history.
func TestOnTheServerItKeepsLogs(t *testing.T) {
	t.Parallel()
	server, _ := temporaltest.New(t)
	w := worker.New(server, keptLogs, worker.Options{})
	workflows.Register(w)
	w.RegisterActivity(&activities.Logs{Keep: func(_ context.Context, progress func(string)) (string, error) {
		progress("provisioning logs")
		return "moved 4 lines", nil
	}})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	ctx, cancel := context.WithTimeout(t.Context(), serverTimeout)
	defer cancel()
	run, err := server.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: keptLogs}, workflows.LogsName)
	require.NoError(t, err)
	var did string
	require.NoError(t, run.Get(ctx, &did))
	require.Equal(t, "moved 4 lines", did)
	history := historyOf(ctx, t, server, run)
	require.NoError(t, replayer().ReplayWorkflowHistory(nil, history))
	if *record {
		write(t, keptLogs, history)
	}
}
