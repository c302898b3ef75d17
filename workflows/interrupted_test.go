package workflows_test

import (
	"fmt"
	"maps"
	"slices"

	"tenant-provisioning/internal/tenant"
)

// interruptedScenarios act while a call is under way: before its effect, and
// between its effect and its answer.
func (c course) interruptedScenarios() []scenario {
	var all []scenario
	for _, call := range slices.Concat([]string{"Claim"}, c.forward()) {
		for _, moment := range []string{"before", "after"} {
			all = append(all, c.interruptedAt(call, moment)...)
		}
	}
	return all
}

func (c course) interruptedAt(call, moment string) []scenario {
	var all []scenario
	add := func(what string, end func(scenario) scenario, do reaction) {
		for first, fault1 := range map[string][]fault{
			"":                    nil,
			" in a plain attempt": {{call: call, times: 1, before: transient}},
		} {
			f := fault{call: call, spared: len(fault1), times: 1}
			s := scenario{name: call + "/" + what + " " + moment + first, arrange: func(r *running) {
				with(fault1...)(r)
				if moment == "before" {
					f.before = r.meanwhile(do)
				} else {
					f.after = r.meanwhile(do)
				}
				with(f)(r)
			}}
			all = append(all, end(s))
		}
	}
	free := func(s scenario) scenario { return s }
	// Then it depends on who is faster.
	activating := c.pivot() != "" && c.stage(call) == c.stage(c.pivot()) || call == "Claim" && c.lifecycle.ClaimIsPivot
	switch {
	case activating:
		add("cancelled", free, cancel)
		add("rolled back by update", free, update(tenant.ActionRollback))
		add("rolled back by signal", free, signal(tenant.ActionRollback))
		add("rolled back by one request", free, repeated(tenant.ActionRollback, "r-1"))
	case slices.Contains(c.after, call):
		add("cancelled", free, cancel) // the mail leaves, or not
		add("rolled back by update", func(s scenario) scenario { return refusing(1, succeeded(s)) }, update(tenant.ActionRollback))
		add("rolled back by signal", succeeded, signal(tenant.ActionRollback))
	default:
		add("cancelled", rolledBackByCancel, cancel)
		add("rolled back by update", rolledBack, update(tenant.ActionRollback))
		add("rolled back by signal", rolledBack, signal(tenant.ActionRollback))
		add("rolled back twice at once", rolledBack, repeated(tenant.ActionRollback, ""))
		add("rolled back twice by one request", rolledBack, repeated(tenant.ActionRollback, "r-1"))
		add("rolled back and cancelled", free, both(update(tenant.ActionRollback), cancel))
	}
	for _, a := range []tenant.Action{tenant.ActionRetry, tenant.ActionSkip} {
		add(string(a)+" asked for", func(s scenario) scenario { return refusing(1, succeeded(s)) }, update(a))
		add(string(a)+" asked for by signal", succeeded, signal(a))
	}
	return all
}

// undoScenarios fail undos, after a step failed for good and, where that takes
// one, a person has decided.
func (c course) undoScenarios() []scenario {
	var all []scenario
	for _, call := range c.before {
		for _, undo := range c.undosOf(call) {
			for _, s := range undoScenariosOf(undo) {
				arrange := s.arrange
				s.name = call + "/rolled back, " + s.name
				s.arrange = func(r *running) {
					c.fail(r, call)
					arrange(r)
				}
				all = append(all, s)
			}
		}
	}
	return all
}

// fail has a call fail for good, and be rolled back.
func (c course) fail(r *running, call string) {
	with(fault{call: call, times: always, before: permanent})(r)
	r.reactions[tenant.StateNeedsAttention] = []reaction{update(tenant.ActionRollback)}
}

func undoScenariosOf(undo string) []scenario {
	var all []scenario
	add := func(what string, f fault, reactions ...reaction) {
		f.call = undo
		all = append(all, rolledBack(scenario{name: undo + " " + what, arrange: func(r *running) {
			with(f)(r)
			r.reactions[tenant.StateRollbackBlocked] = reactions
		}}))
	}
	add("fails a few times", fault{times: 3, before: transient})
	add("is unforeseen a few times", fault{times: 3, before: unforeseen})
	add("its answer lost", fault{times: 3, after: inDoubt})
	add("late", fault{times: 1, before: transient, late: "Move ROLLED_BACK"})
	add("blocked by a permanent failure, until its timer", fault{times: 1, before: permanent})
	add("blocked three times, until its timers", fault{times: 3, before: permanent})
	add("blocked for its budget, until its timer", fault{times: 15, before: transient})
	blocked := fault{times: always, before: permanent}
	for how, act := range map[string]func(tenant.Action) reaction{"update": update, "signal": signal} {
		add("blocked, retried by "+how, blocked, mended(act(tenant.ActionRetry)))
		add("blocked, retried in vain by "+how, blocked, act(tenant.ActionRetry), mended(act(tenant.ActionRetry)))
		add("blocked, skipped by "+how, blocked, act(tenant.ActionSkip))
	}
	add("blocked, retried twice", blocked, mended(repeated(tenant.ActionRetry, "r-1")))
	add("blocked, cancelled in vain", blocked, cancel, mended(update(tenant.ActionRetry)))
	all = append(all, refusing(1, rolledBack(scenario{name: undo + " blocked, rolled back in vain", arrange: func(r *running) {
		f := blocked
		f.call = undo
		with(f)(r)
		r.reactions[tenant.StateRollbackBlocked] = []reaction{update(tenant.ActionRollback), mended(update(tenant.ActionRetry))}
	}})))
	return append(all, interruptedUndos(undo)...)
}

// interruptedUndos act while an undo is under way: nothing stops it.
func interruptedUndos(undo string) []scenario {
	var all []scenario
	for what, do := range map[string]reaction{"cancelled": cancel, "asked to roll back": update(tenant.ActionRollback), "asked to skip": signal(tenant.ActionSkip)} {
		s := rolledBack(scenario{name: undo + " " + what + " meanwhile", arrange: func(r *running) {
			with(fault{call: undo, times: 1, before: r.meanwhile(do)})(r)
		}})
		if what == "asked to roll back" {
			s = refusing(1, s)
		}
		all = append(all, s)
	}
	return all
}

// stateScenarios fail the writes of the operation's state, of the audit log
// and of the steps' log.
func (c course) stateScenarios() []scenario {
	parks := func(call string, reactions ...reaction) func(*running) {
		return func(r *running) {
			with(fault{call: call, times: always, before: transient})(r)
			r.reactions[tenant.StateNeedsAttention] = reactions
		}
	}
	type path struct {
		end     func(scenario) scenario
		arrange func(*running)
		writes  []string
	}
	middle, mail := c.middle(), c.mail()
	paths := map[string]path{"straight": {succeeded, func(*running) {}, []string{"Claim"}}}
	if len(c.before) > 0 {
		maps.Copy(paths, map[string]path{
			"failed":      {rolledBack, func(r *running) { c.fail(r, middle) }, []string{"Claim", "Move ROLLING_BACK", "Move ROLLED_BACK", "RecordFailure"}},
			"retried":     {succeeded, parks(c.pivot(), mended(update(tenant.ActionRetry))), []string{"Move NEEDS_ATTENTION", "Move RUNNING", "AuditRequest"}},
			"rolled back": {rolledBack, parks(middle, update(tenant.ActionRollback)), []string{"Move NEEDS_ATTENTION", "Move ROLLING_BACK", "AuditRequest"}},
			"cancelled":   {rolledBackByCancel, parks(middle, cancel), []string{"Move NEEDS_ATTENTION", "Move ROLLING_BACK", "Move ROLLED_BACK"}},
		})
	}
	if mail != "" {
		goesOn := "Move SUCCEEDED"
		if !c.optional(c.after[len(c.after)-1]) {
			goesOn = "Move RUNNING"
		}
		paths["mail skipped"] = path{mailSkipped, parks(mail, signal(tenant.ActionSkip)), []string{"Move NEEDS_ATTENTION", goesOn, "AuditRequest"}}
		paths["mail in doubt"] = path{mailSkipped, with(fault{call: mail, spared: 1, times: always, before: transient}, fault{call: "SendEmail", times: 1, before: inDoubt}),
			[]string{"LeaveEmail", goesOn}}
	}
	if len(c.back) > 0 {
		last := c.back[len(c.back)-1]
		paths["undo blocked"] = path{rolledBack, func(r *running) {
			c.fail(r, c.pivot())
			with(fault{call: last, times: 1, before: permanent})(r)
		}, []string{"Move ROLLBACK_BLOCKED", "Move ROLLING_BACK", "Move ROLLED_BACK"}}
		paths["undo skipped"] = path{rolledBack, func(r *running) {
			c.fail(r, c.pivot())
			with(fault{call: last, times: always, before: permanent})(r)
			r.reactions[tenant.StateRollbackBlocked] = []reaction{update(tenant.ActionSkip)}
		}, []string{"Move ROLLBACK_BLOCKED", "Move ROLLING_BACK", "Move ROLLED_BACK", "AuditRequest"}}
	}
	if c.failsClosed(middle) {
		paths["told again"] = path{succeeded, parks(middle, wait, mended(update(tenant.ActionRetry))), []string{"Move NEEDS_ATTENTION", "Move RUNNING", "AuditRequest"}}
	}
	if i := slices.IndexFunc(c.forward(), c.skippable); i >= 0 {
		paths["step skipped"] = path{func(s scenario) scenario { return withoutStep(succeeded(s)) },
			parks(c.forward()[i], update(tenant.ActionSkip)), []string{"Move NEEDS_ATTENTION", "Move RUNNING", "AuditRequest"}}
	}
	var all []scenario
	for name, p := range paths {
		for _, write := range p.writes {
			for spared := range 2 {
				for what, f := range map[string]fault{
					"fails":           {times: 4, before: transient},
					"answer lost":     {times: 4, after: inDoubt},
					"cannot be known": {times: 2, before: unforeseen},
				} {
					f.call, f.spared, f.stays = write, spared, true
					all = append(all, p.end(scenario{name: fmt.Sprintf("%s/%s %s after %d", name, write, what, spared), arrange: func(r *running) {
						p.arrange(r)
						with(f)(r)
					}}))
				}
			}
		}
	}
	return all
}
