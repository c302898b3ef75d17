package workflows_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows/runner"
)

// rollBackBy asks for a rollback that was decided on a plan.
func (r *running) rollBackBy(hash, requestID string) {
	req := r.request(requestID)
	req.PlanHash = hash
	r.env.UpdateWorkflow(string(tenant.ActionRollback), "", &testsuite.TestUpdateCallback{
		OnAccept: func() { r.sent++ }, OnReject: func(error) {},
		OnComplete: func(_ any, err error) { r.answers = append(r.answers, answer{tenant.ActionRollback, err}) },
	}, req)
}

// TestARollbackByAnotherPlanIsRefused, and one by the plan that everybody else
// computes from the operation's row and log is done.
func TestARollbackByAnotherPlanIsRefused(t *testing.T) {
	t.Parallel()
	seen := tenant.PlanHash("another operation", 1, nil)
	r := parked(t, func(r *running) {
		plan := tenant.PlanRollback(r.model.tenant, r.model.operation, []tenant.LogEntry{
			{Step: tenant.StepDeployContract, Status: tenant.StepFailed},
		})
		r.rollBackBy(seen, "r-1")
		r.rollBackBy(seen, "r-1")
		r.rollBackBy(plan.Hash, "r-2")
	})
	requireWhole(t, r, r.run(t))
	require.Len(t, r.answers, 3)
	for _, refused := range r.answers[:2] {
		var app *temporal.ApplicationError
		require.ErrorAs(t, refused.err, &app)
		require.Equal(t, runner.ErrTypePlanChanged, app.Type())
		var changed tenant.PlanChangedError
		require.NoError(t, app.Details(&changed))
		require.Equal(t, tenant.PlanHash(r.model.operation.ID, 1, []string{tenant.UndoContract, tenant.UndoSchema}), changed.Hash)
	}
	require.NoError(t, r.answers[2].err)
	require.Equal(t, tenant.StateRolledBack, r.model.operation.State)
	require.Equal(t, 1, r.audited(tenant.ActionRollback, tenant.OutcomeRefused))
	require.Equal(t, 1, r.audited(tenant.ActionRollback, tenant.OutcomeAccepted))
}

// TestOneRequestIDForTwoActions: a ticket's number may name a retry and, when
// that did not help, a rollback.
func TestOneRequestIDForTwoActions(t *testing.T) {
	t.Parallel()
	r := parked(t, func(r *running) { r.update(tenant.ActionRetry, "INC-1") }, func(r *running) { r.rollBackBy("", "INC-1") })
	requireWhole(t, r, r.run(t))
	require.Equal(t, tenant.StateRolledBack, r.model.operation.State)
	require.Equal(t, 1, r.audited(tenant.ActionRollback, tenant.OutcomeAccepted))
}

// TestThePlanIsTheRunsPlan: wherever an operation of any kind is parked before its
// pivot, the run would undo what everybody else reads from the row and the log that
// it would.
func TestThePlanIsTheRunsPlan(t *testing.T) {
	t.Parallel()
	for _, c := range courses(t) {
		for _, call := range c.before {
			t.Run(c.String()+"/"+call, func(t *testing.T) {
				t.Parallel()
				r := c.running(t)
				with(fault{call: call, times: always, before: transient})(r)
				r.rollsBackByPlan()
				requireWhole(t, r, r.run(t))
				require.Equal(t, []answer{{action: tenant.ActionRollback}}, r.answers, "the run has another plan")
				require.Equal(t, tenant.StateRolledBack, r.model.operation.State)
			})
		}
	}
}

// rollsBackByPlan parks, and is rolled back by the plan that a dry run shows.
func (r *running) rollsBackByPlan() {
	r.reactions[tenant.StateNeedsAttention] = []reaction{func(r *running) {
		r.model.mu.Lock()
		plan := tenant.PlanRollback(r.model.tenant, r.model.operation, r.model.entries())
		r.model.mu.Unlock()
		r.rollBackBy(plan.Hash, "")
	}}
}
