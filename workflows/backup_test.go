package workflows_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/temporalclient/temporaltest"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows"
	"tenant-provisioning/workflows/fleet"
)

// backedUp is the history of a run that made backups.
const backedUp = "backed-up"

// rowsOfBackups are the activities of such a run: two tenants and one more, the control
// tables at the second attempt, and what is too old.
type rowsOfBackups struct {
	rowsOfFleet
	order []string
}

func (r *rowsOfBackups) BackupTenantsOfChunk(_ context.Context, c activities.FleetChunk) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done = append(r.done, c.Tenants...)
	r.order = append(r.order, "tenants")
	return nil
}

func (r *rowsOfBackups) BackupControlTables(context.Context, tenant.FleetID) error {
	if r.order = append(r.order, "control"); len(r.order) < 5 {
		return errors.New("the store is away")
	}
	return nil
}

func (r *rowsOfBackups) SweepBackups(context.Context) error {
	r.order = append(r.order, "sweep")
	return nil
}

// TestOnTheServerItBacksUp has the control tables follow the tenants, and replays the
// history.
func TestOnTheServerItBacksUp(t *testing.T) {
	t.Parallel()
	server, _ := temporaltest.New(t)
	rows := &rowsOfBackups{rowsOfFleet: rowsOfFleet{state: tenant.FleetRunning}}
	w := worker.New(server, backedUp, worker.Options{})
	workflows.Register(w)
	w.RegisterActivity(rows)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	ctx, cancel := context.WithTimeout(t.Context(), serverTimeout)
	defer cancel()
	run, err := server.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: backedUp}, "BackupTenants", fleet.Input{Fleet: "f", Kind: tenant.FleetBackup})
	require.NoError(t, err)
	require.NoError(t, run.Get(ctx, nil))
	require.ElementsMatch(t, []tenant.ID{"a", "b", "c"}, rows.done)
	require.Equal(t, []string{"tenants", "tenants", "tenants", "control", "control", "sweep"}, rows.order)
	history := historyOf(ctx, t, server, run)
	require.NoError(t, replayer().ReplayWorkflowHistory(nil, history))
	if *record {
		write(t, backedUp, history)
	}
}
