package temporalclient_test

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/internal/doctor"
	"tenant-provisioning/internal/temporalclient"
)

const examinationPatience = 2 * time.Minute

func examined(t *testing.T, facts temporalclient.Facts, retention time.Duration) map[string]doctor.Line {
	t.Helper()
	found := map[string]doctor.Line{}
	for _, l := range doctor.Examine(t.Context(), examinationPatience, []doctor.Subject{doctor.ExamineTemporal(facts, retention, false)}) {
		found[l.Check] = l
	}
	return found
}

func requireLine(t *testing.T, l doctor.Line, state doctor.State, says string) {
	t.Helper()
	require.Equal(t, state, l.State, l.Says)
	require.Contains(t, l.Says+" mend: "+l.Mend, says)
}

// TestFacts of a namespace that is not there, of one that was set up and of which
// nobody polls, and of one with workers and a schedule.
func TestFacts(t *testing.T) {
	t.Parallel()
	admin := connect(t, temporalclient.Config{})
	facts := temporalclient.Facts{
		Client: admin, Required: temporalclient.Namespace{Name: "gone-" + uuid.NewString(), Attributes: []temporal.SearchAttributeKey{tenantID}},
		Schedules: "tenant-reconcile", MainQueue: "q", OtherQueues: []string{"q-email"},
	}
	found := examined(t, facts, 48*time.Hour)
	requireLine(t, found["server"], doctor.OK, "history shard")
	requireLine(t, found["namespace"], doctor.Failure, "starter setup")
	requireLine(t, found["retention"], doctor.Failure, "is not there")

	n := namespace(t, admin, tenantID)
	c := connect(t, temporalclient.Config{Options: client.Options{Namespace: n.Name}})
	facts.Client, facts.Required = c, n
	found = examined(t, facts, 48*time.Hour)
	requireLine(t, found["namespace"], doctor.OK, "search attributes")
	requireLine(t, found["retention"], doctor.Warning, "kept for 24 hours, and TEMPORAL_RETENTION says 2 days")
	requireLine(t, found["configuration"], doctor.OK, "eager starts")
	requireLine(t, found["workers"], doctor.Failure, "nobody polls q (workflows), q (activities), q-email (activities)")
	requireLine(t, found["clock"], doctor.OK, "before a worker polls")
	requireLine(t, found["schedule"], doctor.Failure, "the schedule tenant-reconcile is not there")
	facts.Required.Attributes = append(facts.Required.Attributes, temporal.NewSearchAttributeKeyKeyword("FailureClass"))
	requireLine(t, examined(t, facts, 24*time.Hour)["namespace"], doctor.Failure, "FailureClass")
	facts.Required = n

	for _, queue := range []string{"q", "q-email"} {
		w := worker.New(c, queue, worker.Options{DisableWorkflowWorker: queue != "q"})
		if queue == "q" {
			w.RegisterWorkflow(nothing)
		}
		w.RegisterActivity(nothingActive)
		require.NoError(t, w.Start())
		t.Cleanup(w.Stop)
	}
	_, err := c.ScheduleClient().Create(t.Context(), client.ScheduleOptions{
		ID: "tenant-reconcile", Spec: client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: time.Hour}}},
		Action: &client.ScheduleWorkflowAction{ID: "tenant-reconcile", Workflow: nothing, TaskQueue: "q"},
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return examined(t, facts, 24*time.Hour)["workers"].State == doctor.OK }, examinationPatience, 100*time.Millisecond)
	found = examined(t, facts, 24*time.Hour)
	requireLine(t, found["retention"], doctor.OK, "as TEMPORAL_RETENTION says")
	requireLine(t, found["clock"], doctor.OK, "not ahead")
	requireLine(t, found["schedule"], doctor.OK, "every 1h0m0s")
	require.NoError(t, c.ScheduleClient().GetHandle(t.Context(), "tenant-reconcile").Pause(t.Context(), client.SchedulePauseOptions{Note: "ticket 4714"}))
	requireLine(t, examined(t, facts, 24*time.Hour)["schedule"], doctor.Warning, "ticket 4714")
}

// TestFactsOfAServerThatHangs come in time.
func TestFactsOfAServerThatHangs(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	for _, address := range []string{silent.Addr().String(), "127.0.0.1:9"} {
		c, err := temporalclient.New(temporalclient.Config{Options: client.Options{HostPort: address}, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		t.Cleanup(c.Close)
		lines := doctor.Examine(t.Context(), time.Second, []doctor.Subject{doctor.ExamineTemporal(temporalclient.Facts{Client: c}, time.Hour, false)})
		require.Len(t, lines, 1)
		requireLine(t, lines[0], doctor.Failure, "TEMPORAL_ADDRESS")
	}
}

func nothing(workflow.Context) error { return nil }

func nothingActive(context.Context) error { return nil }
