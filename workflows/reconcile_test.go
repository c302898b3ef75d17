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
)

// The histories of a round and of one repair.
const (
	reconciled = "reconciled"
	repaired   = "repaired"
)

// looks are the reconciler's activities, by their names. Nothing is compared: the
// ledger cannot be asked, and the second attempt at the runs finds them.
type looks struct{ runs int }

func (l *looks) CompareRuns(context.Context) error {
	if l.runs++; l.runs == 1 {
		return temporal.NewApplicationError("the server is busy", "Busy")
	}
	return nil
}

func (*looks) CompareDatabase(context.Context) error { return nil }

func (*looks) CompareContracts(context.Context) error {
	return temporal.NewNonRetryableApplicationError("the ledger does not answer", activities.ErrTypeStep, nil,
		activities.StepFailure{Reason: "the ledger does not answer"})
}

func (*looks) RepairSafe(context.Context) error { return nil }

func (*looks) SubmitDue(context.Context) error { return nil }

func (*looks) Repair(context.Context, activities.RepairRequest) error { return nil }

// TestOnTheServerItReconciles runs a round and a repair on the real server, and
// replays their histories.
func TestOnTheServerItReconciles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in         workflows.ReconcileInput
		incomplete []string
	}{
		reconciled: {workflows.ReconcileInput{}, []string{"contracts: the ledger does not answer"}},
		repaired:   {workflows.ReconcileInput{Repair: &activities.RepairRequest{Finding: 7, Actor: "ada", Reason: "ticket 7"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, _ := temporaltest.New(t)
			w := worker.New(server, name, worker.Options{})
			workflows.Register(w)
			w.RegisterActivity(&looks{})
			require.NoError(t, w.Start())
			t.Cleanup(w.Stop)
			ctx, cancel := context.WithTimeout(t.Context(), serverTimeout)
			defer cancel()
			run, err := server.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: name}, workflows.ReconcileName, c.in)
			require.NoError(t, err)
			var report workflows.ReconcileReport
			require.NoError(t, run.Get(ctx, &report))
			require.Equal(t, c.incomplete, report.Incomplete)
			history := historyOf(ctx, t, server, run)
			require.NoError(t, replayer().ReplayWorkflowHistory(nil, history))
			if *record {
				write(t, name, history)
			}
		})
	}
}
