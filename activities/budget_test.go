package activities_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/tenant"
)

// repeated has a step repeated as a run does, where time passes by itself: the
// pauses after the attempts are 1, 2, 4, 8, 8, … seconds.
func repeated(t *testing.T, lasts time.Duration, undo bool, do func(context.Context) error) (attempts int, err error) {
	t.Helper()
	b := activities.Budget{Lasts: lasts, FirstPause: time.Second, LongestPause: 8 * time.Second}
	s := &store{do: func(ctx context.Context) error { attempts++; return do(ctx) }}
	a := &activities.Schema{Store: s, Failures: s}
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(time.Minute)
	env.RegisterActivity(a)
	env.ExecuteWorkflow(func(ctx workflow.Context) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			StartToCloseTimeout: time.Minute,
			RetryPolicy: &temporal.RetryPolicy{
				InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 8 * time.Second, MaximumAttempts: 1000,
			},
		})
		if undo {
			return workflow.ExecuteActivity(ctx, a.DropSchema, fence, b).Get(ctx, nil)
		}
		return workflow.ExecuteActivity(ctx, a.CreateSchema, fence, b).Get(ctx, nil)
	})
	return attempts, env.GetWorkflowError()
}

// TestABudgetIsUsedUpByWhatFails: each attempt and the pause after it. The step's
// own words are kept.
func TestABudgetIsUsedUpByWhatFails(t *testing.T) {
	t.Parallel()
	fails := func(context.Context) error { return &tenant.StepError{Class: tenant.ClassCapacity, Reason: "no room"} }
	for budget, want := range map[time.Duration]int{
		time.Millisecond: 1, 1500 * time.Millisecond: 2, 10 * time.Second: 4, 20 * time.Second: 5, time.Minute: 10,
	} {
		for _, undo := range []bool{false, true} {
			attempts, err := repeated(t, budget, undo, fails)
			require.Equal(t, want, attempts, "%s, undo: %t", budget, undo)
			f := failure(t, err)
			require.Equal(t, "no room", f.Reason)
			require.False(t, f.Permanent)
		}
	}
}

// TestAPauseThatAFailureAsksForCounts, since nothing else is tried meanwhile.
func TestAPauseThatAFailureAsksForCounts(t *testing.T) {
	t.Parallel()
	attempts, err := repeated(t, time.Minute, false, func(context.Context) error {
		return &tenant.StepError{Reason: "later", RetryAfter: 25 * time.Second}
	})
	require.Equal(t, 3, attempts)
	require.Equal(t, "later", failure(t, err).Reason)
}

// TestWhoOnlyWaitedForItsTurnHasUsedNothing, however often.
func TestWhoOnlyWaitedForItsTurnHasUsedNothing(t *testing.T) {
	t.Parallel()
	n := 0
	attempts, err := repeated(t, 3*time.Second, false, func(context.Context) error {
		if n++; n <= 20 {
			return &tenant.StepError{Class: tenant.ClassCapacity, Reason: "not my turn", Queued: true}
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 21, attempts)
}

// TestAPanicUsesTheBudgetUpToo: else it would be repeated for ever, unseen.
func TestAPanicUsesTheBudgetUpToo(t *testing.T) {
	t.Parallel()
	attempts, err := repeated(t, 2*time.Second, false, func(context.Context) error {
		panic(errors.New(secret))
	})
	require.Equal(t, 2, attempts)
	require.NotContains(t, err.Error(), secret)
	require.Contains(t, failure(t, err).Reason, "unexpected")
}

// TestWithoutABudgetAStepIsRepeatedForEver, as one is whose activity an older
// worker has scheduled.
func TestWithoutABudgetAStepIsRepeatedForEver(t *testing.T) {
	t.Parallel()
	n := 0
	attempts, err := repeated(t, 0, false, func(context.Context) error {
		if n++; n <= 500 {
			return &tenant.StepError{Reason: "no"}
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 501, attempts)
}
