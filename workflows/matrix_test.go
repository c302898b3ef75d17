package workflows_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

// scenario is one run with what happens to it, and how it must end.
type scenario struct {
	name    string
	arrange func(*running)
	// state is how the operation ends; empty where it depends on who is
	// faster, and only requireWhole holds.
	state  tenant.State
	closes string
	// skipped tells that the mail is given up, and without that a step is which an
	// operation that is whole has done.
	skipped, without bool
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

// withoutStep has skipped what the operation is not whole without.
func withoutStep(s scenario) scenario {
	s.without = true
	return s
}

func refusing(n int, s scenario) scenario {
	s.refused = n
	return s
}

// stopped is how a failure that nobody can mend ends: before the pivot it is undone,
// be it by a person who is told again, and after it what is optional is given up.
func (c course) stopped(call string) func(scenario) scenario {
	if c.isBefore(call) {
		return rolledBack
	}
	if c.lifecycle.Stages[c.stage(call)].Optional {
		return mailSkipped
	}
	return succeeded
}

// scenarios are all that can happen on a course.
func (c course) scenarios() []scenario {
	all := []scenario{scenarioWithoutFault()}
	all = append(all, c.forwardScenarios()...)
	all = append(all, c.lateScenarios()...)
	all = append(all, c.parkedScenarios()...)
	all = append(all, c.skippedScenarios()...)
	all = append(all, c.interruptedScenarios()...)
	all = append(all, c.undoScenarios()...)
	return append(all, c.stateScenarios()...)
}

// TestEveryFault runs operations of every kind for every call that they make and
// every kind of fault, and looks at what is there afterwards.
func TestEveryFault(t *testing.T) {
	t.Parallel()
	n := 0
	for _, c := range courses(t) {
		all := c.scenarios()
		names := map[string]bool{}
		for _, s := range all {
			require.False(t, names[s.name], "two scenarios are called %s", s.name)
			names[s.name] = true
		}
		n += len(all)
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			for _, s := range all {
				t.Run(s.name, func(t *testing.T) {
					t.Parallel()
					s.check(t, c)
				})
			}
		})
		t.Logf("%d scenarios of %s", len(all), c)
	}
	t.Logf("%d scenarios", n)
}

func (s scenario) check(t *testing.T, c course) {
	t.Helper()
	r := c.running(t)
	s.arrange(r)
	err := r.run(t)
	defer func() {
		if t.Failed() {
			t.Logf("calls: %v", r.model.sites)
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
	require.Equal(t, s.skipped, r.model.hasSkippedOptional())
	require.Equal(t, s.without, r.model.hasSkippedMust())
}

// hasSkippedOptional reports that a step was given up without which the operation
// can succeed, and hasSkippedMust one without which it is not whole.
func (m *model) hasSkippedOptional() bool {
	return m.hasSkipped(func(s tenant.Stage) bool { return s.Optional })
}
func (m *model) hasSkippedMust() bool {
	return m.hasSkipped(func(s tenant.Stage) bool { return !s.Optional })
}

func (m *model) hasSkipped(which func(tenant.Stage) bool) bool {
	return slices.ContainsFunc(m.operation.Lifecycle().Stages, func(s tenant.Stage) bool {
		return which(s) && slices.ContainsFunc(s.Covers, func(step tenant.Step) bool { return m.has(step, tenant.StepSkipped) })
	})
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
// anything about it before people are told again.
func (c course) forwardScenarios() []scenario {
	var all []scenario
	for _, call := range c.forward() {
		add := func(what string, f fault, end func(scenario) scenario) {
			f.call = call
			all = append(all, end(scenario{name: call + "/" + what, arrange: with(f)}))
		}
		stop := c.stopped(call)
		add("permanent before its effect", fault{times: always, before: permanent}, stop)
		for kind, fails := range map[string]failure{"transient": transient, "unforeseen": unforeseen, "in doubt": inDoubt} {
			add(kind+" once", fault{times: 1, before: fails}, succeeded)
			add(kind+" three times", fault{times: 3, before: fails}, succeeded)
		}
		add("its answer lost once", fault{times: 1, after: inDoubt}, succeeded)
		add("its answer lost three times", fault{times: 3, after: inDoubt}, succeeded)
		add("its answer lost and unforeseen", fault{times: 2, after: unforeseen}, succeeded)
		// What did happen is found to have, by the next attempt or at the end.
		failed, lost := stop, stop
		if call == c.pivot() || call == c.ends {
			failed, lost = succeeded, succeeded
		} else if c.once[call] {
			lost = succeeded
		}
		add("permanent after its effect", fault{times: always, after: permanent}, failed)
		add("its answer always lost", fault{times: always, after: inDoubt}, lost)
	}
	return all
}

// name is a call's, without the activity's.
func name(call string) string { return call[strings.Index(call, ".")+1:] }

// lateScenarios give an attempt up that has its effect later: before some
// other call, or when all is over.
func (c course) lateScenarios() []scenario {
	var all []scenario
	forward := c.forward()
	for i, call := range forward {
		if name(call) == "SendEmail" {
			continue // the provider then says that it may only not be visible yet
		}
		for _, moment := range slices.Concat([]string{"RecordFailure", "the end"}, forward[i:]) {
			all = append(all, succeeded(scenario{
				name:    call + "/late, before " + moment,
				arrange: with(fault{call: call, times: 1, before: transient, late: moment}),
			}))
		}
		back := slices.Concat([]string{"RecordFailure", call, "Move NEEDS_ATTENTION", "Move ROLLING_BACK", "the end"}, c.back, []string{"Move ROLLED_BACK", "Move SUCCEEDED"})
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
func (c course) parkedScenarios() []scenario {
	var all []scenario
	for _, call := range c.forward() {
		pre := c.isBefore(call)
		stop, given := c.stopped(call), c.givenUp(call)
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
			if given != nil {
				add("given up by "+how, given, act(giveUp(pre)))
				add("mended, then given up by "+how, given, mended(act(giveUp(pre))))
			}
		}
		add("retried twice at once", succeeded, mended(repeated(tenant.ActionRetry, "")))
		add("retried twice by one request", succeeded, mended(repeated(tenant.ActionRetry, "r-1")))
		add("the same request after it was done", stop, func(r *running) { r.update(tenant.ActionRetry, "r-1") }, func(r *running) { r.update(tenant.ActionRetry, "r-1") })
		if given != nil {
			add("given up twice at once", given, repeated(giveUp(pre), "r-1"))
		} else {
			add("given up in vain", func(s scenario) scenario { return refusing(1, stop(s)) }, update(giveUp(pre)))
		}
		add("both retried and given up", func(s scenario) scenario { return refusing(1, succeeded(s)) }, mended(both(update(tenant.ActionRetry), update(giveUp(pre)))))
		if !pre || !c.skippable(call) {
			add("what is not allowed", func(s scenario) scenario { return refusing(1, stop(s)) }, update(giveUp(!pre)))
		}
		byCancel := mailSkipped
		switch {
		case pre:
			byCancel = rolledBackByCancel
		case c.mail() == "" || c.inOrder(c.mail(), call) && !c.optional(call): // what must be done takes no notice of it
			byCancel = succeeded
		}
		add("cancelled", byCancel, cancel)
		add("retried and cancelled at once", func(s scenario) scenario { return s }, mended(both(update(tenant.ActionRetry), cancel)))
		if c.failsClosed(call) {
			add("told again and retried", succeeded, wait, mended(update(tenant.ActionRetry)))
			add("told again and again, and retried", succeeded, wait, wait, wait, mended(signal(tenant.ActionRetry)))
			add("told again and cancelled", byCancel, wait, cancel)
			add("retried in vain, told again and retried", succeeded, update(tenant.ActionRetry), wait, mended(update(tenant.ActionRetry)))
		}
	}
	return all
}

// wait decides nothing.
func wait(*running) {}

// skippedScenarios park before the pivot where the step may be skipped all the
// same: the next one is done then, and a rollback undoes what is half done.
func (c course) skippedScenarios() []scenario {
	var all []scenario
	skip := tenant.ActionSkip
	done := func(s scenario) scenario { return withoutStep(succeeded(s)) }
	undone := func(s scenario) scenario { return withoutStep(rolledBack(s)) }
	for _, call := range slices.DeleteFunc(c.forward(), func(call string) bool { return !c.skippable(call) }) {
		for what, faults := range map[string]fault{
			"parked":      {times: always, before: transient},
			"permanent":   {times: always, before: permanent},
			"answer lost": {times: always, after: inDoubt},
		} {
			if what == "answer lost" && c.once[call] {
				continue
			}
			add := func(how string, end func(scenario) scenario, reactions ...reaction) {
				faults.call = call
				all = append(all, end(scenario{name: call + "/" + what + ", " + how, arrange: func(r *running) {
					with(faults)(r)
					r.reactions[tenant.StateNeedsAttention] = reactions
				}}))
			}
			if what == "permanent" && !c.failsClosed(call) {
				continue // it is undone at once
			}
			add("skipped by update", done, update(skip))
			add("skipped by signal", done, signal(skip))
			add("mended and skipped", done, mended(update(skip)))
			add("skipped twice", done, repeated(skip, ""))
			add("skipped twice by one request", done, repeated(skip, "r-1"))
			add("retried in vain and skipped", done, update(tenant.ActionRetry), update(skip))
			add("both skipped and retried", func(s scenario) scenario { return refusing(1, done(s)) }, both(update(skip), update(tenant.ActionRetry)))
			add("both skipped and rolled back", func(s scenario) scenario { return refusing(1, done(s)) }, both(update(skip), update(tenant.ActionRollback)))
			add("both skipped and cancelled", func(s scenario) scenario { return s }, both(update(skip), cancel))
			if mail := c.mail(); mail != "" {
				mailToo := func(r *running) {
					r.model.mend()
					with(fault{call: mail, times: always, before: permanent})(r)
					r.update(skip, "")
				}
				add("skipped, then the mail as well", func(s scenario) scenario { return withoutStep(mailSkipped(s)) }, mailToo, update(skip))
				add("skipped, then the mail is mended", done, mailToo, mended(update(tenant.ActionRetry)))
				add("skipped, then the mail is cancelled", func(s scenario) scenario { return withoutStep(mailSkipped(s)) }, mailToo, cancel)
			}
			if !c.isBefore(call) {
				continue
			}
			thenStuck := func(r *running) {
				r.model.mend()
				with(fault{call: c.pivot(), times: always, before: transient})(r)
				r.update(skip, "")
			}
			add("skipped, then rolled back", undone, thenStuck, update(tenant.ActionRollback))
			add("skipped, then cancelled", func(s scenario) scenario { return withoutStep(rolledBackByCancel(s)) }, thenStuck, cancel)
			add("skipped, then retried", done, thenStuck, mended(update(tenant.ActionRetry)))
			add("skipped, then until its deadline", undone, thenStuck)
			add("skipped, then skipped in vain", func(s scenario) scenario { return refusing(1, undone(s)) }, thenStuck, update(skip))
		}
	}
	return all
}

// givenUp is how an operation ends whose parked step a person gives up; nil where
// the step has to be done.
func (c course) givenUp(call string) func(scenario) scenario {
	switch {
	case c.isBefore(call), c.optional(call):
		return c.stopped(call)
	case c.skippable(call):
		return func(s scenario) scenario { return withoutStep(succeeded(s)) }
	}
	return nil
}

// giveUp is the action that ends a parked operation on its side of the pivot.
func giveUp(beforePivot bool) tenant.Action {
	if beforePivot {
		return tenant.ActionRollback
	}
	return tenant.ActionSkip
}
