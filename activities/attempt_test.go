package activities_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/tenant"
)

// TestWhatHasFailed is told where it is not what the step's failures are put
// down to.
func TestWhatHasFailed(t *testing.T) {
	t.Parallel()
	s := &store{do: func(context.Context) error {
		return fmt.Errorf("begin: %w", &tenant.StepError{Reason: "no", Dependency: tenant.DependencyLedger})
	}}
	a := &activities.Activation{Store: s, Failures: s}
	_, err := run(t, a, a.MarkActive, fence)
	require.Error(t, err)
	require.Equal(t, tenant.DependencyLedger, s.failures[0].Dependency)
	require.Equal(t, tenant.DependencyLedger, s.failures[0].DependsOn())
}

const secret = "postgres://admin:s3cr3t@db.internal"

// TestWhatIsRetried: what an adapter knows to be permanent is not, all else is.
func TestWhatIsRetried(t *testing.T) {
	t.Parallel()
	known := &tenant.StepError{
		Step: tenant.StepRunMigrations, Class: tenant.ClassCapacity, Reason: "the disk is full", RetryAfter: 15 * time.Second, Err: errors.New(secret),
	}
	forGood := *known
	forGood.Permanent, forGood.Class = true, tenant.ClassConflict
	for what, c := range map[string]struct {
		err     error
		retried bool
		want    activities.StepFailure
	}{
		"passing":             {known, true, activities.StepFailure{Step: tenant.StepRunMigrations, Class: tenant.ClassCapacity, Reason: "the disk is full"}},
		"passing, wrapped":    {fmt.Errorf("create the schema: %w", known), true, activities.StepFailure{Step: tenant.StepRunMigrations, Class: tenant.ClassCapacity, Reason: "the disk is full"}},
		"permanent":           {&forGood, false, activities.StepFailure{Step: tenant.StepRunMigrations, Class: tenant.ClassConflict, Reason: "the disk is full", Permanent: true}},
		"permanent, wrapped":  {fmt.Errorf("create the schema: %w", &forGood), false, activities.StepFailure{Step: tenant.StepRunMigrations, Class: tenant.ClassConflict, Reason: "the disk is full", Permanent: true}},
		"permanent, joined":   {errors.Join(errors.New(secret), &forGood), false, activities.StepFailure{Step: tenant.StepRunMigrations, Class: tenant.ClassConflict, Reason: "the disk is full", Permanent: true}},
		"step not said":       {&tenant.StepError{Reason: "no"}, true, activities.StepFailure{Step: tenant.StepCreateSchema, Reason: "no"}},
		"unforeseen":          {errors.New("dial " + secret), true, activities.StepFailure{Step: tenant.StepCreateSchema, Reason: "an unexpected error; the worker's log has it"}},
		"a lapsed deadline":   {context.DeadlineExceeded, true, activities.StepFailure{Step: tenant.StepCreateSchema, Reason: "an unexpected error; the worker's log has it"}},
		"a cancel of its own": {context.Canceled, true, activities.StepFailure{Step: tenant.StepCreateSchema, Reason: "an unexpected error; the worker's log has it"}},
	} {
		s := &store{do: func(context.Context) error { return c.err }}
		a := &activities.Schema{Store: s, Failures: s}
		logged, err := run(t, a, a.CreateSchema, fence)
		require.Equal(t, c.want, failure(t, err), what)
		require.Equal(t, c.retried, retried(t, err), what)
		require.False(t, activities.Superseded(err))
		require.NotContains(t, err.Error(), secret, what)
		require.Contains(t, logged, "attempt failed", what)
		require.Equal(t, strings.Contains(c.err.Error(), secret), strings.Contains(logged, secret), "the worker's log has the cause")
		require.Len(t, s.failures, 1)
		require.Equal(t, tenant.Failure{Step: c.want.Step, Class: c.want.Class, Reason: c.want.Reason, Permanent: c.want.Permanent, Duration: s.failures[0].Duration}, s.failures[0])
		var app *temporal.ApplicationError
		require.ErrorAs(t, err, &app)
		require.Equal(t, activities.ErrTypeStep, app.Type())
		if what == "passing" {
			require.Equal(t, 15*time.Second, app.NextRetryDelay())
		}
	}
}

// TestASupersededAttemptIsNoFailure: it changed nothing, is not repeated and
// stands in no log.
func TestASupersededAttemptIsNoFailure(t *testing.T) {
	t.Parallel()
	s := &store{do: func(context.Context) error { return fmt.Errorf("pass the fence: %w", tenant.ErrSuperseded) }}
	for _, c := range steps(s) {
		_, err := run(t, c.of, c.do, c.arg)
		require.True(t, activities.Superseded(err))
		require.False(t, retried(t, err))
		_, explained := activities.Failure(err)
		require.False(t, explained)
	}
	require.Empty(t, s.failures)
}

type step struct {
	of, do, arg any
	is          tenant.Step
}

// steps are the activities that do one thing in the database.
func steps(s *store) []step {
	schema, activation, operation := &activities.Schema{Store: s, Failures: s}, &activities.Activation{Store: s, Failures: s}, s.operation()
	return []step{
		{schema, schema.CreateSchema, fence, tenant.StepCreateSchema},
		{schema, schema.DropSchema, fence, tenant.StepCreateSchema},
		{activation, activation.MarkActive, fence, tenant.StepMarkActive},
		{operation, operation.ClaimOperation, fence, ""},
		{operation, operation.MoveOperation, tenant.Move{Fence: fence}, ""},
		{operation, operation.AuditAction, tenant.AuditEntry{}, ""},
	}
}

func TestEachStepCallsItsStoreOnce(t *testing.T) {
	t.Parallel()
	s := &store{}
	for _, c := range steps(s) {
		_, err := run(t, c.of, c.do, c.arg)
		require.NoError(t, err)
	}
	require.Equal(t, []string{"CreateSchema", "DropSchema", "MarkActive", "Claim", "Move", "AuditRequest"}, s.calls)
	require.Empty(t, s.failures)
}

// TestTheFailuresDurationIsTrue: it is the time of the attempt, without that of
// writing it down.
func TestTheFailuresDurationIsTrue(t *testing.T) {
	t.Parallel()
	s := &store{do: slowly(errors.New("no"))}
	for _, c := range steps(s)[:3] {
		started := time.Now()
		_, err := run(t, c.of, c.do, c.arg)
		all := time.Since(started)
		require.Error(t, err)
		last := s.failures[len(s.failures)-1]
		require.Equal(t, c.is, last.Step)
		require.GreaterOrEqual(t, last.Duration, took)
		require.LessOrEqual(t, last.Duration, all)
	}
}

// TestAFailureThatCannotBeWrittenIsStillAFailure of its own kind.
func TestAFailureThatCannotBeWrittenIsStillAFailure(t *testing.T) {
	t.Parallel()
	s := &store{
		do:        func(context.Context) error { return &tenant.StepError{Reason: "no", Permanent: true} },
		recordErr: errors.New("the database is away"),
	}
	a := &activities.Activation{Store: s, Failures: s}
	logged, err := run(t, a, a.MarkActive, fence)
	require.Equal(t, activities.StepFailure{Step: tenant.StepMarkActive, Reason: "no", Permanent: true}, failure(t, err))
	require.Contains(t, logged, "missing from provisioning_logs")
}

// TestACancelIsNoFailure: an attempt that was asked to stop is reported as
// such, and stands in no log as failed.
func TestACancelIsNoFailure(t *testing.T) {
	t.Parallel()
	s := &store{do: func(ctx context.Context) error {
		<-ctx.Done()
		return fmt.Errorf("create the schema: %w", ctx.Err())
	}}
	a := &activities.Schema{Store: s, Failures: s}
	requireCancelled(t, cancelledAttempt(t, a, a.CreateSchema))
	require.Empty(t, s.failures)

	// One that has ended in another way by then has failed.
	s.do = func(ctx context.Context) error {
		<-ctx.Done()
		return &tenant.StepError{Reason: "the disk is full"}
	}
	require.Equal(t, "the disk is full", failure(t, cancelledAttempt(t, a, a.CreateSchema)).Reason)
	require.Len(t, s.failures, 1, "although its context had ended")
}

// TestAWriteOfTheStateIsAlwaysRepeated: an operation whose state cannot be
// written must not end.
func TestAWriteOfTheStateIsAlwaysRepeated(t *testing.T) {
	t.Parallel()
	s := &store{do: func(context.Context) error {
		return &tenant.StepError{Reason: "rejected " + secret, Permanent: true}
	}}
	for _, c := range steps(s)[3:] {
		_, err := run(t, c.of, c.do, c.arg)
		require.True(t, retried(t, err))
		require.Contains(t, err.Error(), "check that PostgreSQL runs and is migrated")
		require.NotContains(t, err.Error(), secret)
	}
}

func TestAClaimTellsWhatItFound(t *testing.T) {
	t.Parallel()
	a := (&store{}).operation()
	c, err := a.ClaimOperation(t.Context(), fence)
	require.NoError(t, err)
	require.Equal(t, tenant.Claim{Claimed: true, PivotPassed: true}, c)
}

// TestAnAttemptThatWasCutShortSaysSo: nobody asked it to stop, and the step
// itself has not failed. Many of these make no incident of what the step needs.
func TestAnAttemptThatWasCutShortSaysSo(t *testing.T) {
	t.Parallel()
	s := &store{detected: tenant.Incident{ID: 7}, do: func(ctx context.Context) error {
		<-ctx.Done()
		return fmt.Errorf("create the schema: %w", ctx.Err())
	}}
	a := &activities.Schema{Store: s, Failures: s}
	f := failure(t, interruptedAttempt(t, a, a.CreateSchema, errors.New("no answer to a heartbeat")))
	require.Contains(t, f.Reason, "Temporal did not answer the worker")
	require.False(t, f.Permanent)
	require.Len(t, s.failures, 1)
	require.True(t, s.failures[0].Lost)
}
