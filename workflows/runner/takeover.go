package runner

import (
	"errors"
	"slices"
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
		outcome := r.goOnFrom(ctx, c)
		if r.toBeUndone(outcome) {
			if err := r.turnBack(ctx, outcome); err != nil {
				outcome = err
			}
		}
		if !errors.Is(outcome, errSuperseded) {
			return outcome
		}
		found, err := r.record.claim(ctx)
		if err != nil {
			return err
		}
		if found.State.Closed() { // as when the answer of the last step's commit was lost
			r.undos = saga.Stack{}
			r.record.failure, r.record.class = activities.StepFailure{Step: found.FailedStep, Reason: found.Reason}, found.FailureClass
			r.record.reach(ctx, found.State)
		}
		if found.State == tenant.StateSucceeded { // a rollback may have been accepted while the last step was done
			r.desk.drop(wasDone + " before it was acted on")
		}
		if !found.Claimed {
			return outcome
		}
		c = found // where the row is, which may have lost what the run has seen: a failover, a restore
	}
}

// toBeUndone reports that the way forward has ended in a rollback.
func (r *run) toBeUndone(outcome error) bool {
	return outcome != nil && !r.record.pivotPassed && !errors.Is(outcome, errSuperseded) && !errors.Is(outcome, errGivenUp)
}

// goOnFrom goes on from a state. That is the beginning, unless the run was reset
// or has taken the operation over from one that was terminated. Nobody knows
// what a terminated run has left under way, so before the pivot everything is
// undone, unless the kind fails closed; after it, the rest is done. The steps tolerate
// being done again.
func (r *run) goOnFrom(ctx workflow.Context, c tenant.Claim) error {
	r.record.pivotPassed, r.undos = c.PivotPassed, saga.Stack{}
	if r.record.pivotPassed { // a rollback may have been accepted before that was known
		r.desk.drop("the " + string(r.kind.Kind) + " of the tenant cannot be taken back any more")
	}
	r.settled = c.Settled
	first := 0
	if r.record.pivotPassed {
		first = r.kind.AfterPivot()
	} else {
		r.pushUndos(func(undo string) bool { return slices.Contains(c.Undos, undo) })
	}
	for i, s := range r.stages {
		if i < first || r.isSettled(s) {
			r.stages[i].state = "done"
		}
		if r.settled[s.Covers[0]] == tenant.StepSkipped {
			r.stages[i].state = "skipped"
		}
	}
	switch c.State {
	case tenant.StateRunning, "":
		r.record.state, r.record.failure, r.record.class = tenant.StateRunning, activities.StepFailure{}, ""
		if c.TakenOver && !r.record.pivotPassed && !r.kind.FailsClosed {
			return r.abandon(ctx, c, tenant.EventCancel, wasTerminated)
		}
		return r.forward(ctx, first)
	case tenant.StateNeedsAttention:
		r.record.reach(ctx, c.State)
		if c.TakenOver && !r.record.pivotPassed && !r.kind.FailsClosed {
			return r.abandon(ctx, c, tenant.EventCancel, wasTerminated)
		}
		if err := r.record.move(ctx, tenant.EventRetry, tenant.StateRunning, time.Time{}); err != nil {
			return err
		}
		return r.forward(ctx, first)
	case tenant.StateRollbackBlocked:
		r.record.reach(ctx, c.State)
		return r.abandon(ctx, c, tenant.EventRetry, undoWasBlocked)
	case tenant.StateRollingBack:
		r.record.failure, r.record.class = activities.StepFailure{Step: c.FailedStep, Reason: c.Reason}, c.FailureClass
		if r.record.class == tenant.ClassUndoFailed { // the row tells of the undo that was tried again, no longer of the cause
			r.record.failure.Reason, r.record.class = undoWasBlocked, tenant.ClassCancelled
		}
		r.record.reach(ctx, c.State)
		r.pushUndos(everyUndo)
		return errEarlierRun
	case tenant.StatePending, tenant.StateSucceeded, tenant.StateRolledBack: // none of these is claimed
	}
	return errSuperseded
}

// abandon has everything undone that an earlier run may have done.
func (r *run) abandon(ctx workflow.Context, c tenant.Claim, event tenant.Event, why string) error {
	r.record.failure, r.record.class = activities.StepFailure{Step: c.FailedStep, Reason: why}, tenant.ClassCancelled
	r.pushUndos(everyUndo)
	if err := r.record.move(ctx, event, tenant.StateRollingBack, time.Time{}); err != nil {
		return err
	}
	return errEarlierRun
}

// pushUndos registers the undos that are meant of the steps before the pivot: each
// tolerates that its step never ran.
func (r *run) pushUndos(meant func(name string) bool) {
	for _, s := range r.stages {
		if s.Stage.Undo != nil && meant(s.Stage.Undo.Name) {
			r.pushUndo(s)
		}
	}
}

func everyUndo(string) bool { return true }

// pushUndo registers a stage's undo, unless it is.
func (r *run) pushUndo(s boundStage) {
	if !slices.Contains(r.undos.Names(), s.Stage.Undo.Name) {
		r.undos.Push(r.undoOf(s))
	}
}
