package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"

	"tenant-provisioning/internal/tenant"
)

// FailureLog keeps failed attempts where an operator finds them.
type FailureLog interface {
	RecordFailure(ctx context.Context, f tenant.Fence, fail tenant.Failure) error
}

// recordTimeout bounds the writing of a failure, which must not hold up the
// next attempt while the database is away.
const recordTimeout = 3 * time.Second

// attempt runs one attempt at a step. A failure goes into the step's log, with
// its true duration, and its cause into the worker's log: the error that
// leaves here holds only what may be shown.
func attempt(ctx context.Context, log FailureLog, f tenant.Fence, step tenant.Step, do func(context.Context) error) error {
	started := time.Now()
	err := do(ctx)
	if err == nil {
		return nil
	}
	if errors.Is(err, tenant.ErrSuperseded) {
		return classify(step, err)
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) && errors.Is(context.Cause(ctx), context.Canceled) {
		return context.Canceled // asked to stop: not a failure of the step
	}
	logger := activity.GetLogger(ctx)
	logger.Error("attempt failed", "step", step, "tenant", f.Tenant, "operation", f.Operation, "error", err)
	fail := describe(step, err)
	fail.Attempt = int(activity.GetInfo(ctx).Attempt)
	recordCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if rerr := log.RecordFailure(recordCtx, f, tenant.Failure{
		Step: fail.Step, Class: fail.Class, Reason: fail.Reason, Duration: time.Since(started),
	}); rerr != nil {
		logger.Warn("the failed attempt is missing from provisioning_logs", "step", step, "operation", f.Operation, "error", rerr)
	}
	return fail.asError(err)
}
