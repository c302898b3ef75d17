package runner

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows/saga"
)

// ErrTypeRolledBack is the type of the error with which a rolled-back run
// closes.
const ErrTypeRolledBack = "RolledBack"

// end brings the operation to its end, whichever way the run went. A run that
// has lost its operation, at whatever point, ends quietly: another writes what
// becomes of it.
func (r *run) end(ctx workflow.Context, outcome error) error {
	err := r.conclude(ctx, outcome)
	if errors.Is(err, errSuperseded) {
		r.record.log.Info("superseded: the operation has gone on without this run")
		return nil
	}
	return err
}

func (r *run) conclude(ctx workflow.Context, outcome error) error {
	switch {
	case outcome == nil: // the last step has written SUCCEEDED with its own commit
		r.record.reach(ctx, tenant.StateSucceeded)
		return nil
	case errors.Is(outcome, errSuperseded):
		return outcome
	case errors.Is(outcome, errGivenUp):
		if r.record.state == tenant.StateSucceeded {
			return nil
		}
		return r.record.move(ctx, tenant.EventCancel, tenant.StateSucceeded, time.Time{}, r.optionalLeft()...)
	case r.record.pivotPassed, r.record.state != tenant.StateRollingBack:
		// Nothing is undone, whatever has gone wrong: the reconciler has another
		// run go on.
		return outcome
	default:
		return r.rollBack(ctx, outcome)
	}
}

// turnBack ends the way forward. The state is committed before the first undo,
// so that no late attempt adds to what is being undone, and only if the tenant
// is not active: an attempt at the pivot whose answer was lost, or that was
// stopped, may have passed it all the same.
func (r *run) turnBack(ctx workflow.Context, why error) error {
	event := r.explainRollback(why)
	if r.record.state == tenant.StateRollingBack { // a decision while parked has written it
		return nil
	}
	return r.record.move(ctx, event, tenant.StateRollingBack, time.Time{})
}

// rollBack undoes everything, newest first, out of reach of a cancel, and for
// as long as it takes.
func (r *run) rollBack(ctx workflow.Context, why error) error {
	if r.desk.intent != nil && r.desk.intent.action != tenant.ActionRollback {
		r.desk.drop("the rollback had begun before it was acted on")
	}
	r.desk.intent = nil
	cause := r.record.failure
	class := r.record.class
	wait := blockedRetryFirst
	for {
		failures := r.undos.Unwind(ctx)
		if len(failures) == 0 {
			break
		}
		if err := r.blocked(ctx, failures, wait); err != nil {
			return err
		}
		wait = min(2*wait, blockedRetryMax)
	}
	r.record.failure, r.record.class = cause, class
	if err := r.record.move(ctx, tenant.EventAllUndone, tenant.StateRolledBack, time.Time{}); err != nil {
		return err
	}
	if errors.Is(why, errCancelled) {
		return temporal.NewCanceledError("rolled back")
	}
	return temporal.NewApplicationErrorWithOptions("rolled back: "+cause.Reason, ErrTypeRolledBack, temporal.ApplicationErrorOptions{NonRetryable: true})
}

// explainRollback says why it is rolled back, where no step has failed.
func (r *run) explainRollback(why error) tenant.Event {
	switch {
	case errors.Is(why, errCancelled):
		r.record.class, r.record.failure.Reason = tenant.ClassCancelled, "the run was cancelled"
		return tenant.EventCancel
	case errors.Is(why, errRollback):
		r.record.class, r.record.failure.Reason = tenant.ClassCancelled, "rolled back on request"
		return tenant.EventRollback
	case errors.Is(why, errDeadline):
		return tenant.EventDeadline
	default:
		return tenant.EventStepFailedForGood
	}
}

// undoOf makes a step's undo: tried locally where the step is, then repeated
// for its budget.
func (r *run) undoOf(s boundStage) saga.Undo {
	return saga.Undo{Name: s.Stage.Undo.Name, Run: func(ctx workflow.Context) error {
		fence := r.record.fence(ctx, tenant.StateRollingBack)
		profile := s.undoProfile()
		budget := profile.budget(undoBudget)
		if profile.local {
			err := workflow.ExecuteLocalActivity(workflow.WithLocalActivityOptions(ctx, localOptions(s.Stage.Undo.Name)), s.Step.Undo, fence, budget).Get(ctx, nil)
			if err == nil || final(err) {
				return err
			}
		}
		return workflow.ExecuteActivity(
			workflow.WithActivityOptions(ctx, profile.plain(r.in.Queues, budget, s.Stage.Undo.Name)), s.Step.Undo, fence, budget).Get(ctx, nil)
	}}
}

// blocked parks a rollback that can't go on. It goes on by itself after wait,
// or when a person retries or skips the undo.
func (r *run) blocked(ctx workflow.Context, failures []saga.Failure, wait time.Duration) error {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	for _, f := range failures {
		r.record.log.Warn("undo failed", "undo", f.Name, "error", f.Err)
	}
	newest := failures[0]
	r.failUndo(newest)
	if err := r.record.move(ctx, tenant.EventUndoFailed, tenant.StateRollbackBlocked, time.Time{}); err != nil {
		return err
	}
	if _, err := r.awaitIntent(ctx, wait, "an undo is blocked", "it is tried again"); err != nil {
		return err
	}
	event, acted := tenant.EventRetry, r.desk.intent
	if acted != nil && acted.action == tenant.ActionSkip {
		r.undos.Drop(newest.Name)
		event = tenant.EventSkip
	}
	err := r.record.move(ctx, event, tenant.StateRollingBack, time.Time{})
	r.desk.done(acted, "the undos were being tried again before it was acted on")
	return err
}

// settle lets everything that was asked be answered and written before the run
// closes.
func (r *run) settle(ctx workflow.Context, outcome error) error {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	if err := workflow.Await(ctx, func() bool { return len(r.record.audits) == 0 && workflow.AllHandlersFinished(ctx) }); err != nil {
		return err
	}
	return outcome
}

// failUndo notes which undo has failed.
func (r *run) failUndo(f saga.Failure) {
	failure, explained := activities.Failure(f.Err)
	if !explained {
		failure.Reason = "no attempt to undo it came to an end in time"
	}
	failure.Reason = f.Name + ": " + failure.Reason
	r.record.failure, r.record.class = failure, tenant.ClassUndoFailed
}
