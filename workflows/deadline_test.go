package workflows_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"tenant-provisioning/internal/tenant"
)

// TestADeadlineInAnIncidentIsPostponed: nobody can decide anything sensible while
// what the step needs is away for everybody. Afterwards there is the whole time
// again.
func TestADeadlineInAnIncidentIsPostponed(t *testing.T) {
	t.Parallel()
	r := newRunning(t)
	with(fault{call: "Send", times: always, before: beyondTheBudget})(r)
	var parked time.Time
	r.reactions[tenant.StateNeedsAttention] = []reaction{func(r *running) {
		parked = r.env.Now()
		r.incident(true)
		r.env.RegisterDelayedCallback(func() { r.incident(false) }, attentionPeriod*3/2)
		r.env.RegisterDelayedCallback(func() {
			require.Equal(t, tenant.StateNeedsAttention, r.status(t).State)
			require.WithinDuration(t, parked.Add(2*attentionPeriod), r.status(t).Deadline, thinking)
		}, attentionPeriod*7/4)
	}}
	requireWhole(t, r, r.run(t))
	require.Equal(t, tenant.StateRolledBack, r.model.operation.State)
	require.WithinDuration(t, parked.Add(2*attentionPeriod), r.env.Now(), time.Hour)
}

// TestAPostponedDeadlineCanBeDecided as any other.
func TestAPostponedDeadlineCanBeDecided(t *testing.T) {
	t.Parallel()
	for _, a := range []tenant.Action{tenant.ActionRetry, tenant.ActionRollback} {
		r := newRunning(t)
		with(fault{call: "Send", times: always, before: beyondTheBudget})(r)
		r.reactions[tenant.StateNeedsAttention] = []reaction{func(r *running) {
			r.incident(true)
			r.env.RegisterDelayedCallback(func() {
				r.incident(false)
				mended(update(a))(r)
			}, attentionPeriod*3/2)
		}}
		requireWhole(t, r, r.run(t))
		require.Equal(t, a == tenant.ActionRetry, r.model.operation.State == tenant.StateSucceeded)
	}
}

// TestADeadlineThatEndedWithoutAWorkerIsPostponed: whoever was to decide may
// never have been told. It is the history of a run whose deadline has passed,
// where the worker came back later than it did.
func TestADeadlineThatEndedWithoutAWorkerIsPostponed(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(histories, "parked-deadline.json"))
	require.NoError(t, err)
	replay := func(late time.Duration) error {
		var history historypb.History
		require.NoError(t, temporalproto.CustomJSONUnmarshalOptions{}.Unmarshal(text, &history))
		fired := false
		for _, event := range history.GetEvents() {
			if fired {
				event.EventTime = timestamppb.New(event.GetEventTime().AsTime().Add(late))
			}
			fired = fired || event.GetEventType() == enumspb.EVENT_TYPE_TIMER_FIRED
		}
		require.True(t, fired)
		return replayer().ReplayWorkflowHistory(nil, &history)
	}
	require.NoError(t, replay(time.Minute))
	require.Error(t, replay(time.Hour), "it asks nobody, and writes another deadline")
}
