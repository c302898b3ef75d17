package activities_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/tenant"
)

var open = tenant.Incident{ID: 3, Dependency: tenant.DependencyDatabase, Cause: "connections are used up"}

// waits checks that an attempt waits, and has not used up its budget.
func waits(t *testing.T, err error) activities.Wait {
	t.Helper()
	w, waiting := activities.Waiting(err)
	require.True(t, waiting, "%v", err)
	require.False(t, retried(t, err), "it is the workflow that waits")
	return w
}

// TestNothingIsTriedDuringAnIncident but undos, which go on by themselves.
func TestNothingIsTriedDuringAnIncident(t *testing.T) {
	t.Parallel()
	s := &store{incident: open}
	a := &activities.Schema{Store: s, Failures: s}
	_, err := run(t, a, a.CreateSchema, fence)
	require.Equal(t, activities.Wait{Step: tenant.StepCreateSchema, Incident: open}, waits(t, err))
	require.Empty(t, s.calls)
	undo := fence
	undo.State = tenant.StateRollingBack
	_, err = run(t, a, a.DropSchema, undo)
	require.NoError(t, err)
	require.Equal(t, []string{"DropSchema"}, s.calls)
}

// TestAFailureThatIsPartOfAnIncidentWaits, and one that is not mended by
// waiting does not.
func TestAFailureThatIsPartOfAnIncidentWaits(t *testing.T) {
	t.Parallel()
	s := &store{detected: open, do: func(context.Context) error { return &tenant.StepError{Reason: "no connection"} }}
	a := &activities.Schema{Store: s, Failures: s}
	logged, err := run(t, a, a.CreateSchema, fence)
	require.Equal(t, open, waits(t, err).Incident)
	require.Contains(t, logged, "INCIDENT")
	require.Len(t, s.failures, 1)

	s.do = func(context.Context) error { return &tenant.StepError{Reason: "never", Permanent: true} }
	_, err = run(t, a, a.CreateSchema, fence)
	require.Equal(t, "never", failure(t, err).Reason)
}

// TestAnIncidentThatComesBackTooOftenIsNotWaitedFor: its probe succeeds, and work
// fails, so that nothing would ever use up its budget.
func TestAnIncidentThatComesBackTooOftenIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	again := open
	again.Reopened = tenant.IncidentRelapses
	for name, s := range map[string]*store{
		"before":                      {incident: again},
		"after a failure":             {detected: again},
		"after one that nobody noted": {outage: again, recordErr: tenant.ErrUnavailable},
	} {
		s.do = func(context.Context) error { return &tenant.StepError{Reason: "no connection"} }
		a := &activities.Schema{Store: s, Failures: s}
		_, err := run(t, a, a.CreateSchema, fence)
		waits(t, err)
		s.incident.Reopened, s.detected.Reopened, s.outage.Reopened = again.Reopened+1, again.Reopened+1, again.Reopened+1
		_, err = run(t, a, a.CreateSchema, fence)
		require.Equal(t, "no connection", failure(t, err).Reason, name)
		require.True(t, retried(t, err), "within its budget")
		require.NoError(t, awaitEnd(s.operation(), again), "and nobody waits for it any more")
	}
}

// TestADatabaseThatDoesNotAnswerIsAnOutage, and nothing else is.
func TestADatabaseThatDoesNotAnswerIsAnOutage(t *testing.T) {
	t.Parallel()
	s := &store{breakerErr: fmt.Errorf("ask: %w", tenant.ErrUnavailable)}
	a := &activities.Schema{Store: s, Failures: s}
	_, err := run(t, a, a.CreateSchema, fence)
	w := waits(t, err)
	require.Zero(t, w.Incident.ID)
	require.Equal(t, tenant.DependencyDatabase, w.Incident.Dependency)
	require.Empty(t, s.outages, "who cannot be asked can be told nothing")

	s = &store{breakerErr: context.DeadlineExceeded}
	a = &activities.Schema{Store: s, Failures: s}
	_, err = run(t, a, a.CreateSchema, fence)
	require.NoError(t, err)
}

// TestADatabaseThatTakesNoFailureIsAnOutage, which is an incident where it can
// still be written down.
func TestADatabaseThatTakesNoFailureIsAnOutage(t *testing.T) {
	t.Parallel()
	full := fmt.Errorf("log the failure: %w", tenant.ErrUnavailable)
	for name, c := range map[string]struct {
		outage tenant.Incident
		err    error
		says   string
	}{
		"too few":      {},
		"no room":      {err: full, says: "cannot be written down"},
		"written down": {outage: open, says: "INCIDENT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &store{
				recordErr: full, outage: c.outage, outageErr: c.err,
				do: func(context.Context) error { return &tenant.StepError{Reason: "the disk is full"} },
			}
			a := &activities.Schema{Store: s, Failures: s}
			logged, err := run(t, a, a.CreateSchema, fence)
			w := waits(t, err)
			require.Equal(t, c.outage.ID, w.Incident.ID)
			require.Equal(t, tenant.DependencyDatabase, w.Incident.Dependency)
			require.NotEmpty(t, w.Incident.Cause)
			require.Contains(t, logged, c.says)
			require.Equal(t, []error{full}, s.outages)
		})
	}
}

// TestAStateThatCannotBeWrittenMakesTheOutageKnown, and is tried again.
func TestAStateThatCannotBeWrittenMakesTheOutageKnown(t *testing.T) {
	t.Parallel()
	full := fmt.Errorf("claim: %w", tenant.ErrUnavailable)
	s := &store{outage: open, do: func(context.Context) error { return full }}
	a := s.operation()
	logged, err := run(t, a, a.ClaimOperation, fence)
	require.True(t, retried(t, err))
	require.Contains(t, logged, "INCIDENT")
	require.Equal(t, []error{full}, s.outages)
}

// TestAnOutageLastsUntilWritesAreTaken, although nobody has written it down.
func TestAnOutageLastsUntilWritesAreTaken(t *testing.T) {
	t.Parallel()
	s := &store{refusals: 3}
	a := s.operation()
	require.NoError(t, awaitEnd(a, tenant.Incident{Dependency: tenant.DependencyDatabase}))
	require.Zero(t, s.refusals)
	require.Len(t, s.outages, 3, "each may be the one that finds room for the incident")
}

// awaitEnd waits as a workflow does.
func awaitEnd(a *activities.Operation, i tenant.Incident) error {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(time.Minute)
	env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: time.Minute})
	env.RegisterActivity(a)
	env.ExecuteWorkflow(func(ctx workflow.Context) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
		return workflow.ExecuteActivity(ctx, a.AwaitIncidentEnd, activities.Wait{Step: tenant.StepCreateSchema, Incident: i}).Get(ctx, nil)
	})
	return env.GetWorkflowError()
}

// TestTheWaitIsBetweenAttempts, each at a time of its own.
func TestTheWaitIsBetweenAttempts(t *testing.T) {
	t.Parallel()
	a := (&store{}).operation()
	delays := map[time.Duration]bool{}
	for range 20 {
		_, err := run(t, a, a.AwaitIncidentEnd, activities.Wait{Step: tenant.StepCreateSchema, Incident: open})
		var app *temporal.ApplicationError
		require.ErrorAs(t, err, &app)
		require.True(t, retried(t, err))
		require.GreaterOrEqual(t, app.NextRetryDelay(), 5*time.Second)
		require.Less(t, app.NextRetryDelay(), 15*time.Second)
		delays[app.NextRetryDelay()] = true
	}
	require.Greater(t, len(delays), 10, "jitter")
}
