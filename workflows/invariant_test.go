package workflows_test

import (
	"errors"
	"slices"
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
		requireDone(t, m)
		require.Equal(t, completed, closing(err))
	case tenant.StateRolledBack:
		requireUndone(t, m)
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

// requireDone: the tenant is where the operation leads to, and every step of the
// kind was done, or skipped by somebody whom the audit log knows, by a deadline or
// by a cancel.
func requireDone(t tester, m *model) {
	t.Helper()
	o := m.operation
	require.Equal(t, o.ToStatus, m.tenant.Status)
	require.True(t, o.PivotPassed)
	deleted := o.ToStatus == tenant.StatusDeleted
	require.Equal(t, !deleted, m.schema)
	require.Equal(t, deleted, m.tenant.Administrator == tenant.Administrator{})
	require.Equal(t, newModelOf(o.Kind, o.FromStatus, o.ToStatus).tenant.ContractID == "" && deleted, m.tenant.ContractID == "")
	require.Equal(t, o.ToStatus == tenant.StatusActive, m.access, "access is open if the tenant is ACTIVE")
	require.False(t, m.filled, "nothing is left beside the tenant's schema")
	require.Equal(t, o.Kind == tenant.KindRestore, m.restored)
	l := o.Lifecycle()
	for _, step := range l.Steps() {
		require.True(t, m.has(step, tenant.StepCompleted) || m.has(step, tenant.StepSkipped), "%s was neither done nor skipped", step)
	}
	skipped := slices.DeleteFunc(slices.Clone(l.Stages), func(s tenant.Stage) bool { return m.hasDone(s) })
	require.False(t, slices.ContainsFunc(skipped, func(s tenant.Stage) bool { return !s.Optional && !s.Skippable }), "no other step may be skipped")
	if i := slices.IndexFunc(skipped, func(s tenant.Stage) bool { return s.Skippable }); i < 0 {
		require.Equal(t, o.ToStatus.Contract(), m.ledger.status())
		require.False(t, m.ledger.pending || m.ledger.becoming != "", "nothing is under way")
	} else {
		require.Contains(t, []tenant.ContractStatus{o.FromStatus.Contract(), o.ToStatus.Contract()}, m.ledger.status())
		require.Positive(t, m.audited(tenant.ActionSkip, tenant.OutcomeAccepted), "nobody has skipped %s", skipped[i].Activity)
	}
	for _, s := range l.Stages {
		requireMailed(t, m, s)
	}
	if slices.ContainsFunc(skipped, func(s tenant.Stage) bool { return s.Optional }) {
		if l.Stages[len(l.Stages)-1].Optional {
			require.NotEmpty(t, o.FailureReason, "a skipped step says why")
		}
		return
	}
	require.Empty(t, o.FailureReason)
}

// requireMailed: the mail of a stage that was done has left, once.
func requireMailed(t tester, m *model, s tenant.Stage) {
	t.Helper()
	step := s.Covers[0]
	if step.Template() == "" {
		return
	}
	require.LessOrEqual(t, m.mails[step].delivered, 1, "no mail leaves twice")
	require.Equal(t, m.hasDone(s), m.mails[step].state == tenant.EmailSent, step)
	if m.hasDone(s) {
		require.Equal(t, 1, m.mails[step].delivered, step)
	}
}

// hasDone reports that all steps of a stage were done.
func (m *model) hasDone(s tenant.Stage) bool {
	return !slices.ContainsFunc(s.Covers, func(step tenant.Step) bool { return !m.has(step, tenant.StepCompleted) })
}

// requireUndone: the tenant is as it was, and nothing is left of one that came with
// its operation. It allows what an administrator has skipped, which is in the audit
// log.
func requireUndone(t tester, m *model) {
	t.Helper()
	o := m.operation
	require.False(t, o.PivotPassed)
	require.NotEmpty(t, o.FailureClass)
	require.NotEqual(t, tenant.ClassUndoFailed, o.FailureClass, "the operation tells what it failed of, not what delayed its end")
	for i, s := range o.Lifecycle().Stages {
		if requireMailed(t, m, s); i >= o.Lifecycle().AfterPivot() {
			require.Zero(t, m.mails[s.Covers[0]].delivered, "nothing after the pivot was done")
		}
	}
	require.Equal(t, o.Leaves(), m.tenant.Status)
	was := newModelOf(o.Kind, o.FromStatus, o.ToStatus)
	left := 0
	if m.schema != was.schema || m.access != was.access {
		left++
	}
	if m.filled {
		left++
	}
	require.False(t, m.restored)
	if m.tenant.Status == tenant.StatusFailed {
		require.NotEmpty(t, m.tenant.FailureReason)
		require.Empty(t, m.tenant.ContractID)
		if m.ledger.pending || m.ledger.deployed && !m.ledger.terminated {
			left++
		}
	} else {
		require.Empty(t, m.tenant.FailureReason)
		require.Equal(t, was.tenant, m.tenant)
		if m.ledger != was.ledger {
			left++
		}
	}
	require.LessOrEqualf(t, left, m.undosSkipped, "not undone: schema %t, access %t, ledger %+v", m.schema, m.access, m.ledger)
	require.LessOrEqual(t, m.undosSkipped, m.audited(tenant.ActionSkip, tenant.OutcomeAccepted))
}

// requireTold compares the row, the status query and the search attributes.
func requireTold(t tester, r *running) {
	t.Helper()
	o := r.model.operation
	s := r.status(t)
	require.Equal(t, o.State, s.State)
	require.Empty(t, s.AllowedActions)
	require.Empty(t, s.Undo)
	require.Zero(t, s.Deadline)
	require.Zero(t, o.AttentionDeadline)
	if o.State == tenant.StateRolledBack {
		require.Equal(t, o.FailedStep, s.FailedStep)
		require.Equal(t, o.FailureClass, s.FailureClass)
		require.Equal(t, o.FailureReason, s.Reason)
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
	// What a terminated run has accepted and not yet written, nobody is told of: the
	// next run of a kind that fails closed goes on.
	lost := r.model.takenOver && r.model.operation.Lifecycle().FailsClosed
	if !lost && r.model.operation.State == tenant.StateSucceeded && r.audited(tenant.ActionRollback, tenant.OutcomeAccepted) > 0 {
		require.Positive(t, r.audited(tenant.ActionRollback, tenant.OutcomeRefused), "a rollback that came too late is told to have")
	}
}

func (r *running) audited(a tenant.Action, outcome string) int { return r.model.audited(a, outcome) }

func (m *model) audited(a tenant.Action, outcome string) int {
	n := 0
	for _, e := range m.audits {
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
	activities.ActivationStore(&model{}), activities.AccessStore(&model{}), activities.PurgeStore(&model{}), activities.Outbox(&model{}), activities.Mailer(&model{}), activities.OperationStore(&model{}), activities.DataRestorer(&model{}), activities.RestoreStore(restoring{&model{}}),
}
