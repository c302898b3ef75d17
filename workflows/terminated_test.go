package workflows_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

// TestARunThatIsTerminatedAnywhere: at every call of every course, before its
// effect and after it, the run is terminated and its operation is given to
// another. What the first one has under way goes on and comes too late.
func TestARunThatIsTerminatedAnywhere(t *testing.T) {
	t.Parallel()
	courses := map[string]struct {
		calls   []string
		arrange func(*running)
	}{
		"straight": {slices.Concat(callsBeforePivot, []string{"BeginEmail", "SendEmail"}), func(*running) {}},
		"parked": {[]string{"RecordFailure", "Move NEEDS_ATTENTION", "Move RUNNING", "StoreContract", "MarkActive"}, func(r *running) {
			with(fault{call: "Send", times: 10, before: transient})(r) // as often as the test environment tries
			r.reactions[tenant.StateNeedsAttention] = []reaction{update(tenant.ActionRetry)}
		}},
		"failed": {slices.Concat([]string{"Move ROLLING_BACK"}, callsBack), func(r *running) {
			with(fault{call: "MarkActive", times: always, before: permanent})(r)
		}},
		"blocked": {[]string{"Move ROLLBACK_BLOCKED", "Move ROLLING_BACK"}, func(r *running) {
			with(fault{call: "Send", times: always, before: permanent}, fault{call: "DropSchema", times: 3, before: permanent})(r)
		}},
	}
	for name, c := range courses {
		for _, call := range c.calls {
			for _, moment := range []string{"before", "after"} {
				t.Run(name+"/"+moment+" "+call, func(t *testing.T) {
					t.Parallel()
					first := newRunning(t)
					first.terminateAt(call, moment)
					c.arrange(first)
					require.Equal(t, completed, closing(first.run(t)), "what is left of it ends quietly")
					m := first.model
					require.Equal(t, nextRun, m.operation.RunID)
					m.mend()
					second := runningOn(t, m, nextRun)
					requireWhole(t, second, second.run(t))
					require.Equal(t, m.operation.PivotPassed, m.operation.State == tenant.StateSucceeded)
				})
			}
		}
	}
}

const nextRun = "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f44"

// terminateAt gives the operation to another run.
func (r *running) terminateAt(call, moment string) {
	m := r.model
	terminate := func(context.Context) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.operation.RunID, m.takenOver = nextRun, true
		return nil
	}
	f := &fault{call: call, times: 1, before: terminate}
	if moment == "after" {
		f.before, f.after = nil, terminate
	}
	m.faults = append(m.faults, f)
}
