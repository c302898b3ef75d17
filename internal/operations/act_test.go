package operations_test

import (
	"context"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tenant-provisioning/internal/operations"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows"
)

// requireAnswer acts as the product does, which does not wait for whoever does
// not answer: that is promised within 5 s, on a machine that does nothing else.
func (b *testBundle) requireAnswer(t *testing.T, id tenant.OperationID, a tenant.Action, r tenant.ActionRequest) (tenant.Operation, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	o, err := operations.New(b.config).Act(ctx, id, a, r, operator)
	require.NoError(t, ctx.Err(), "no answer")
	return o, err
}

func TestAParkedOperationIsRetried(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.work(t)
	o := b.parked(t)
	require.Equal(t, tenant.ClassExhausted, o.FailureClass)
	require.Equal(t, "the ledger does not answer", o.FailureReason)
	b.outside.failDeployments(nil)
	acted, err := b.service.Act(b.ctx, o.ID, tenant.ActionRetry, because, operator)
	require.NoError(t, err)
	require.Equal(t, o.ID, acted.ID)
	require.NotEqual(t, tenant.StateNeedsAttention, acted.State, "what it was before is no answer")
	done, err := b.service.Wait(b.ctx, o.ID, patience)
	require.NoError(t, err)
	require.Equal(t, tenant.StateSucceeded, done.State, "whoever follows the answer sees what comes of it")
	require.Empty(t, done.FailureReason)
	require.Eventually(t, func() bool { return len(b.audits(t, o.ID)) == 1 }, patience, 20*time.Millisecond)
	require.Equal(t, []audit{{"ada", "retry", "accepted"}}, b.audits(t, o.ID))
	got, err := b.service.Tenant(b.ctx, o.TenantID)
	require.NoError(t, err)
	require.Equal(t, tenant.StatusActive, got.Status)
}

func TestAParkedOperationIsRolledBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.work(t)
	o := b.parked(t)
	_, err := b.service.Act(b.ctx, o.ID, tenant.ActionRollback, because, operator)
	require.NoError(t, err)
	b.reaches(t, o.ID, tenant.StateRolledBack)
	got, err := b.service.Tenant(b.ctx, o.TenantID)
	require.NoError(t, err)
	require.Equal(t, tenant.StatusFailed, got.Status)
	require.NotEmpty(t, got.FailureReason)
	require.Zero(t, b.count(t, `SELECT count(*) FROM pg_namespace WHERE nspname = $1`, got.Schema))

	_, err = b.service.Act(b.ctx, o.ID, tenant.ActionRetry, because, operator)
	var refused *tenant.ActionRefusedError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, &tenant.ActionRefusedError{Action: tenant.ActionRetry, State: tenant.StateRolledBack, Allowed: []tenant.Action{}}, refused)
	require.Equal(t, []audit{{"ada", "rollback", "accepted"}, {"ada", "retry", "refused"}}, b.audits(t, o.ID))
}

// TestWhatIsWaitingIsRolledBackAtOnce: nothing was done, so no run is needed.
func TestWhatIsWaitingIsRolledBackAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	n := order()
	o, err := b.service.Create(b.ctx, n, operator, "")
	require.NoError(t, err)
	acted, err := b.service.Act(b.ctx, o.ID, tenant.ActionRollback, because, operator)
	require.NoError(t, err)
	require.Equal(t, tenant.StateRolledBack, acted.State)
	require.Equal(t, tenant.ClassCancelled, acted.FailureClass)
	require.Equal(t, []audit{{"ada", "rollback", "accepted"}}, b.audits(t, o.ID))
	_, err = b.service.Create(b.ctx, n, operator, "")
	require.NoError(t, err, "the name is free again")
}

// TestWhatAWaitingOperationSupersedes ends with its rollback: nothing else would end
// that run before its deadline.
func TestWhatAWaitingOperationSupersedes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := b.create(t)
	started, err := b.temporal.ExecuteWorkflow(b.ctx, client.StartWorkflowOptions{ID: before.WorkflowID(), TaskQueue: b.config.TaskQueue}, "ProvisionTenant")
	require.NoError(t, err)
	b.exec(t, `UPDATE operations SET state = 'NEEDS_ATTENTION', pivot_passed = true, failed_step = 'SEND_WELCOME_EMAIL', started_at = now(), run_id = '`+started.GetRunID()+`'`)
	b.exec(t, `UPDATE tenants SET status = 'ACTIVE', activated_at = now()`)
	o, err := b.service.Submit(b.ctx, tenant.Request{Kind: tenant.KindSuspend, Tenant: before.TenantID, Reason: "ticket"}, operator)
	require.NoError(t, err)
	require.Equal(t, tenant.KindProvision, o.Supersedes)
	o, err = b.service.Act(b.ctx, o.ID, tenant.ActionRollback, tenant.ActionRequest{Reason: "not any more"}, operator)
	require.NoError(t, err)
	require.Equal(t, tenant.StateRolledBack, o.State)
	run, err := b.temporal.DescribeWorkflowExecution(b.ctx, before.WorkflowID(), "")
	require.NoError(t, err)
	require.True(t, run.GetWorkflowExtendedInfo().GetCancelRequested())
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	o := b.create(t)
	for _, c := range []struct {
		state  string
		pivot  bool
		action tenant.Action
		wants  []tenant.Action
	}{
		{"PENDING", false, tenant.ActionRetry, []tenant.Action{tenant.ActionRollback}},
		{"RUNNING", true, tenant.ActionRollback, []tenant.Action{}},
		{"NEEDS_ATTENTION", false, tenant.ActionSkip, []tenant.Action{tenant.ActionRetry, tenant.ActionRollback}},
		{"NEEDS_ATTENTION", true, tenant.ActionRollback, []tenant.Action{tenant.ActionRetry, tenant.ActionSkip}},
		{"SUCCEEDED", true, tenant.ActionSkip, []tenant.Action{}},
	} {
		b.exec(t, `UPDATE operations SET state = $2, pivot_passed = $3 WHERE id = $1`, string(o.ID), c.state, c.pivot)
		before := len(b.audits(t, o.ID))
		got, err := b.service.Act(b.ctx, o.ID, c.action, because, operator)
		var refused *tenant.ActionRefusedError
		require.ErrorAs(t, err, &refused, c.state)
		require.Equal(t, c.wants, refused.Allowed)
		require.Equal(t, tenant.State(c.state), got.State, "what it is comes with the refusal")
		require.Equal(t, audit{"ada", string(c.action), "refused"}, b.audits(t, o.ID)[before])
	}
}

func TestOnlyAnAdministratorSkipsAnUndo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	o := b.create(t)
	b.exec(t, `UPDATE operations SET state = 'ROLLBACK_BLOCKED', run_id = 'r' WHERE id = $1`, string(o.ID))
	_, err := b.service.Act(b.ctx, o.ID, tenant.ActionSkip, because, operator)
	require.ErrorIs(t, err, tenant.ErrForbidden)
	require.Equal(t, []audit{{"ada", "skip", "refused"}}, b.audits(t, o.ID))
	_, err = b.service.Act(b.ctx, o.ID, tenant.ActionSkip, because, admin)
	require.NotErrorIs(t, err, tenant.ErrForbidden)
}

func TestARequestWithoutReasonOrOperation(t *testing.T) {
	t.Parallel()
	b := setup(t)
	o := b.create(t)
	_, err := b.service.Act(b.ctx, o.ID, tenant.ActionRetry, tenant.ActionRequest{}, operator)
	var invalid *tenant.InvalidError
	require.ErrorAs(t, err, &invalid)
	require.Empty(t, b.audits(t, o.ID))
	unknown, err := tenant.NewOperationID()
	require.NoError(t, err)
	_, err = b.service.Act(b.ctx, unknown, tenant.ActionRetry, because, operator)
	require.ErrorIs(t, err, tenant.ErrNotFound)
}

// TestARequestActsOnce: sent again, as after a lost answer, it is answered by
// the operation as it is and changes nothing.
func TestARequestActsOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.work(t)
	o := b.parked(t)
	r := because
	r.RequestID = "request-1"
	_, err := b.service.Act(b.ctx, o.ID, tenant.ActionRetry, r, operator)
	require.NoError(t, err)
	require.Eventually(t, func() bool { // it failed again: each parking has a deadline of its own
		now, err := b.service.Operation(b.ctx, o.ID)
		return err == nil && now.State == tenant.StateNeedsAttention && !now.AttentionDeadline.Equal(o.AttentionDeadline)
	}, patience, 20*time.Millisecond)
	require.Len(t, b.audits(t, o.ID), 1)
	b.outside.failDeployments(nil)
	for range 3 {
		again, err := b.service.Act(b.ctx, o.ID, tenant.ActionRetry, r, operator)
		require.NoError(t, err)
		require.Equal(t, o.ID, again.ID)
	}
	r.RequestID = "request-2"
	_, err = b.service.Act(b.ctx, o.ID, tenant.ActionRetry, r, operator)
	require.NoError(t, err)
	b.reaches(t, o.ID, tenant.StateSucceeded)
	require.Eventually(t, func() bool { return len(b.audits(t, o.ID)) == 2 }, patience, 20*time.Millisecond)
	_, err = b.service.Act(b.ctx, o.ID, tenant.ActionRetry, r, operator)
	require.NoError(t, err, "also after the end")
	require.Len(t, b.audits(t, o.ID), 2)
}

// TestARequestIDBelongsToItsActor: two people who send a ticket's number as the
// id have made two requests, and each is in the audit log as what it was.
func TestARequestIDBelongsToItsActor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.work(t)
	o := b.parked(t)
	r := because
	r.RequestID = "INC-4711"
	for _, who := range []tenant.Caller{operator, admin} {
		_, err := b.service.Act(b.ctx, o.ID, tenant.ActionSkip, r, who)
		var refused *tenant.ActionRefusedError
		require.ErrorAs(t, err, &refused)
	}
	require.Equal(t, []audit{{"ada", "skip", "refused"}, {"grace", "skip", "refused"}}, b.audits(t, o.ID))

	parking := o.AttentionDeadline
	for _, who := range []tenant.Caller{operator, admin} {
		_, err := b.service.Act(b.ctx, o.ID, tenant.ActionRetry, r, who)
		require.NoError(t, err)
		require.Eventually(t, func() bool { // tried and failed again: each parking has a deadline of its own
			now, err := b.service.Operation(b.ctx, o.ID)
			moved := err == nil && now.State == tenant.StateNeedsAttention && !now.AttentionDeadline.Equal(parking)
			if moved {
				parking = now.AttentionDeadline
			}
			return moved
		}, patience, 20*time.Millisecond, who.Actor)
	}
	for _, who := range []tenant.Caller{operator, admin} { // a repetition of one's own is one still
		_, err := b.service.Act(b.ctx, o.ID, tenant.ActionRetry, r, who)
		require.NoError(t, err)
	}
	require.Equal(t, []audit{{"ada", "retry", "accepted"}, {"grace", "retry", "accepted"}}, b.audits(t, o.ID)[2:])
	require.Zero(t, b.count(t, `SELECT count(*) FROM audit_log WHERE operation_id = $1 AND actor_claimed`, string(o.ID)))
}

// TestASignalsRequestIDBelongsToItsActor as well, whoever it says that it is.
func TestASignalsRequestIDBelongsToItsActor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.work(t)
	o := b.parked(t)
	for _, actor := range []string{"ada", "grace", "ada"} {
		require.NoError(t, b.temporal.SignalWorkflow(b.ctx, o.WorkflowID(), "", string(tenant.ActionSkip),
			tenant.ActionRequest{Actor: actor, Reason: "ticket 7", RequestID: "INC-4711"}))
	}
	_, err := b.service.Act(b.ctx, o.ID, tenant.ActionRollback, because, operator)
	require.NoError(t, err)
	b.reaches(t, o.ID, tenant.StateRolledBack)
	require.ElementsMatch(t, []audit{{"ada", "skip", "refused"}, {"grace", "skip", "refused"}, {"ada", "rollback", "accepted"}}, b.audits(t, o.ID))
}

// TestARepetitionIsNotRefusedByWhatTheFirstHasDone: its answer was lost, and
// the operation runs because of it.
func TestARepetitionIsNotRefusedByWhatTheFirstHasDone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.work(t)
	o := b.parked(t)
	b.outside.failDeployments(nil)
	release := b.outside.hold()
	defer release()
	log, err := b.pool.Begin(b.ctx)
	require.NoError(t, err)
	t.Cleanup(func() { _ = log.Rollback(context.Background()) }) // a pool with a transaction in it does not close
	_, err = log.Exec(b.ctx, `LOCK TABLE audit_log IN EXCLUSIVE MODE`)
	require.NoError(t, err)
	r := because
	r.RequestID = "request-1"
	_, err = operations.Within(b.config, patience, patience, briefly).Act(b.ctx, o.ID, tenant.ActionRetry, r, operator)
	require.NoError(t, err)
	require.Never(t, func() bool {
		now, err := b.service.Operation(b.ctx, o.ID)
		return err == nil && now.State == tenant.StateRunning
	}, time.Second, 20*time.Millisecond, "what is not yet in the audit log is not done")
	require.NoError(t, log.Rollback(b.ctx))
	b.reaches(t, o.ID, tenant.StateRunning)
	_, err = b.service.Act(b.ctx, o.ID, tenant.ActionRetry, r, operator)
	require.NoError(t, err)
	release()
	b.reaches(t, o.ID, tenant.StateSucceeded)
	require.Len(t, b.audits(t, o.ID), 1)
}

// TestARequestThatWasRefusedMayBeSentAgain when the state allows it, and both
// answers are in the audit log.
func TestARequestThatWasRefusedMayBeSentAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	o := b.create(t)
	r := because
	r.RequestID = "request-1"
	_, err := b.service.Act(b.ctx, o.ID, tenant.ActionRetry, r, operator)
	var refused *tenant.ActionRefusedError
	require.ErrorAs(t, err, &refused)
	b.work(t)
	b.outside.failDeployments(beyondTheBudget)
	b.dispatch(t)
	b.reaches(t, o.ID, tenant.StateNeedsAttention)
	b.outside.failDeployments(nil)
	_, err = b.service.Act(b.ctx, o.ID, tenant.ActionRetry, r, operator)
	require.NoError(t, err)
	b.reaches(t, o.ID, tenant.StateSucceeded)
	require.Eventually(t, func() bool { return len(b.audits(t, o.ID)) == 2 }, patience, 20*time.Millisecond)
	require.Equal(t, []audit{{"ada", "retry", "refused"}, {"ada", "retry", "accepted"}}, b.audits(t, o.ID))
}

// TestAnActionWaitsForAWorker: without one it is answered in time all the
// same, and done when there is one.
func TestAnActionWaitsForAWorker(t *testing.T) {
	t.Parallel()
	b := setup(t)
	stop := b.work(t)
	o := b.parked(t)
	stop()
	b.outside.failDeployments(nil)
	_, err := operations.Within(b.config, briefly, patience, patience).Act(b.ctx, o.ID, tenant.ActionRetry, because, operator)
	require.NoError(t, err)
	b.work(t)
	b.reaches(t, o.ID, tenant.StateSucceeded)
	require.Eventually(t, func() bool { return len(b.audits(t, o.ID)) == 1 }, patience, 20*time.Millisecond)
	require.Zero(t, b.count(t, `SELECT count(*) FROM audit_log WHERE operation_id = $1 AND actor_claimed`, string(o.ID)), "who acts was checked before it waited")
}

func TestACancelIsAnsweredOnceItHasTakenEffect(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.work(t)
	o := b.parked(t)
	acted, err := b.service.Act(b.ctx, o.ID, tenant.ActionCancel, because, operator)
	require.NoError(t, err)
	require.NotEqual(t, tenant.StateNeedsAttention, acted.State, "what it was before is no answer")
	b.reaches(t, o.ID, tenant.StateRolledBack)
	require.Equal(t, []audit{{"ada", "cancel", "accepted"}}, b.audits(t, o.ID))
}

func TestAnActionOnARunThatIsGone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.work(t)
	o := b.parked(t)
	require.NoError(t, b.temporal.TerminateWorkflow(b.ctx, o.WorkflowID(), "", "a test"))
	_, err := b.service.Act(b.ctx, o.ID, tenant.ActionRetry, because, operator)
	require.ErrorIs(t, err, tenant.ErrUnavailable)
	require.ErrorContains(t, err, "run is gone")
	require.ErrorContains(t, err, "starter reconcile")
	require.ErrorIs(t, err, tenant.ErrRunGone)
	var unavailable *tenant.UnavailableError
	require.ErrorAs(t, err, &unavailable)
	require.Equal(t, workflows.ReconcileInterval, unavailable.RetryAfter)
	require.Equal(t, []audit{{"ada", "retry", "refused"}}, b.audits(t, o.ID))

	never := b.create(t)
	b.exec(t, `UPDATE operations SET state = 'RUNNING', run_id = 'lost', dispatch_after = now() + interval '1 hour' WHERE id = $1`, string(never.ID))
	_, err = b.service.Act(b.ctx, never.ID, tenant.ActionRollback, because, operator)
	require.ErrorIs(t, err, tenant.ErrUnavailable)
}

// TestAnActionWhileTemporalIsAway: nothing listens, or something does that
// never answers.
func TestAnActionWhileTemporalIsAway(t *testing.T) {
	t.Parallel()
	for what, address := range map[string]func(*testing.T) string{
		"nothing listens": func(*testing.T) string { return away },
		"nothing answers": silent,
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			o := b.create(t)
			b.exec(t, `UPDATE operations SET state = 'NEEDS_ATTENTION', run_id = 'r' WHERE id = $1`, string(o.ID))
			b.config.Temporal = clientOf(t, address(t), "none")
			_, err := b.requireAnswer(t, o.ID, tenant.ActionRetry, because)
			require.ErrorIs(t, err, tenant.ErrUnavailable)
			require.ErrorContains(t, err, "TEMPORAL_ADDRESS")
			require.Equal(t, []audit{{"ada", "retry", "refused"}}, b.audits(t, o.ID))
		})
	}
}

// TestTemporalAnswersThatItHasNoSuchNamespace, which is not that it does not
// answer.
func TestTemporalAnswersThatItHasNoSuchNamespace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	o := b.create(t)
	b.exec(t, `UPDATE operations SET state = 'NEEDS_ATTENTION', run_id = 'r' WHERE id = $1`, string(o.ID))
	b.config.Temporal = clientOf(t, os.Getenv("TEMPORAL_ADDRESS"), "there-is-none")
	_, err := patient(b.config).Act(b.ctx, o.ID, tenant.ActionRetry, because, operator)
	var unavailable *tenant.UnavailableError
	require.ErrorAs(t, err, &unavailable)
	require.Equal(t, "Temporal has no such namespace: the action was not taken, send it again", unavailable.Reason)
	require.ErrorContains(t, err, "TEMPORAL_NAMESPACE")
}

// silent takes connections and never says a word.
func silent(t *testing.T) string {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l.Addr().String()
}

// stale shows an operation as it was.
type stale struct {
	operations.OperationStore
	was tenant.State
}

func (s stale) Find(ctx context.Context, id tenant.OperationID) (tenant.Operation, error) {
	o, err := s.OperationStore.Find(ctx, id)
	o.State = s.was
	return o, err
}

// TestTheRunHasTheLastWord: a row that is read just before it changes allows
// what the run then refuses; its refusal is the answer.
func TestTheRunHasTheLastWord(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.work(t)
	release := b.outside.hold()
	defer release()
	b.dispatch(t)
	o := b.create(t)
	b.reaches(t, o.ID, tenant.StateRunning)
	b.config.Operations = stale{b.config.Operations, tenant.StateNeedsAttention}
	_, err := patient(b.config).Act(b.ctx, o.ID, tenant.ActionRetry, because, operator)
	var refused *tenant.ActionRefusedError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, &tenant.ActionRefusedError{Action: tenant.ActionRetry, State: tenant.StateRunning, Allowed: []tenant.Action{tenant.ActionRollback}}, refused)
	require.Eventually(t, func() bool { return len(b.audits(t, o.ID)) == 1 }, patience, 20*time.Millisecond)
	release()
	b.reaches(t, o.ID, tenant.StateSucceeded)
}

// TestARunMayBeFaster: what was waiting when it was looked at is running when
// it is rolled back; then its run does it.
func TestARunMayBeFaster(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.work(t)
	release := b.outside.hold()
	defer release()
	b.dispatch(t)
	o := b.create(t)
	b.reaches(t, o.ID, tenant.StateRunning)
	first := &onceStale{OperationStore: b.config.Operations}
	b.config.Operations = first
	_, err := patient(b.config).Act(b.ctx, o.ID, tenant.ActionRollback, because, operator)
	require.NoError(t, err)
	release()
	b.reaches(t, o.ID, tenant.StateRolledBack)
}

// onceStale shows an operation as waiting the first time.
type onceStale struct {
	operations.OperationStore
	looked bool
}

func (s *onceStale) Find(ctx context.Context, id tenant.OperationID) (tenant.Operation, error) {
	o, err := s.OperationStore.Find(ctx, id)
	if !s.looked {
		s.looked, o.State = true, tenant.StatePending
	}
	return o, err
}
