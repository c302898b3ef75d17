package main

import (
	"cmp"
	"fmt"
	"slices"

	"tenant-provisioning/internal/tenant"
)

// judge says what a tenant has that the table of kinds does not have for the
// operations that it went through, or the reverse. caught is how often each mail
// was, by its id.
func judge(t found, caught map[string]int) (wrong []string) {
	wrong = judgeLife(t)
	for _, o := range t.operations {
		for _, w := range append(judgeLog(o), judgeMails(o, caught)...) {
			wrong = append(wrong, fmt.Sprintf("%s %s, %s: %s", o.Kind, o.ID, o.State, w))
		}
	}
	return append(wrong, judgeData(t)...)
}

// judgeLife follows the operations from status to status, and from generation to
// generation, to what the tenant's row says.
func judgeLife(t found) (wrong []string) {
	var status tenant.Status
	var generation int
	for i, o := range t.operations {
		l, _ := o.Kind.Lifecycle()
		differ := func(what string, is, want any) {
			if is != want {
				wrong = append(wrong, fmt.Sprintf("%s %s: %s is %v, expected %v", o.Kind, o.ID, what, is, want))
			}
		}
		if i > 0 && !l.Accepts(status) {
			wrong = append(wrong, fmt.Sprintf("%s %s: it was accepted of a tenant that was %s", o.Kind, o.ID, status))
		}
		if l.Anew {
			generation++
		}
		differ("whether it is closed", o.State.Closed(), true)
		differ("whether its pivot is passed", o.PivotPassed, o.State == tenant.StateSucceeded)
		differ("the status that it began from", o.FromStatus, status)
		differ("the status that it leads to", o.ToStatus, cmp.Or(l.Reaches, cameFrom(t.operations[:i], status)))
		differ("its generation", o.Generation, generation)
		status = o.Leaves()
	}
	if t.Status != status || t.Generation != generation {
		wrong = append(wrong, fmt.Sprintf("its row says %s, generation %d; its operations have left it %s, generation %d", t.Status, t.Generation, status, generation))
	}
	return wrong
}

// cameFrom is the status from which operations have last led to this one.
func cameFrom(operations []past, status tenant.Status) tenant.Status {
	for _, o := range slices.Backward(operations) {
		if o.State == tenant.StateSucceeded && o.ToStatus == status {
			return o.FromStatus
		}
	}
	return ""
}

// judgeLog holds the log of a closed operation against the stages that its kind has.
func judgeLog(o past) (wrong []string) {
	l := o.Lifecycle()
	known := map[tenant.Step]bool{l.Accepted: true}
	for i, stage := range l.Stages {
		for _, step := range stage.Covers {
			known[step] = true
			if w := judgeStep(o, l, i, o.log[step]); w != "" {
				wrong = append(wrong, fmt.Sprintf("%s %s", step, w))
			}
		}
	}
	if l.Accepted != "" && o.log[l.Accepted][tenant.StepCompleted] != 1 {
		wrong = append(wrong, fmt.Sprintf("%s is done %d times, expected once", l.Accepted, o.log[l.Accepted][tenant.StepCompleted]))
	}
	for step := range o.log {
		if !known[step] {
			wrong = append(wrong, fmt.Sprintf("%s stands in its log, and is no step of it", step))
		}
	}
	slices.Sort(wrong)
	return wrong
}

// judgeStep says what is wrong with what the log has of a step of a stage.
func judgeStep(o past, l tenant.Lifecycle, stage int, log map[tenant.StepStatus]int) string {
	s, done, skipped, undone := l.Stages[stage], log[tenant.StepCompleted], log[tenant.StepSkipped], log[tenant.StepRolledBack]
	switch {
	case skipped > 0 && !s.Optional && !s.Skippable:
		return "was skipped, and must be done"
	case o.State == tenant.StateSucceeded && done+skipped != 1:
		return fmt.Sprintf("is done %d times and skipped %d times, expected once", done, skipped)
	case o.State == tenant.StateSucceeded && undone > 0:
		return "is undone"
	case o.State == tenant.StateRolledBack && done > 0 && (s.Pivot || stage >= l.AfterPivot()):
		return "is done, and nothing may be undone from there on"
	case o.State == tenant.StateRolledBack && done > 0 && s.Undo != nil && undone == 0:
		return "is done, and not undone"
	}
	return ""
}

// judgeData holds what there is of a tenant against the status in which its
// operations have left it. What its contract says on the ledger tells what it has: a
// tenant whose contract is ended has nothing, and only that of a tenant in use is
// active.
func judgeData(t found) (wrong []string) {
	contract := t.leaves().Contract()
	if contract == "" { // it is on its way, of which judgeLife tells
		return nil
	}
	expect := func(what string, got, want int) {
		if got != want {
			wrong = append(wrong, fmt.Sprintf("%d %s, expected %d", got, what, want))
		}
	}
	each, access := 0, 0
	if contract != tenant.ContractTerminated {
		each = 1
		expect("applied deployment of its contract", t.Deployed, 1)
	} else if newest := t.operations[len(t.operations)-1]; newest.State == tenant.StateRolledBack && t.Contract != "" {
		wrong = append(wrong, "it still names a contract")
	}
	if contract == tenant.ContractActive {
		access = 1
	}
	expect("schema", t.Schemas, each)
	expect("role", t.Roles, each)
	expect("row of a schema's owner", t.Owned, each)
	expect("table of users", t.Users, each)
	expect("access to its schema", t.Access, access)
	return wrong
}

// judgeMails holds each mail of an operation against its step. A mail is given up
// where a person, a cancel or a later operation decided so. Whoever gives one up that
// is being sent cannot know whether it was taken.
func judgeMails(o past, caught map[string]int) (wrong []string) {
	of := map[string]mail{}
	for _, m := range o.mails {
		of[m.template] = m
	}
	for _, step := range o.Lifecycle().Steps() {
		m := of[step.Template()]
		least, most := 0, 0
		switch {
		case step.Template() == "":
			continue
		case o.log[step][tenant.StepCompleted] > 0:
			least, most = 1, 1
			if m.state != tenant.EmailSent {
				wrong = append(wrong, fmt.Sprintf("its %s mail is %q and was not skipped", step.Template(), m.state))
			}
		case m.state == tenant.EmailSent:
			wrong = append(wrong, fmt.Sprintf("its %s mail was not noted as done and is SENT", step.Template()))
			most = 1
		case m.state == tenant.EmailUnknown:
			most = 1
		}
		if n := caught[m.id]; n < least || n > most {
			wrong = append(wrong, fmt.Sprintf("%d %s mails, expected %d to %d: the mail is %q", n, step.Template(), least, most, m.state))
		}
		delete(of, step.Template())
		if l := o.Lifecycle(); o.State == tenant.StateRolledBack && m.id != "" && l.StageOf(step) >= l.AfterPivot() {
			wrong = append(wrong, fmt.Sprintf("its %s mail was begun, and is %s", step.Template(), m.state))
		}
	}
	for template := range of {
		wrong = append(wrong, fmt.Sprintf("it has a %s mail, which none of its steps sends", template))
	}
	return wrong
}
