package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"tenant-provisioning/internal/operations"
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
	known := 0
	for _, s := range stories {
		known += len(s.operations)
		if s.wrong != nil {
			wrong = append(wrong, s.wrong.Error())
		}
		for i, o := range s.operations {
			overtaken := audited[entry{o, string(tenant.ActionRollback), "", tenant.OutcomeRefused}] > 0
			if may := s.mayEnd(i, overtaken); !slices.Contains(may, states[o]) {
				wrong = append(wrong, fmt.Sprintf("%s, %s: operation %s is %s, expected %s", s.name, s.fate.event, o, states[o], may))
			}
		}
	}
	if known != len(states) {
		wrong = append(wrong, fmt.Sprintf("%d operations were accepted, and there are %d", known, len(states)))
	}
	return append(wrong, compareAudit(stories, audited)...)
}

// mayEnd says how the operation of a generation may end. overtaken tells that
// the tenant became active before an accepted rollback was acted on.
func (s *story) mayEnd(generation int, overtaken bool) []tenant.State {
	rolledBack := slices.ContainsFunc(s.asked, func(a asked) bool {
		return a.operation == s.operations[generation] && a.action == tenant.ActionRollback && a.accepted
	})
	switch {
	case generation < len(s.operations)-1, rolledBack && !overtaken:
		return []tenant.State{tenant.StateRolledBack}
	case s.stopped && generation == 0:
		return []tenant.State{tenant.StateSucceeded, tenant.StateRolledBack}
	}
	return []tenant.State{tenant.StateSucceeded}
}

// compareAudit: each request is there once, however often it was sent, with the
// answer that it got, and nothing is there that nobody asked for.
func compareAudit(stories []*story, audited map[entry]int) (wrong []string) {
	expected := map[entry]bool{}
	for _, s := range stories {
		for _, a := range s.asked {
			outcome := tenant.OutcomeRefused
			if a.accepted {
				outcome = tenant.OutcomeAccepted
			}
			expected[entry{a.operation, string(a.action), a.id, outcome}] = true
		}
		for _, o := range s.operations[1:] {
			expected[entry{o, operations.ActionReprovision, "", tenant.OutcomeAccepted}] = true
		}
	}
	for e := range expected {
		if audited[e] != 1 {
			wrong = append(wrong, fmt.Sprintf("the audit log has %d times instead of once: %+v", audited[e], e))
		}
	}
	for e := range audited {
		if taken := e.request == "" && e.outcome == tenant.OutcomeRefused; !expected[e] && !taken { // taken back: it was overtaken
			wrong = append(wrong, fmt.Sprintf("the audit log has what nobody asked for: %+v", e))
		}
	}
	slices.Sort(wrong)
	return wrong
}

// openRuns lists the tenants whose run in Temporal has not closed.
func (c *chaos) openRuns(ctx context.Context) (open []string, err error) {
	for _, s := range c.stories {
		d, err := c.temporal.DescribeWorkflowExecution(ctx, tenant.ID(s.tenant).WorkflowID(), "")
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
