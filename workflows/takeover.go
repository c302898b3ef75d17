package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows/saga"
)

// errEarlierRun ends the way forward of an operation that an earlier run has
// begun, and that is to be undone.
var errEarlierRun = errors.New("rolled back: an earlier run has begun it")

// Why an operation is undone whose run was replaced.
const (
	wasTerminated  = "its run was terminated"
	undoWasBlocked = "an undo was blocked when its run ended"
)

// goOn does the operation from where it is to the end of its way forward.
// Whoever finds that the operation has gone on may have been overtaken by
// itself: a run that was reset repeats what its row has left behind.
func (r *run) goOn(ctx workflow.Context, c tenant.Claim) error {
	for {
		outcome := r.enter(ctx, c)
		if r.toBeUndone(outcome) {
			if err := r.turnBack(ctx, outcome); err != nil {
				outcome = err
			}
		}
		if !errors.Is(outcome, errSuperseded) {
			return outcome
		}
		found, err := r.claim(ctx)
		if err != nil {
			return err
		}
		if found.State.Closed() { // as when the answer of the last step's commit was lost
			r.reach(ctx, found.State)
		}
		if !found.Claimed {
			return outcome
		}
		c = found // where the row is, which may have lost what the run has seen: a failover, a restore
	}
}

// toBeUndone reports that the way forward has ended in a rollback.
func (r *run) toBeUndone(outcome error) bool {
	return outcome != nil && !r.pivotPassed && !errors.Is(outcome, errSuperseded) && !errors.Is(outcome, errGivenUp)
}

// enter goes on from a state. That is the beginning, unless the run was reset
// or has taken the operation over from one that was terminated. Nobody knows
// what a terminated run has left under way, so before the pivot everything is
// undone; after it, the rest is done. The steps tolerate being done again.
func (r *run) enter(ctx workflow.Context, c tenant.Claim) error {
	r.pivotPassed, r.undos = c.PivotPassed, saga.Stack{}
	if r.pivotPassed { // a rollback may have been accepted before that was known
		r.dropIntent("the tenant is active")
	}
	first := 0
	for r.pivotPassed && first < len(r.steps) {
		r.progress[first].State = "done"
		first++
		if r.steps[first-1].pivot {
			break
		}
	}
	switch c.State {
	case tenant.StateRunning, "":
		r.state, r.failure, r.class = tenant.StateRunning, activities.StepFailure{}, ""
		if c.TakenOver && !r.pivotPassed {
			return r.abandon(ctx, c, tenant.EventCancel, wasTerminated)
		}
		return r.forward(ctx, first)
	case tenant.StateNeedsAttention:
		r.reach(ctx, c.State)
		if c.TakenOver && !r.pivotPassed {
			return r.abandon(ctx, c, tenant.EventCancel, wasTerminated)
		}
		if err := r.move(ctx, tenant.EventRetry, tenant.StateRunning, time.Time{}); err != nil {
			return err
		}
		return r.forward(ctx, first)
	case tenant.StateRollbackBlocked:
		r.reach(ctx, c.State)
		return r.abandon(ctx, c, tenant.EventRetry, undoWasBlocked)
	case tenant.StateRollingBack:
		r.failure, r.class = activities.StepFailure{Step: c.FailedStep, Reason: c.Reason}, c.FailureClass
		if r.class == tenant.ClassUndoFailed { // the row tells of the undo that was tried again, no longer of the cause
			r.failure.Reason, r.class = undoWasBlocked, tenant.ClassCancelled
		}
		r.reach(ctx, c.State)
		r.pushUndos()
		return errEarlierRun
	case tenant.StatePending, tenant.StateSucceeded, tenant.StateRolledBack: // none of these is claimed
	}
	return errSuperseded
}

// abandon has everything undone that an earlier run may have done.
func (r *run) abandon(ctx workflow.Context, c tenant.Claim, event tenant.Event, why string) error {
	r.failure, r.class = activities.StepFailure{Step: c.FailedStep, Reason: why}, tenant.ClassCancelled
	r.pushUndos()
	if err := r.move(ctx, event, tenant.StateRollingBack, time.Time{}); err != nil {
		return err
	}
	return errEarlierRun
}

// pushUndos registers the undo of every step before the pivot: each tolerates
// that its step never ran.
func (r *run) pushUndos() {
	for _, s := range r.steps {
		if s.undo != nil {
			r.undos.Push(r.undoOf(s))
		}
	}
}
