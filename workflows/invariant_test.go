package workflows_test

import (
	"errors"
	"strings"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows/runner"
)

// How a run closes, as the server sees it.
const (
	completed = "completed"
	failed    = "failed"
	canceled  = "canceled"
)

func closing(err error) string {
	var wasCanceled *temporal.CanceledError
	var app *temporal.ApplicationError
	switch {
	case err == nil:
		return completed
	case errors.As(err, &wasCanceled):
		return canceled
	case errors.As(err, &app) && app.Type() == runner.ErrTypeRolledBack:
		return failed
	}
	return "broken: " + err.Error()
}

// tester is a test, or a draw of rapid's.
type tester interface {
	require.TestingT
	Helper()
}

// requireWhole holds after every run, whatever happened to it: what is there
// equals what the operation's state says, nothing is left behind or forgotten,
// and all that tells of the run tells the same.
func requireWhole(t tester, r *running, err error) {
	t.Helper()
	m := r.model
	require.Empty(t, m.wrongs)
	switch m.operation.State {
	case tenant.StateSucceeded:
		requireProvisioned(t, m)
		require.Equal(t, completed, closing(err))
	case tenant.StateRolledBack:
		requireNothingLeft(t, r)
		want := failed
		if strings.Contains(m.operation.FailureReason, "was cancelled") {
			want = canceled
		}
		require.Equal(t, want, closing(err))
	default:
		require.Failf(t, "the run ended and the operation is forgotten", "it is %s; calls: %v", m.operation.State, m.calls)
	}
	requireTold(t, r)
	requireAudited(t, r)
	requireNoSecret(t, r, err)
}

func requireProvisioned(t tester, m *model) {
	t.Helper()
	require.Equal(t, tenant.StatusActive, m.tenant.Status)
	require.True(t, m.operation.PivotPassed)
	require.True(t, m.schema)
	require.Equal(t, ledger{deployed: true}, m.ledger)
	require.Equal(t, contractID, m.tenant.ContractID)
	require.LessOrEqual(t, m.mail.delivered, 1, "no mail leaves twice")
	if m.has(tenant.StepSendWelcomeEmail, tenant.StepSkipped) {
		require.NotEqual(t, tenant.EmailSent, m.mail.state)
		require.NotEmpty(t, m.operation.FailureReason, "a skipped step says why")
		return
	}
	require.Equal(t, 1, m.mail.delivered)
	require.Equal(t, tenant.EmailSent, m.mail.state)
	require.Empty(t, m.operation.FailureReason)
}

// requireNothingLeft allows what an administrator has skipped, which is in the
// audit log.
func requireNothingLeft(t tester, r *running) {
	t.Helper()
	m := r.model
	require.Equal(t, tenant.StatusFailed, m.tenant.Status)
	require.False(t, m.operation.PivotPassed)
	require.NotEmpty(t, m.tenant.FailureReason)
	require.NotEmpty(t, m.operation.FailureClass)
	require.NotEqual(t, tenant.ClassUndoFailed, m.operation.FailureClass, "the operation tells what it failed of, not what delayed its end")
	require.Empty(t, m.tenant.ContractID)
	require.Zero(t, m.mail.delivered)
	skipped := 0
	for _, a := range m.audits {
		if a.Action == string(tenant.ActionSkip) && a.Outcome == tenant.OutcomeAccepted {
			skipped++
		}
	}
	left := 0
	if m.schema {
		left++
	}
	if m.ledger.pending || m.ledger.deployed && !m.ledger.terminated {
		left++
	}
	require.LessOrEqualf(t, left, skipped, "left behind: schema %t, ledger %+v", m.schema, m.ledger)
}

// requireTold compares the row, the status query and the search attributes.
func requireTold(t tester, r *running) {
	t.Helper()
	o := r.model.operation
	s := r.status(t)
	require.Equal(t, o.State, s.State)
	require.Empty(t, s.AllowedActions)
	require.Zero(t, s.Deadline)
	require.Zero(t, o.AttentionDeadline)
	if o.State == tenant.StateRolledBack {
		require.Equal(t, o.FailedStep, s.FailedStep)
		require.Equal(t, o.FailureClass, s.FailureClass)
		require.Equal(t, o.FailureReason, s.Reason)
		require.Empty(t, s.Undo)
	}
	if r.watch.upserts == 0 {
		require.Equal(t, tenant.StateSucceeded, o.State, "off the happy path the search attributes follow")
		require.Equal(t, string(tenant.StateRunning), r.watch.attribute(runner.AttributeOperationState))
		return
	}
	require.Equal(t, string(o.State), r.watch.attribute(runner.AttributeOperationState))
	require.Equal(t, string(o.FailedStep), r.watch.attribute(runner.AttributeFailedStep))
	require.Equal(t, string(o.FailureClass), r.watch.attribute(runner.AttributeFailureClass))
}

// requireAudited: who asked for what is written down, accepted or refused.
func requireAudited(t tester, r *running) {
	t.Helper()
	for _, a := range r.model.audits {
		require.Equal(t, "ada", a.Actor)
		require.Equal(t, "ticket 7", a.Reason)
		require.Equal(t, r.model.tenant.ID, a.Tenant)
		require.Equal(t, r.model.operation.ID, a.Operation)
		if a.Outcome == tenant.OutcomeRefused {
			require.NotEmpty(t, a.Detail)
		}
	}
	if r.model.operation.State == tenant.StateSucceeded && r.audited(tenant.ActionRollback, tenant.OutcomeAccepted) > 0 {
		require.Positive(t, r.audited(tenant.ActionRollback, tenant.OutcomeRefused), "a rollback that came too late is told to have")
	}
}

func (r *running) audited(a tenant.Action, outcome string) int {
	n := 0
	for _, e := range r.model.audits {
		if e.Action == string(a) && e.Outcome == outcome {
			n++
		}
	}
	return n
}

// requireNoSecret: the text of an error that nobody foresaw leaves no worker.
func requireNoSecret(t tester, r *running, err error) {
	t.Helper()
	s := r.status(t)
	told := []string{r.model.operation.FailureReason, r.model.tenant.FailureReason, s.Reason}
	if err != nil {
		told = append(told, err.Error())
	}
	for _, text := range told {
		require.NotContains(t, text, secret)
	}
}

// has looks for an entry of the step's log.
func (m *model) has(step tenant.Step, status tenant.StepStatus) bool {
	for _, row := range m.log {
		if row == (logRow{step, status}) {
			return true
		}
	}
	return false
}

var _ = []any{
	activities.SchemaStore(&model{}), activities.ContractStore(&model{}), activities.Ledger(&model{}),
	activities.ActivationStore(&model{}), activities.Outbox(&model{}), activities.Mailer(&model{}), activities.OperationStore(&model{}),
}
