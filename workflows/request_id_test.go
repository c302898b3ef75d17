package workflows_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/internal/tenant"
)

// skipAs asks for what is refused.
func (r *running) skipAs(actor, requestID string) {
	req := r.request(requestID)
	req.Actor = actor
	r.env.UpdateWorkflow(string(tenant.ActionSkip), "", &testsuite.TestUpdateCallback{
		OnAccept: func() { r.sent++ }, OnReject: func(error) {},
		OnComplete: func(_ any, err error) { r.answers = append(r.answers, answer{tenant.ActionSkip, err}) },
	}, req)
}

// TestARequestIDIsItsActors: each person's request is answered and audited. A
// run that answered such a pair before that rule goes on by its own, or it could
// not be replayed.
func TestARequestIDIsItsActors(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		version workflow.Version
		refused int
	}{
		"a run of now":      {1, 2},
		"a run from before": {workflow.DefaultVersion, 1},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			r := parked(t, func(r *running) {
				for _, actor := range []string{"ada", "grace", "ada", "grace"} {
					r.skipAs(actor, "INC-4711")
				}
				r.rollBackBy("", "INC-4711")
			})
			r.env.OnGetVersion("request-id-of-actor", workflow.DefaultVersion, workflow.Version(1)).Return(c.version)
			require.Error(t, r.run(t), "it was rolled back")
			require.Equal(t, tenant.StateRolledBack, r.model.operation.State)
			require.Equal(t, c.refused, r.audited(tenant.ActionSkip, tenant.OutcomeRefused))
			require.Equal(t, 1, r.audited(tenant.ActionRollback, tenant.OutcomeAccepted))
		})
	}
}
