package workflows_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"tenant-provisioning/internal/tenant"
)

// shape is a course that a run can take; its history is recorded. A change of
// the workflow's code must be able to go on with runs of every shape.
type shape struct {
	name    string
	arrange func(*served)
	state   tenant.State
	closes  string
	of      course
}

// shapes lists those of every kind.
func shapes(t *testing.T) []shape {
	t.Helper()
	var all []shape
	ofKind := map[tenant.Kind]bool{}
	for _, c := range courses(t) {
		list := c.shapes()
		switch {
		case c.kind == tenant.KindProvision:
			list = provisioningShapes()
		case ofKind[c.kind]: // another way of the same kind has fewer stages, and no others
			list = list[:1]
			list[0].name += "-" + strings.ToLower(string(c.from)+"-"+string(c.to))
		}
		for i := range list {
			list[i].of = c
		}
		ofKind[c.kind] = true
		all = append(all, list...)
	}
	return all
}

// fails arranges faults, and reacting what people do about them.
func fails(faults ...fault) func(*served) {
	return func(s *served) {
		for _, f := range faults {
			s.model.faults = append(s.model.faults, &f)
		}
	}
}

func reacting(faults func(*served), to tenant.State, acts ...act) func(*served) {
	return func(s *served) {
		faults(s)
		s.reactions[to] = acts
	}
}

// shapes are the main ones of any kind, the one without trouble first.
func (c course) shapes() []shape {
	middle := c.middle()
	stuck := fails(fault{call: middle, times: always, before: beyondTheBudget})
	hopeless := fails(fault{call: c.pivot(), times: always, before: permanent})
	noMail := fails(fault{call: "SendEmail", times: always, before: permanent})
	attention := tenant.StateNeedsAttention
	all := []shape{
		{name: "success", arrange: func(*served) {}, state: tenant.StateSucceeded, closes: completed},
		{name: "parked-retried", arrange: reacting(stuck, attention, afterMending(updated(tenant.ActionRetry))), state: tenant.StateSucceeded, closes: completed},
	}
	if len(c.before) > 0 {
		all = append(all,
			shape{name: "parked-cancelled", arrange: reacting(stuck, attention, cancelled), state: tenant.StateRolledBack, closes: canceled},
			shape{name: "rolled-back", arrange: reacting(hopeless, attention, updated(tenant.ActionRollback)), state: tenant.StateRolledBack, closes: failed})
	}
	if c.mail() != "" {
		all = append(all,
			shape{name: "mail-skipped", arrange: reacting(noMail, attention, signalled(tenant.ActionSkip)), state: tenant.StateSucceeded, closes: completed},
			shape{name: "taken-over-mail", arrange: reacting(noMail, attention, afterMending(terminated)), state: tenant.StateSucceeded, closes: completed})
	}
	takenOver := shape{name: "taken-over", arrange: reacting(stuck, attention, afterMending(terminated)), state: tenant.StateRolledBack, closes: failed}
	if c.failsClosed(middle) {
		takenOver.state, takenOver.closes = tenant.StateSucceeded, completed
		all = append(all, shape{name: "told-again", arrange: func(s *served) {
			reacting(stuck, attention, nothing, afterMending(updated(tenant.ActionRetry)))(s)
			s.input.AttentionPeriod = time.Second
		}, state: tenant.StateSucceeded, closes: completed})
	}
	if skippable := slices.IndexFunc(c.forward(), c.skippable); skippable >= 0 {
		call := c.forward()[skippable]
		if c.skippable(middle) {
			call = middle
		}
		stuck := fails(fault{call: call, times: always, before: beyondTheBudget})
		all = append(all, shape{name: "step-skipped", arrange: reacting(stuck, attention, updated(tenant.ActionSkip)), state: tenant.StateSucceeded, closes: completed})
	}
	all = append(all, takenOver)
	for i := range all {
		all[i].name = string(c.kind) + "-" + all[i].name
	}
	return all
}

func nothing(context.Context, *served) error { return nil }

func provisioningShapes() []shape {
	stopping := func(what act) func(*served) {
		return func(s *served) {
			fails(fault{call: "Send", times: 1, before: s.untilStopped(what)})(s)
		}
	}
	noContract := fails(fault{call: "StoreContract", times: always, before: beyondTheBudget})
	activeInDoubt := fails(fault{call: "MarkActive", times: always, after: beyondTheBudget})
	noMail := fails(fault{call: "SendEmail", times: always, before: permanent})
	noUndo := fails(fault{call: "Journal", times: always, before: permanent}, fault{call: "DropSchema", times: always, before: permanent})
	return []shape{
		{"success", func(*served) {}, tenant.StateSucceeded, completed, course{}},
		{"retry", fails(fault{call: "CreateSchema", times: 3, before: transient}, fault{call: "Send", times: 1, after: inDoubt}, fault{call: "SendEmail", times: 1, after: inDoubt}), tenant.StateSucceeded, completed, course{}},
		{"failed", fails(fault{call: "Send", times: always, before: permanent}), tenant.StateRolledBack, failed, course{}},
		{"parked-retried", reacting(noContract, tenant.StateNeedsAttention, afterMending(updated(tenant.ActionRetry))), tenant.StateSucceeded, completed, course{}},
		{"parked-rolled-back", reacting(noContract, tenant.StateNeedsAttention, signalled(tenant.ActionRollback)), tenant.StateRolledBack, failed, course{}},
		{"parked-deadline", func(s *served) { noContract(s); s.input.AttentionPeriod = time.Second }, tenant.StateRolledBack, failed, course{}},
		{"parked-cancelled", reacting(noContract, tenant.StateNeedsAttention, cancelled), tenant.StateRolledBack, canceled, course{}},
		{"mail-skipped", reacting(noMail, tenant.StateNeedsAttention, signalled(tenant.ActionSkip)), tenant.StateSucceeded, completed, course{}},
		{"mail-retried", reacting(noMail, tenant.StateNeedsAttention, oneAfterTheOther(refused(updated(tenant.ActionRollback)), afterMending(updated(tenant.ActionRetry)))), tenant.StateSucceeded, completed, course{}},
		{"mail-cancelled", reacting(noMail, tenant.StateNeedsAttention, cancelled), tenant.StateSucceeded, completed, course{}},
		{"rolled-back", stopping(updated(tenant.ActionRollback)), tenant.StateRolledBack, failed, course{}},
		{"cancelled", stopping(cancelled), tenant.StateRolledBack, canceled, course{}},
		{"undo-retried", reacting(noUndo, tenant.StateRollbackBlocked, afterMending(updated(tenant.ActionRetry))), tenant.StateRolledBack, failed, course{}},
		{"undo-skipped", reacting(noUndo, tenant.StateRollbackBlocked, updated(tenant.ActionSkip)), tenant.StateRolledBack, failed, course{}},
		{"reset", reacting(noContract, tenant.StateNeedsAttention, afterMending(reset)), tenant.StateSucceeded, completed, course{}},
		{"reset-mail", reacting(noMail, tenant.StateNeedsAttention, afterMending(reset)), tenant.StateSucceeded, completed, course{}},
		{"taken-over", reacting(noContract, tenant.StateNeedsAttention, afterMending(terminated)), tenant.StateRolledBack, failed, course{}},
		{"taken-over-mail", reacting(noMail, tenant.StateNeedsAttention, afterMending(terminated)), tenant.StateSucceeded, completed, course{}},
		{"signals-lost", reacting(noContract, tenant.StateNeedsAttention, oneAfterTheOther(
			sent(string(tenant.ActionRollback), "not even an object"), sent("rollbak", nil), sent(string(tenant.ActionRetry), nil),
			afterMending(signalled(tenant.ActionRetry)))), tenant.StateSucceeded, completed, course{}},
		{"active-in-doubt", activeInDoubt, tenant.StateSucceeded, completed, course{}},
	}
}
