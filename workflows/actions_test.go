package workflows_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows/runner"
)

// parked is a run whose contract cannot be stored, with what is done about it.
func parked(t *testing.T, reactions ...reaction) *running {
	t.Helper()
	r := newRunning(t)
	with(fault{call: "StoreContract", times: always, before: transient})(r)
	r.reactions[tenant.StateNeedsAttention] = reactions
	return r
}

func TestARefusalTellsWhatIsAllowed(t *testing.T) {
	t.Parallel()
	r := parked(t, update(tenant.ActionSkip))
	requireWhole(t, r, r.run(t))
	require.Len(t, r.answers, 1)
	var app *temporal.ApplicationError
	require.ErrorAs(t, r.answers[0].err, &app)
	require.Equal(t, runner.ErrTypeActionRefused, app.Type())
	require.True(t, app.NonRetryable())
	var refusal tenant.ActionRefusedError
	require.NoError(t, app.Details(&refusal))
	require.Equal(t, tenant.ActionRefusedError{
		Action: tenant.ActionSkip, State: tenant.StateNeedsAttention, Allowed: []tenant.Action{tenant.ActionRetry, tenant.ActionRollback},
	}, refusal)
	require.Equal(t, []tenant.AuditEntry{{
		Actor: "ada", Action: "skip", Outcome: tenant.OutcomeRefused, Tenant: r.model.tenant.ID, Operation: r.model.operation.ID,
		Reason: "ticket 7", Detail: refusal.Error(),
	}}, r.model.audits)
}

// TestSignalsAreAudited although nobody waits for their answer.
func TestSignalsAreAudited(t *testing.T) {
	t.Parallel()
	r := parked(t, both(signal(tenant.ActionSkip), mended(signal(tenant.ActionRetry))))
	requireWhole(t, r, r.run(t))
	require.Equal(t, tenant.StateSucceeded, r.model.operation.State)
	require.Len(t, r.model.audits, 2)
	require.Equal(t, 1, r.audited(tenant.ActionSkip, tenant.OutcomeRefused))
	require.Equal(t, 1, r.audited(tenant.ActionRetry, tenant.OutcomeAccepted))
}

// TestARequestActsOnce: with an id it is answered alike for ever; without one
// it counts for the parking that was current.
func TestARequestActsOnce(t *testing.T) {
	t.Parallel()
	again := func(id string) reaction { return func(r *running) { r.update(tenant.ActionRetry, id) } }

	r := parked(t, again("r-1"), again("r-1"), mended(again("r-2")))
	requireWhole(t, r, r.run(t))
	require.Equal(t, tenant.StateRolledBack, r.model.operation.State, "the repetition did nothing, and the deadline came")
	require.Equal(t, []answer{{tenant.ActionRetry, nil}, {tenant.ActionRetry, nil}}, r.answers)
	require.Len(t, r.model.audits, 1)

	r = parked(t, again(""), again(""), mended(again("")))
	requireWhole(t, r, r.run(t))
	require.Equal(t, tenant.StateSucceeded, r.model.operation.State)
	require.Len(t, r.model.audits, 3)
}

// TestAnActionWithoutAReasonIsRejected before it leaves a trace in the
// history; a signal cannot be rejected, so it is refused and audited.
func TestAnActionWithoutAReasonIsRejected(t *testing.T) {
	t.Parallel()
	var rejected error
	r := parked(t, func(r *running) {
		r.env.UpdateWorkflow(string(tenant.ActionRetry), "", &testsuite.TestUpdateCallback{
			OnAccept: func() { rejected = nil }, OnReject: func(err error) { rejected = err }, OnComplete: func(any, error) {},
		}, tenant.ActionRequest{Actor: "ada"})
		r.env.SignalWorkflow(string(tenant.ActionRetry), tenant.ActionRequest{Actor: "ada"})
		r.env.SignalWorkflow(string(tenant.ActionRetry), "not even an object")
		r.model.mend()
		r.signal(tenant.ActionRetry, "")
	})
	require.Equal(t, completed, closing(r.run(t)))
	var app *temporal.ApplicationError
	require.ErrorAs(t, rejected, &app)
	require.Equal(t, runner.ErrTypeActionInvalid, app.Type())
	require.Contains(t, app.Message(), "reason must say why")
	require.Equal(t, 2, r.audited(tenant.ActionRetry, tenant.OutcomeRefused))
	require.Equal(t, 1, r.audited(tenant.ActionRetry, tenant.OutcomeAccepted), "a signal that cannot be read holds up no other")
}

// TestTheStatusOfAParkedRun is what the console and tctl are told.
func TestTheStatusOfAParkedRun(t *testing.T) {
	t.Parallel()
	var s runner.Status
	r := parked(t, func(r *running) { s = r.status(t) })
	requireWhole(t, r, r.run(t))
	require.Equal(t, tenant.StateNeedsAttention, s.State)
	require.Equal(t, r.model.tenant.ID, s.Tenant)
	require.Equal(t, r.model.operation.ID, s.Operation)
	require.Equal(t, tenant.StepDeployContract, s.FailedStep)
	require.Equal(t, tenant.ClassExhausted, s.FailureClass)
	require.Equal(t, "it does not answer", s.Reason)
	require.Equal(t, []tenant.Action{tenant.ActionRetry, tenant.ActionRollback}, s.AllowedActions)
	require.Len(t, s.Undo, 2, "the contract's undo and the schema's")
	require.WithinDuration(t, r.env.Now(), s.Deadline, attentionPeriod)
	require.False(t, s.Deadline.IsZero())
	var states []string
	for _, step := range s.Steps {
		states = append(states, step.Name+" "+step.State)
	}
	require.Equal(t, []string{"CreateSchema done", "DeployContract failed", "MarkActive ", "SendWelcomeEmail "}, states)
}

// TestARequestBelongsToTheStateThatIsBeingWritten, which everybody may read
// before the run knows that it was written: what comes too late is refused, and
// never counts for what stops the run next; what comes early is not refused.
func TestARequestBelongsToTheStateThatIsBeingWritten(t *testing.T) {
	t.Parallel()
	r := newRunning(t)
	with(fault{call: "SendEmail", times: always, before: permanent}, fault{call: "Move SUCCEEDED", times: 1, before: r.meanwhile(signal(tenant.ActionRetry))})(r)
	requireWhole(t, r, r.run(t))
	require.Equal(t, tenant.StateSucceeded, r.model.operation.State)
	require.Zero(t, r.audited(tenant.ActionRetry, tenant.OutcomeAccepted))
	require.Equal(t, 1, r.audited(tenant.ActionRetry, tenant.OutcomeRefused))

	r = newRunning(t)
	with(
		fault{call: "Send", times: always, before: permanent}, fault{call: "DropSchema", times: 3, before: permanent},
		fault{call: "Move ROLLING_BACK", spared: 1, times: 1, before: r.meanwhile(signal(tenant.ActionSkip))},
	)(r)
	requireWhole(t, r, r.run(t))
	require.Equal(t, tenant.StateRolledBack, r.model.operation.State)
	require.False(t, r.model.schema, "no undo was skipped")
	require.Equal(t, 1, r.audited(tenant.ActionSkip, tenant.OutcomeRefused))

	for _, when := range []string{"before", "after"} {
		r = newRunning(t)
		early := fault{call: "Move NEEDS_ATTENTION", times: 1}
		ask := r.meanwhile(func(r *running) { r.model.mend(); r.signal(tenant.ActionRetry, "r-1") })
		if when == "before" {
			early.before = ask
		} else {
			early.after = ask
		}
		with(fault{call: "SendEmail", times: always, before: permanent}, early)(r)
		requireWhole(t, r, r.run(t))
		require.Equal(t, tenant.StateSucceeded, r.model.operation.State)
		require.Equal(t, 1, r.model.mails.delivered(), when)
		require.Equal(t, 1, r.audited(tenant.ActionRetry, tenant.OutcomeAccepted))
		require.Zero(t, r.audited(tenant.ActionRetry, tenant.OutcomeRefused))
	}
}

// TestCancelledAsItSucceeds: a cancel comes while the last mail is being noted. The row
// says SUCCEEDED, of nothing that failed, and so do the search attributes of a run that
// had parked before.
func TestCancelledAsItSucceeds(t *testing.T) {
	t.Parallel()
	r := newRunning(t)
	cancelled := r.meanwhile(cancel)
	with(fault{call: "SendEmail", times: 1, before: permanent},
		fault{call: "CompleteEmail", times: 1, after: func(ctx context.Context) error { return errors.Join(cancelled(ctx), context.Canceled) }})(r)
	r.reactions[tenant.StateNeedsAttention] = []reaction{update(tenant.ActionRetry)}
	requireWhole(t, r, r.run(t))
	require.Equal(t, tenant.StateSucceeded, r.model.operation.State)
	require.True(t, slices.Contains(r.model.calls, "Move SUCCEEDED"), "the cancel was faster than the step's answer: %v", r.model.calls)
	require.Empty(t, r.watch.attribute(runner.AttributeFailedStep))
}
