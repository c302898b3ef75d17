package workflows_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

// The calls of the way forward, on both sides of the pivot, and of the way
// back, in their order.
var (
	callsBeforePivot = []string{"CreateSchema", "BeginContract", "Journal", "Send", "StoreContract", "MarkActive"}
	callsAfterPivot  = []string{"BeginEmail", "SendEmail", "CompleteEmail"}
	callsBack        = []string{"Terminate", "ContractTerminated", "DropSchema"}
)

// scenario is one run with what happens to it, and how it must end.
type scenario struct {
	name    string
	arrange func(*running)
	// state is how the operation ends; empty where it depends on who is
	// faster, and only requireWhole holds.
	state  tenant.State
	closes string
	// skipped tells that the mail is given up.
	skipped bool
	// refused counts the updates that are answered by a refusal.
	refused int
}

func rolledBack(s scenario) scenario {
	s.state, s.closes = tenant.StateRolledBack, failed
	return s
}

func rolledBackByCancel(s scenario) scenario {
	s.state, s.closes = tenant.StateRolledBack, canceled
	return s
}

func succeeded(s scenario) scenario {
	s.state, s.closes = tenant.StateSucceeded, completed
	return s
}

func mailSkipped(s scenario) scenario {
	s.skipped = true
	return succeeded(s)
}

func refusing(n int, s scenario) scenario {
	s.refused = n
	return s
}

// stopped is how a failure that nobody can mend ends on the call's side of the
// pivot.
func stopped(call string, s scenario) scenario {
	if slices.Contains(callsAfterPivot, call) {
		return mailSkipped(s)
	}
	return rolledBack(s)
}

// TestEveryFault runs the whole provisioning for every call that it makes and
// every kind of fault, and looks at what is there afterwards.
func TestEveryFault(t *testing.T) {
	t.Parallel()
	var all []scenario
	all = append(all, scenarioWithoutFault())
	all = append(all, forwardScenarios()...)
	all = append(all, lateScenarios()...)
	all = append(all, parkedScenarios()...)
	all = append(all, interruptedScenarios()...)
	all = append(all, undoScenarios()...)
	all = append(all, stateScenarios()...)
	names := map[string]bool{}
	for _, s := range all {
		require.False(t, names[s.name], "two scenarios are called %s", s.name)
		names[s.name] = true
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.check(t)
		})
	}
	t.Logf("%d scenarios", len(all))
}

func (s scenario) check(t *testing.T) {
	t.Helper()
	r := newRunning(t)
	s.arrange(r)
	err := r.run(t)
	defer func() {
		if t.Failed() {
			t.Logf("calls: %v", r.model.calls)
			t.Logf("audits: %+v", r.model.audits)
		}
	}()
	requireWhole(t, r, err)
	refused := 0
	for _, a := range r.answers {
		if a.err != nil {
			refused++
		}
	}
	require.Equal(t, s.refused, refused, "answers: %+v", r.answers)
	if s.state == "" {
		return
	}
	require.Equal(t, s.state, r.model.operation.State)
	require.Equal(t, s.closes, closing(err))
	require.Equal(t, s.skipped, r.model.has(tenant.StepSendWelcomeEmail, tenant.StepSkipped))
}

func scenarioWithoutFault() scenario {
	return succeeded(scenario{name: "no fault", arrange: func(*running) {}})
}

// with arranges faults.
func with(faults ...fault) func(*running) {
	return func(r *running) {
		for _, f := range faults {
			r.model.faults = append(r.model.faults, &f)
		}
	}
}

type failure = func(context.Context) error

// forwardScenarios fail calls of the way forward, without anybody doing
// anything about it.
func forwardScenarios() []scenario {
	var all []scenario
	for _, call := range slices.Concat(callsBeforePivot, callsAfterPivot) {
		add := func(what string, f fault, end func(scenario) scenario) {
			f.call = call
			all = append(all, end(scenario{name: call + "/" + what, arrange: with(f)}))
		}
		stop := func(s scenario) scenario { return stopped(call, s) }
		add("permanent before its effect", fault{times: always, before: permanent}, stop)
		for kind, fails := range map[string]failure{"transient": transient, "unforeseen": unforeseen, "in doubt": inDoubt} {
			add(kind+" once", fault{times: 1, before: fails}, succeeded)
			add(kind+" three times", fault{times: 3, before: fails}, succeeded)
		}
		add("its answer lost once", fault{times: 1, after: inDoubt}, succeeded)
		add("its answer lost three times", fault{times: 3, after: inDoubt}, succeeded)
		add("its answer lost and unforeseen", fault{times: 2, after: unforeseen}, succeeded)
		// What did happen is found to have, by the next attempt or at the end.
		failed, lost := stop, succeeded
		switch call {
		case "MarkActive", "CompleteEmail":
			failed = succeeded
		case "CreateSchema", "BeginContract", "Journal", "Send", "BeginEmail":
			lost = stop
		}
		add("permanent after its effect", fault{times: always, after: permanent}, failed)
		add("its answer always lost", fault{times: always, after: inDoubt}, lost)
	}
	return all
}

// lateScenarios give an attempt up that has its effect later: before some
// other call, or when all is over.
func lateScenarios() []scenario {
	var all []scenario
	forward := slices.Concat(callsBeforePivot, callsAfterPivot)
	for i, call := range forward {
		if call == "SendEmail" {
			continue // the provider then says that it may only not be visible yet
		}
		for _, moment := range slices.Concat([]string{"RecordFailure", "the end"}, forward[i:]) {
			all = append(all, succeeded(scenario{
				name:    call + "/late, before " + moment,
				arrange: with(fault{call: call, times: 1, before: transient, late: moment}),
			}))
		}
		back := slices.Concat([]string{"RecordFailure", call, "Move NEEDS_ATTENTION", "Move ROLLING_BACK", "the end"}, callsBack, []string{"Move ROLLED_BACK", "Move SUCCEEDED"})
		for _, moment := range back {
			all = append(all, scenario{
				name: call + "/late and then permanent, before " + moment,
				arrange: with(
					fault{call: call, times: 1, before: transient, late: moment},
					fault{call: call, spared: 1, times: always, before: permanent},
				),
			})
		}
	}
	return all
}

// mended lets the cause of all trouble go away, then acts.
func mended(do reaction) reaction {
	return func(r *running) {
		r.model.mend()
		do(r)
	}
}

func update(a tenant.Action) reaction { return func(r *running) { r.update(a, "") } }
func signal(a tenant.Action) reaction { return func(r *running) { r.signal(a, "") } }
func cancel(r *running)               { r.env.CancelWorkflow() }

// both do one thing and then the other, at the same time.
func both(one, other reaction) reaction {
	return func(r *running) { one(r); other(r) }
}

func repeated(a tenant.Action, requestID string) reaction {
	return both(func(r *running) { r.update(a, requestID) }, func(r *running) { r.update(a, requestID) })
}

// parkedScenarios use up the budget of every step and then decide.
func parkedScenarios() []scenario {
	var all []scenario
	for _, call := range slices.Concat(callsBeforePivot, callsAfterPivot) {
		pre := slices.Contains(callsBeforePivot, call)
		stop := func(s scenario) scenario { return stopped(call, s) }
		add := func(what string, end func(scenario) scenario, reactions ...reaction) {
			all = append(all, end(scenario{name: call + "/parked, " + what, arrange: func(r *running) {
				with(fault{call: call, times: always, before: transient})(r)
				r.reactions[tenant.StateNeedsAttention] = reactions
			}}))
		}
		add("until its deadline", stop)
		add("retried in vain", stop, update(tenant.ActionRetry))
		for how, act := range map[string]func(tenant.Action) reaction{"update": update, "signal": signal} {
			add("retried by "+how, succeeded, mended(act(tenant.ActionRetry)))
			add("retried in vain, then mended by "+how, succeeded, act(tenant.ActionRetry), mended(act(tenant.ActionRetry)))
			add("given up by "+how, stop, act(giveUp(pre)))
			add("mended, then given up by "+how, stop, mended(act(giveUp(pre))))
		}
		add("retried twice at once", succeeded, mended(repeated(tenant.ActionRetry, "")))
		add("retried twice by one request", succeeded, mended(repeated(tenant.ActionRetry, "r-1")))
		add("the same request after it was done", stop, func(r *running) { r.update(tenant.ActionRetry, "r-1") }, func(r *running) { r.update(tenant.ActionRetry, "r-1") })
		add("given up twice at once", stop, repeated(giveUp(pre), "r-1"))
		add("both retried and given up", func(s scenario) scenario { return refusing(1, succeeded(s)) }, mended(both(update(tenant.ActionRetry), update(giveUp(pre)))))
		add("what is not allowed", func(s scenario) scenario { return refusing(1, stop(s)) }, update(giveUp(!pre)))
		byCancel := mailSkipped
		if pre {
			byCancel = rolledBackByCancel
		}
		add("cancelled", byCancel, cancel)
		add("retried and cancelled at once", func(s scenario) scenario { return s }, mended(both(update(tenant.ActionRetry), cancel)))
	}
	return all
}

// giveUp is the action that ends a parked operation on its side of the pivot.
func giveUp(beforePivot bool) tenant.Action {
	if beforePivot {
		return tenant.ActionRollback
	}
	return tenant.ActionSkip
}
