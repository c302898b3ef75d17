package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"

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

// TestADeadlineThatIsNoticedLateIsPostponed: minutes late is only where nobody was
// there when it ended, so that whoever was to decide may never have been told.
// Here it is late because the parking, which names it, took long to be written.
func TestADeadlineThatIsNoticedLateIsPostponed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		late    time.Duration
		periods int
	}{
		"a minute late":    {late: time.Minute, periods: 1},
		"ten minutes late": {late: 10 * time.Minute, periods: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRunning(t)
			with(fault{call: "Send", times: always, before: beyondTheBudget})(r)
			move := r.model.operationSteps().MoveOperation
			r.env.OnActivity(move, mock.Anything, mock.Anything).Return(move).After(c.late).Once()
			r.env.OnActivity(move, mock.Anything, mock.Anything).Return(move)
			began := r.env.Now()
			requireWhole(t, r, r.run(t))
			require.Equal(t, tenant.StateRolledBack, r.model.operation.State)
			require.WithinDuration(t, began.Add(time.Duration(c.periods)*attentionPeriod), r.env.Now(), time.Hour)
		})
	}
}
