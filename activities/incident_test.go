package activities_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

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
	a := &activities.Schema{Store: s}
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
	a := &activities.Schema{Store: s}
	logged, err := run(t, a, a.CreateSchema, fence)
	require.Equal(t, open, waits(t, err).Incident)
	require.Contains(t, logged, "INCIDENT")
	require.Len(t, s.failures, 1)

	s.do = func(context.Context) error { return &tenant.StepError{Reason: "never", Permanent: true} }
	_, err = run(t, a, a.CreateSchema, fence)
	require.Equal(t, "never", failure(t, err).Reason)
}

// TestAnUnknownDatabaseIsAnOutage when it does not answer or takes no failure,
// and nothing else is.
func TestAnUnknownDatabaseIsAnOutage(t *testing.T) {
	t.Parallel()
	away := fmt.Errorf("ask: %w", tenant.ErrUnavailable)
	for _, s := range []*store{
		{breakerErr: away},
		{recordErr: away, do: func(context.Context) error { return &tenant.StepError{Reason: "the disk is full"} }},
	} {
		a := &activities.Schema{Store: s}
		_, err := run(t, a, a.CreateSchema, fence)
		w := waits(t, err)
		require.Zero(t, w.Incident.ID)
		require.Equal(t, tenant.DependencyDatabase, w.Incident.Dependency)
	}
	s := &store{breakerErr: context.DeadlineExceeded}
	a := &activities.Schema{Store: s}
	_, err := run(t, a, a.CreateSchema, fence)
	require.NoError(t, err)
}

// TestTheWaitIsBetweenAttempts, each at a time of its own.
func TestTheWaitIsBetweenAttempts(t *testing.T) {
	t.Parallel()
	a := &activities.Operation{Store: &store{}}
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
