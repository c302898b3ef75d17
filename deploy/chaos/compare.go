package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"tenant-provisioning/internal/tenant"
)

// entry is what the audit log says of an action.
type entry struct{ operation, action, request, outcome string }

// compareStories holds the operations and the audit log against what was done
// to the tenants.
func (c *chaos) compareStories(ctx context.Context) ([]string, error) {
	states := map[string]tenant.State{}
	rows, err := c.pool.Query(ctx, `SELECT id::text, state FROM operations`)
	if err != nil {
		return nil, fmt.Errorf("read the operations: %w", err)
	}
	var id string
	var state tenant.State
	if _, err := pgx.ForEachRow(rows, []any{&id, &state}, func() error { states[id] = state; return nil }); err != nil {
		return nil, fmt.Errorf("read the operations: %w", err)
	}
	audited := map[entry]int{}
	rows, err = c.pool.Query(ctx, `
		SELECT operation_id::text, action, coalesce(request_id, ''), outcome, count(*) FROM audit_log
		WHERE action IN ('retry', 'skip', 'rollback', 'reprovision') GROUP BY 1, 2, 3, 4`)
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	var e entry
	var n int
	if _, err := pgx.ForEachRow(rows, []any{&e.operation, &e.action, &e.request, &e.outcome, &n}, func() error { audited[e] = n; return nil }); err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	return compare(c.stories, states, audited), nil
}

// compare says which operations have not ended as they must after what was done
// to them, and which actions are not in the audit log exactly once.
func compare(stories []*story, states map[string]tenant.State, audited map[entry]int) (wrong []string) {
	wrong = compareAudit(stories, audited)
	known := 0
	for _, s := range stories {
		known += len(s.operations)
		if s.wrong != nil {
			wrong = append(wrong, s.wrong.Error())
		}
		for i, o := range s.operations {
			if may := s.mayEnd(i, audited); !slices.Contains(may, states[o]) {
				wrong = append(wrong, fmt.Sprintf("%s, %s: operation %s is %s, expected %s", s.name, s.fate.event, o, states[o], may))
			}
		}
	}
	if known != len(states) {
		wrong = append(wrong, fmt.Sprintf("%d operations were accepted, and there are %d", known, len(states)))
	}
	return wrong
}

// mayEnd says how the operation of a generation may end.
func (s *story) mayEnd(generation int, audited map[entry]int) []tenant.State {
	o := s.operations[generation]
	rolledBack := slices.ContainsFunc(s.asked, func(a asked) bool {
		return a.operation == o && a.action == tenant.ActionRollback && a.answers == taken && !a.late
	})
	// The tenant became active before the rollback was acted on.
	overtaken := audited[entry{o, string(tenant.ActionRollback), "", tenant.OutcomeRefused}] > 0
	switch {
	case generation < len(s.operations)-1, rolledBack && !overtaken:
		return []tenant.State{tenant.StateRolledBack}
	case s.stopped && generation == 0:
		return []tenant.State{tenant.StateSucceeded, tenant.StateRolledBack}
	}
	return []tenant.State{tenant.StateSucceeded}
}

// compareAudit: each request is there once, however often it was sent, with the
// answer that it got, and nothing is there that nobody asked for. It marks what
// was refused late.
func compareAudit(stories []*story, audited map[entry]int) (wrong []string) {
	expected := map[entry]bool{}
	for _, s := range stories {
		for i := range s.asked {
			a := &s.asked[i]
			accepted, refusal := a.entry(tenant.OutcomeAccepted), a.entry(tenant.OutcomeRefused)
			expected[accepted], expected[refusal] = true, true
			n := [2]int{audited[accepted], audited[refusal]}
			a.late = (a.answers == taken || a.answers == takenThenRefused) && n == [2]int{0, 1}
			// What was answered by 503 stands there as refused, and was sent again.
			done := a.answers == taken && n[0] == 1 && n[1] <= 1
			if !a.late && !done && (a.answers != refused || n != [2]int{0, 1}) {
				wrong = append(wrong, fmt.Sprintf("%s: %s %s of operation %s was answered with %d, and the audit log has it %d times as accepted, %d as refused",
					s.name, a.action, a.id, a.operation, a.answers, n[0], n[1]))
			}
		}
		for _, o := range s.operations[1:] {
			anew := entry{o, tenant.KindProvision.Verb(), "", tenant.OutcomeAccepted}
			expected[anew] = true
			if audited[anew] != 1 {
				wrong = append(wrong, fmt.Sprintf("%s: the audit log has %d times that it is provisioned anew by operation %s", s.name, audited[anew], o))
			}
		}
	}
	for e := range audited {
		if takenBack := e.request == "" && e.outcome == tenant.OutcomeRefused; !expected[e] && !takenBack { // it was overtaken
			wrong = append(wrong, fmt.Sprintf("the audit log has what nobody asked for: %+v", e))
		}
	}
	slices.Sort(wrong)
	return wrong
}

func (a asked) entry(outcome string) entry {
	return entry{a.operation, string(a.action), a.id, outcome}
}

// openRuns lists the tenants whose run in Temporal has not closed.
func (c *chaos) openRuns(ctx context.Context) (open []string, err error) {
	for _, s := range c.stories {
		d, err := c.temporal.DescribeWorkflowExecution(ctx, tenant.KindProvision.WorkflowID(tenant.ID(s.tenant)), "")
		if _, none := errors.AsType[*serviceerror.NotFound](err); none { // rolled back before it began
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("ask Temporal for a run: %w", err)
		}
		if d.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
			open = append(open, "open run: "+s.name)
		}
	}
	return open, nil
}
