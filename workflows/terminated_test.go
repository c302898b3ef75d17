package workflows_test

import (
	"context"
	"fmt"
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
	n := 0
	for _, c := range courses(t) {
		for _, s := range c.interruptions() {
			for _, call := range s.calls {
				for _, moment := range []string{"before", "after"} {
					if moment == "after" && call == c.ends {
						continue // then there is nothing to take over
					}
					n++
					t.Run(fmt.Sprintf("%s/%s/%s %s", c, s.name, moment, call), func(t *testing.T) {
						t.Parallel()
						first := c.running(t)
						first.terminateAt(call, moment)
						s.arrange(first)
						require.Equal(t, completed, closing(first.run(t)), "what is left of it ends quietly")
						m, left := first.model, first.model.operation
						require.Equal(t, nextRun, m.operation.RunID)
						m.faults, m.told = nil, 0
						skipped := slices.DeleteFunc(slices.Clone(m.log), func(row logRow) bool { return row.Status != tenant.StepSkipped })
						second := runningOn(t, m, nextRun)
						requireWhole(t, second, second.run(t))
						for _, row := range skipped {
							require.False(t, m.has(row.Step, tenant.StepCompleted), "%s was skipped for good", row.Step)
						}
						want := tenant.StateRolledBack
						if left.PivotPassed || c.lifecycle.FailsClosed && (left.State == tenant.StateRunning || left.State == tenant.StateNeedsAttention) {
							want = tenant.StateSucceeded
						}
						require.Equal(t, want, m.operation.State, "it was %s", left.State)
					})
				}
			}
		}
	}
	t.Logf("%d terminations", n)
}

// interrupted is a course with trouble on it, and the calls at which the run is
// terminated.
type interrupted struct {
	name    string
	calls   []string
	arrange func(*running)
}

func (c course) interruptions() []interrupted {
	stuck := c.middle()
	rest := c.forward()[slices.Index(c.forward(), stuck):]
	all := []interrupted{
		{"straight", c.forward(), func(*running) {}},
		{"parked", slices.Concat([]string{"RecordFailure", "Move NEEDS_ATTENTION", "Move RUNNING"}, rest[1:max(1, len(rest)-1)]), func(r *running) {
			with(fault{call: stuck, times: always, before: transient})(r)
			r.reactions[tenant.StateNeedsAttention] = []reaction{mended(update(tenant.ActionRetry))}
		}},
	}
	if i := slices.IndexFunc(c.forward(), c.skippable); i >= 0 {
		skipped := c.forward()[i]
		later := slices.DeleteFunc(slices.Clone(c.after), func(call string) bool { return c.stage(call) <= c.stage(skipped) })
		all = append(all, interrupted{"skipped", append([]string{"Move RUNNING"}, later...), func(r *running) {
			with(fault{call: skipped, times: always, before: transient})(r)
			r.reactions[tenant.StateNeedsAttention] = []reaction{update(tenant.ActionSkip)}
		}})
	}
	if mail := c.mail(); mail != "" && !c.optional(c.after[len(c.after)-1]) {
		later := slices.DeleteFunc(slices.Clone(c.after), func(call string) bool { return c.stage(call) <= c.stage(mail) })
		all = append(all, interrupted{"mail skipped", append([]string{"Move RUNNING"}, later...), func(r *running) {
			with(fault{call: mail, times: always, before: permanent})(r)
			r.reactions[tenant.StateNeedsAttention] = []reaction{update(tenant.ActionSkip)}
		}})
	}
	if len(c.before) == 0 {
		return all
	}
	all = append(all,
		interrupted{"failed", slices.Concat([]string{"Move ROLLING_BACK"}, c.back), func(r *running) { c.fail(r, c.pivot()) }},
	)
	if len(c.back) > 0 {
		all = append(all, interrupted{"blocked", []string{"Move ROLLBACK_BLOCKED", "Move ROLLING_BACK"}, func(r *running) {
			c.fail(r, c.pivot())
			with(fault{call: c.back[len(c.back)-1], times: 3, before: permanent})(r)
		}})
	}
	return all
}

// TestTheNextRunUndoesWhatTheFirstHasDone: one that goes on repeats the steps from the
// first, and may be rolled back before it has come as far as the run before it.
func TestTheNextRunUndoesWhatTheFirstHasDone(t *testing.T) {
	t.Parallel()
	for _, c := range courses(t) {
		if !c.lifecycle.FailsClosed {
			continue
		}
		for _, call := range c.before {
			for _, stuck := range c.before {
				t.Run(c.String()+"/"+call+"/"+stuck, func(t *testing.T) {
					t.Parallel()
					first := c.running(t)
					first.terminateAt(call, "before")
					require.Equal(t, completed, closing(first.run(t)))
					first.model.faults = nil
					second := runningOn(t, first.model, nextRun)
					with(fault{call: stuck, times: always, before: transient})(second)
					second.rollsBackByPlan()
					requireWhole(t, second, second.run(t))
					if second.model.operation.State != tenant.StateSucceeded { // as where the call was not made again
						require.Equal(t, []answer{{action: tenant.ActionRollback}}, second.answers, "the run has another plan")
					}
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
	f := &fault{call: call, times: 1, before: terminate, stays: true}
	if moment == "after" {
		f.before, f.after = nil, terminate
	}
	m.faults = append(m.faults, f)
}
