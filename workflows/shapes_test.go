package workflows_test

import (
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
}

func shapes() []shape {
	fails := func(faults ...fault) func(*served) {
		return func(s *served) {
			for _, f := range faults {
				s.model.faults = append(s.model.faults, &f)
			}
		}
	}
	reacting := func(faults func(*served), to tenant.State, acts ...act) func(*served) {
		return func(s *served) {
			faults(s)
			s.reactions[to] = acts
		}
	}
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
		{"success", func(*served) {}, tenant.StateSucceeded, completed},
		{"retry", fails(fault{call: "CreateSchema", times: 3, before: transient}, fault{call: "Send", times: 1, after: inDoubt}, fault{call: "SendEmail", times: 1, after: inDoubt}), tenant.StateSucceeded, completed},
		{"failed", fails(fault{call: "Send", times: always, before: permanent}), tenant.StateRolledBack, failed},
		{"parked-retried", reacting(noContract, tenant.StateNeedsAttention, afterMending(updated(tenant.ActionRetry))), tenant.StateSucceeded, completed},
		{"parked-rolled-back", reacting(noContract, tenant.StateNeedsAttention, signalled(tenant.ActionRollback)), tenant.StateRolledBack, failed},
		{"parked-deadline", func(s *served) { noContract(s); s.input.AttentionPeriod = time.Second }, tenant.StateRolledBack, failed},
		{"parked-cancelled", reacting(noContract, tenant.StateNeedsAttention, cancelled), tenant.StateRolledBack, canceled},
		{"mail-skipped", reacting(noMail, tenant.StateNeedsAttention, signalled(tenant.ActionSkip)), tenant.StateSucceeded, completed},
		{"mail-retried", reacting(noMail, tenant.StateNeedsAttention, oneAfterTheOther(refused(updated(tenant.ActionRollback)), afterMending(updated(tenant.ActionRetry)))), tenant.StateSucceeded, completed},
		{"mail-cancelled", reacting(noMail, tenant.StateNeedsAttention, cancelled), tenant.StateSucceeded, completed},
		{"rolled-back", stopping(updated(tenant.ActionRollback)), tenant.StateRolledBack, failed},
		{"cancelled", stopping(cancelled), tenant.StateRolledBack, canceled},
		{"undo-retried", reacting(noUndo, tenant.StateRollbackBlocked, afterMending(updated(tenant.ActionRetry))), tenant.StateRolledBack, failed},
		{"undo-skipped", reacting(noUndo, tenant.StateRollbackBlocked, updated(tenant.ActionSkip)), tenant.StateRolledBack, failed},
		{"reset", reacting(noContract, tenant.StateNeedsAttention, afterMending(reset)), tenant.StateSucceeded, completed},
		{"reset-mail", reacting(noMail, tenant.StateNeedsAttention, afterMending(reset)), tenant.StateSucceeded, completed},
		{"taken-over", reacting(noContract, tenant.StateNeedsAttention, afterMending(terminated)), tenant.StateRolledBack, failed},
		{"taken-over-mail", reacting(noMail, tenant.StateNeedsAttention, afterMending(terminated)), tenant.StateSucceeded, completed},
		{"signals-lost", reacting(noContract, tenant.StateNeedsAttention, oneAfterTheOther(
			sent(string(tenant.ActionRollback), "not even an object"), sent("rollbak", nil), sent(string(tenant.ActionRetry), nil),
			afterMending(signalled(tenant.ActionRetry)))), tenant.StateSucceeded, completed},
		{"active-in-doubt", activeInDoubt, tenant.StateSucceeded, completed},
	}
}
