package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"tenant-provisioning/internal/tenant"
)

// entry is what the audit log says of an action.
type entry struct{ operation, action, request, outcome string }

// outcomeOvertaken is a refusal that stands after an acceptance of the same request:
// what was taken could not be done any more.
const outcomeOvertaken = "overtaken"

// end is what an operation was, and how it has ended.
type end struct {
	kind  tenant.Kind
	state tenant.State
}

// compareStories holds the operations and the audit log against what was done
// to the tenants.
func (c *chaos) compareStories(ctx context.Context, all []found) ([]string, error) {
	ends := map[string]end{}
	for _, t := range all {
		for _, o := range t.operations {
			ends[string(o.ID)] = end{o.Kind, o.State}
		}
	}
	var actions []string
	for _, a := range tenant.Actions() {
		actions = append(actions, string(a))
	}
	for _, k := range tenant.Kinds() {
		actions = append(actions, k.Verb())
	}
	audited := map[entry]int{}
	var e entry
	var n int
	err := c.read(ctx, "audit log", `
		SELECT operation_id::text, action, coalesce(request_id, ''), CASE WHEN outcome = 'refused' AND EXISTS (
			SELECT FROM audit_log a WHERE a.operation_id = l.operation_id AND a.action = l.action AND a.request_id = l.request_id AND a.outcome = 'accepted' AND a.id < l.id
		) THEN 'overtaken' ELSE outcome END, count(*)
		FROM audit_log l WHERE action = ANY ($1) AND operation_id IS NOT NULL GROUP BY 1, 2, 3, 4`,
		[]any{&e.operation, &e.action, &e.request, &e.outcome, &n}, func() { audited[e] = n }, actions)
	if err != nil {
		return nil, err
	}
	return compare(c.stories, ends, audited), nil
}

// compare says which operations have not ended as they must after what was done
// to them, and which actions are not in the audit log exactly once.
func compare(stories []*story, ends map[string]end, audited map[entry]int) (wrong []string) {
	wrong = compareAudit(stories, audited)
	known := 0
	for _, s := range stories {
		known += len(s.deeds)
		if s.wrong != nil {
			wrong = append(wrong, s.wrong.Error())
		}
		for _, d := range s.deeds {
			is := ends[d.id]
			if may := d.mayEnd(audited); is.kind != d.kind || !slices.Contains(may, is.state) {
				wrong = append(wrong, fmt.Sprintf("%s, %s: operation %s (%s) is %s, expected %s and %s", s.name, d.fate.event, d.id, is.kind, is.state, d.kind, may))
			}
		}
	}
	if known != len(ends) {
		wrong = append(wrong, fmt.Sprintf("%d operations were accepted, and there are %d", known, len(ends)))
	}
	return wrong
}

// mayEnd says how the operation may end.
func (d *deed) mayEnd(audited map[entry]int) []tenant.State {
	rolledBack := slices.ContainsFunc(d.asked, func(a asked) bool {
		return a.action == tenant.ActionRollback && a.answers == taken && !a.late && audited[d.entry(a, outcomeOvertaken)] == 0
	})
	l, _ := d.kind.Lifecycle()
	switch {
	case rolledBack:
		return []tenant.State{tenant.StateRolledBack}
	case mailDecides(l): // the address may be refused, and a later operation ends it
		return []tenant.State{tenant.StateSucceeded, tenant.StateRolledBack}
	case d.stopped && !(l.FailsClosed && d.fate.event == terminated): // the run that takes over goes on
		return []tenant.State{tenant.StateSucceeded, tenant.StateRolledBack}
	}
	return []tenant.State{tenant.StateSucceeded}
}

// mailDecides reports whether a mail that cannot be sent rolls an operation back.
func mailDecides(l tenant.Lifecycle) bool {
	return slices.ContainsFunc(l.Stages[:l.AfterPivot()], func(s tenant.Stage) bool { return s.Needs == tenant.DependencyMail })
}

// compareAudit: each request is there once, however often it was sent, with the
// answer that it got, and nothing is there that nobody asked for. It marks what
// was refused late.
func compareAudit(stories []*story, audited map[entry]int) (wrong []string) {
	expected := map[entry]bool{}
	for _, s := range stories {
		for n, d := range s.deeds {
			for i := range d.asked {
				a := &d.asked[i]
				accepted, refusal, overtaken := d.entry(*a, tenant.OutcomeAccepted), d.entry(*a, tenant.OutcomeRefused), d.entry(*a, outcomeOvertaken)
				expected[accepted], expected[refusal], expected[overtaken] = true, true, true
				n := [2]int{audited[accepted], audited[refusal]}
				a.late = (a.answers == taken || a.answers == takenThenRefused) && n == [2]int{0, 1}
				// What was answered by 503 stands there as refused, and was sent again.
				done := a.answers == taken && n[0] == 1 && n[1] <= 1 && audited[overtaken] <= 1
				if !a.late && !done && (a.answers != refused || n != [2]int{0, 1}) {
					wrong = append(wrong, fmt.Sprintf("%s: %s %s of operation %s was answered with %d, and the audit log has it %d times as accepted, %d as refused",
						s.name, a.action, a.id, d.id, a.answers, n[0], n[1]))
				}
			}
			for _, e := range d.consequences(n == 0) {
				expected[e] = true
				if audited[e] != 1 {
					wrong = append(wrong, fmt.Sprintf("%s: the audit log has %d times that the %s of operation %s, %s, was accepted", s.name, audited[e], e.action, d.id, d.kind))
				}
			}
		}
	}
	for e := range audited {
		unnamed := e.request == "" && e.outcome == tenant.OutcomeRefused // an acceptance that was answered by 503, and asked for again
		if !expected[e] && !unnamed {
			wrong = append(wrong, fmt.Sprintf("the audit log has what nobody asked for: %+v", e))
		}
	}
	slices.Sort(wrong)
	return wrong
}

func (d *deed) entry(a asked, outcome string) entry {
	return entry{d.id, string(a.action), a.id, outcome}
}

// consequences are what the audit log has of an operation beside what was asked of
// it: its acceptance, where the tenant was there; and that it gave way to a later one.
func (d *deed) consequences(first bool) (entries []entry) {
	if !first {
		entries = append(entries, entry{d.id, d.kind.Verb(), "", tenant.OutcomeAccepted})
	}
	if d.left {
		gaveWay := tenant.ActionSkip
		if l, _ := d.kind.Lifecycle(); l.Yields {
			gaveWay = tenant.ActionRollback
		}
		entries = append(entries, entry{d.id, string(gaveWay), "", tenant.OutcomeAccepted})
	}
	return entries
}

// openRuns lists the runs in Temporal that have not closed.
func (c *chaos) openRuns(ctx context.Context, all []found) (open []string, err error) {
	asked := map[string]bool{}
	for _, t := range all {
		for _, o := range t.operations {
			id := o.WorkflowID()
			if asked[id] {
				continue
			}
			asked[id] = true
			d, err := c.temporal.DescribeWorkflowExecution(ctx, id, "")
			if _, none := errors.AsType[*serviceerror.NotFound](err); none { // rolled back before it began
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("ask Temporal for a run: %w", err)
			}
			if d.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
				open = append(open, "open run: "+id)
			}
		}
	}
	return open, nil
}
