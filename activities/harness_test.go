package activities_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/tenant"
)

var fence = tenant.Fence{
	Operation: "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f22", Tenant: "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11",
	Generation: 1, Run: "run", State: tenant.StateRunning,
}

// run runs one attempt at an activity of a, as a worker does, and returns what
// the worker's log says of it, and its error.
func run(t *testing.T, a any, name any, args ...any) (logged string, err error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	var text buffer
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.NewTextHandler(&text, nil))))
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivity(a)
	_, err = env.ExecuteActivity(name, withBudget(name, args)...)
	return text.String(), err
}

// withBudget adds the budget that the activity of a step takes: for ever.
func withBudget(name any, args []any) []any {
	if of := reflect.TypeOf(name); of.NumIn() > len(args)+1 {
		return append(args, activities.Budget{})
	}
	return args
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// store is the database of every step: it does what do says and keeps the
// failures.
type store struct {
	do        func(context.Context) error
	recordErr error
	// incident is open; detected is found after a failure; breakerErr answers
	// whoever asks for one.
	incident, detected tenant.Incident
	breakerErr         error
	// outage is the one that is open after a refused write, or outageErr why it
	// could not be written down.
	outage    tenant.Incident
	outageErr error
	outages   []error
	// refusals is how many writes are yet refused.
	refusals int

	failures []tenant.Failure
	calls    []string
}

func (s *store) call(ctx context.Context, name string) error {
	s.calls = append(s.calls, name)
	if s.do == nil {
		return nil
	}
	return s.do(ctx)
}

func (s *store) RecordFailure(ctx context.Context, f tenant.Fence, fail tenant.Failure) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if f != fence {
		return errors.New("another fence")
	}
	s.failures = append(s.failures, fail)
	return s.recordErr
}

func (s *store) Blocking(context.Context, tenant.Step) (tenant.Incident, error) {
	return s.incident, s.breakerErr
}

func (s *store) Detect(context.Context, tenant.Failure) (tenant.Incident, bool, error) {
	return s.detected, s.detected.ID != 0, nil
}

func (s *store) DetectOutage(_ context.Context, refused error) (tenant.Incident, bool, error) {
	s.outages = append(s.outages, refused)
	if s.outage.ID == 0 {
		return tenant.Incident{Dependency: tenant.DependencyDatabase, Cause: "the disk is full"}, false, s.outageErr
	}
	return s.outage, len(s.outages) == 1, nil
}

func (s *store) TakesWrites(context.Context) error {
	if s.refusals == 0 {
		return nil
	}
	s.refusals--
	return fmt.Errorf("write: %w", tenant.ErrUnavailable)
}

func (s *store) Create(ctx context.Context, _ tenant.Fence) error {
	return s.call(ctx, "CreateSchema")
}

func (s *store) Drop(ctx context.Context, _ tenant.Fence) error {
	return s.call(ctx, "DropSchema")
}

func (s *store) Remove(ctx context.Context, _ tenant.Fence) error {
	return s.call(ctx, "RemoveSchema")
}

func (s *store) MarkActive(ctx context.Context, _ tenant.Fence) error {
	return s.call(ctx, "MarkActive")
}

func (s *store) GiveBack(ctx context.Context, _ tenant.Fence) error {
	return s.call(ctx, "GiveBack")
}

func (s *store) BeginStatus(ctx context.Context, _ tenant.Fence, _ tenant.Step) (tenant.AttemptID, string, bool, error) {
	return 0, "C", false, s.call(ctx, "BeginContractStatus")
}

func (s *store) CompleteStatus(ctx context.Context, _ tenant.Fence, _ tenant.Step, _ tenant.AttemptID) error {
	return s.call(ctx, "CompleteContractStatus")
}

func (s *store) Find(ctx context.Context, _ tenant.Fence) (string, error) {
	return "C", s.call(ctx, "ContractOf")
}

func (s *store) StatusUndone(ctx context.Context, _ tenant.Fence, _ tenant.Step, _ time.Duration) error {
	return s.call(ctx, "ContractStatusUndone")
}

func (s *store) SetStatus(ctx context.Context, _ tenant.Fence, _ string, to tenant.ContractStatus, _ func(string)) error {
	return s.call(ctx, "SetStatus "+string(to))
}

func (s *store) Claim(ctx context.Context, _ tenant.Fence) (tenant.Claim, error) {
	return tenant.Claim{Claimed: true, PivotPassed: true}, s.call(ctx, "Claim")
}

func (s *store) Move(ctx context.Context, _ tenant.Move) (tenant.Moved, error) {
	return tenant.Moved{}, s.call(ctx, "Move")
}

func (s *store) AppendRequest(ctx context.Context, _ tenant.AuditEntry) error {
	return s.call(ctx, "AuditRequest")
}

// operation is the activities that write an operation's state, on this store.
func (s *store) operation() *activities.Operation {
	return &activities.Operation{Store: s, Audit: s, Breaker: s, TakesWrites: s.TakesWrites}
}

// failure is what an activity's error tells an operator.
func failure(t *testing.T, err error) activities.StepFailure {
	t.Helper()
	f, explained := activities.Failure(err)
	require.True(t, explained, "%v", err)
	return activities.StepFailure{Step: f.Step, Class: f.Class, Reason: f.Reason, Permanent: f.Permanent}
}

// retried reports whether Temporal repeats an attempt that ended so.
func retried(t *testing.T, err error) bool {
	t.Helper()
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	return !app.NonRetryable()
}

// slowly takes a while that a duration can be compared with.
func slowly(err error) func(context.Context) error {
	return func(ctx context.Context) error {
		timer := time.NewTimer(took)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		return err
	}
}

const took = 30 * time.Millisecond

// cancelledAttempt runs an attempt that is asked to stop as soon as it waits.
func cancelledAttempt(t *testing.T, a any, name any) error {
	t.Helper()
	return interruptedAttempt(t, a, name, context.Canceled)
}

// interruptedAttempt runs an attempt whose context ends for the given cause as
// soon as it waits.
func interruptedAttempt(t *testing.T, a any, name any, cause error) error {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	env.SetWorkerOptions(worker.Options{BackgroundActivityContext: ctx})
	env.RegisterActivity(a)
	timer := time.AfterFunc(took, func() { cancel(cause) })
	defer timer.Stop()
	_, err := env.ExecuteActivity(name, withBudget(name, []any{fence})...)
	return err
}

// requireCancelled tells a cancel from a failure of the step.
func requireCancelled(t *testing.T, err error) {
	t.Helper()
	require.ErrorContains(t, err, context.Canceled.Error())
	_, explained := activities.Failure(err)
	require.False(t, explained)
}

// heartbeats passes on what an attempt tells.
func heartbeats(heard chan<- string) func(*activity.Info, converter.EncodedValues) {
	return func(_ *activity.Info, details converter.EncodedValues) {
		var told struct {
			Doing string `json:"doing"`
		}
		if details.Get(&told) == nil {
			heard <- told.Doing
		}
	}
}
