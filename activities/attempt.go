package activities

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"go.temporal.io/sdk/activity"

	"tenant-provisioning/internal/tenant"
)

// FailureLog keeps failed attempts where an operator finds them, and tells when
// many fail alike.
type FailureLog interface {
	Breaker
	RecordFailure(ctx context.Context, f tenant.Fence, fail tenant.Failure) error
}

// recordTimeout bounds the writing of a failure, which must not hold up the
// next attempt while the database is away.
const recordTimeout = 3 * time.Second

// reportTime is what an attempt leaves of its time, at most, for its failure to
// be written down and told. Else Temporal would only know that its time was up:
// nobody would say why, and a step could use up its budget in an incident.
const reportTime = recordTimeout + time.Second

// inTime ends what an attempt does early enough to tell of it. A local attempt
// is followed by a plain one in any case, and has no time to leave.
func inTime(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, limited := ctx.Deadline()
	if !limited || activity.GetInfo(ctx).IsLocalActivity {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(reportTime, time.Until(deadline)/4)))
}

// attempt runs one attempt at a step. A failure goes into the step's log, with
// its true duration, and its cause into the worker's log: the error that
// leaves here holds only what may be shown. do sets the attempt's id when it has
// logged the start.
func attempt(ctx context.Context, log FailureLog, f tenant.Fence, b Budget, step tenant.Step, do func(context.Context, *tenant.AttemptID) error) error {
	if f.State == tenant.StateRunning { // an undo goes on by itself, however long it takes
		if in := mustWait(ctx, log, step); in != nil {
			return in.asError()
		}
	}
	ctx, cancel := inTime(ctx)
	defer cancel()
	started := time.Now()
	var id tenant.AttemptID
	err := safely(func() error { return do(ctx, &id) })
	if err == nil {
		return nil
	}
	if errors.Is(err, tenant.ErrSuperseded) {
		return classify(step, err)
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) && errors.Is(context.Cause(ctx), context.Canceled) {
		return context.Canceled // asked to stop: not a failure of the step
	}
	lost, err := cutShort(ctx, err)
	logger := activity.GetLogger(ctx)
	logger.Error("attempt failed", "step", step, "error", err)
	fail := describe(step, err)
	fail.Attempt = int(activity.GetInfo(ctx).Attempt)
	took := time.Since(started)
	recordCtx, stop := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer stop()
	in := record(recordCtx, log, f, tenant.Failure{
		Attempt: id, Step: fail.Step, Class: fail.Class, Dependency: dependency(err), Reason: fail.Reason,
		Permanent: fail.Permanent, Lost: lost || queued(err), Alone: alone(err), Duration: took,
	})
	if in != nil && !fail.Permanent && f.State == tenant.StateRunning {
		return in.asError()
	}
	if !fail.Permanent && !lost && !queued(err) {
		fail.usedUp = b.spend(ctx, took, retryAfter(err))
	}
	return fail.asError(err)
}

// safely turns a panic into a failure of the attempt: Temporal would repeat it
// for ever, and nobody would be asked.
func safely(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return do()
}

// cutShort explains the error of an attempt that ended only because its context
// did: its time was up, or Temporal did not answer the worker's heartbeats. In
// the latter case it is lost, and says nothing of what the step needs.
func cutShort(ctx context.Context, err error) (lost bool, explained error) {
	_, told := errors.AsType[*tenant.StepError](err)
	if told || ctx.Err() == nil || !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return false, err
	}
	return errors.Is(ctx.Err(), context.Canceled), &tenant.StepError{
		Reason: "the attempt was cut short: its time was up, or Temporal did not answer the worker",
		Err:    err,
	}
}

// record writes a failure into the step's log, and returns the incident that
// it is a part of, if it is.
func record(ctx context.Context, log FailureLog, f tenant.Fence, fail tenant.Failure) *Wait {
	logger := activity.GetLogger(ctx)
	if err := log.RecordFailure(ctx, f, fail); err != nil {
		logger.Warn("the failed attempt is missing from provisioning_logs", "step", fail.Step, "error", err)
		return outage(ctx, log, fail.Step, err)
	}
	if fail.Permanent || fail.Lost || fail.Alone {
		return nil
	}
	incident, opened, err := log.Detect(ctx, fail)
	if err != nil {
		logger.Warn("nobody knows whether others fail alike", "step", fail.Step, "error", err)
		return outage(ctx, log, fail.Step, err)
	}
	announce(ctx, incident, opened)
	if incident.ID == 0 {
		return nil
	}
	return waitFor(fail.Step, incident)
}
