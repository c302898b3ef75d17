package tenant

import (
	"fmt"
	"slices"
)

// Event is what moves an operation from one state to the next.
type Event string

const (
	// EventClaimed is a run that takes the operation.
	EventClaimed Event = "claimed"
	// EventLastStepDone is the end of the last step.
	EventLastStepDone Event = "last step done"
	// EventStepFailedForGood is an error that no repetition can mend.
	EventStepFailedForGood Event = "step failed for good"
	// EventBudgetUsedUp is a step that failed for as long as it may.
	EventBudgetUsedUp Event = "budget used up"
	// EventRetry is a person's (or, for a blocked undo, a timer's) retry.
	EventRetry Event = "retry"
	// EventSkip is a person's skip.
	EventSkip Event = "skip"
	// EventRollback is a person's rollback.
	EventRollback Event = "rollback"
	// EventCancel is a cancel from the API, the Web UI or the command line.
	EventCancel Event = "cancel"
	// EventDeadline is the end of the time in which a person could decide.
	EventDeadline Event = "deadline"
	// EventPostponed is that end in an incident, or while no worker was there:
	// the time begins anew.
	EventPostponed Event = "deadline postponed"
	// EventAllUndone is the end of the last undo.
	EventAllUndone Event = "all undone"
	// EventUndoFailed is an undo that failed for as long as it may.
	EventUndoFailed Event = "undo failed"
)

// Position is where an operation is in its kind's row, as far as the table of
// transitions asks.
type Position struct {
	Kind        Kind
	PivotPassed bool
	// Step is the step that has failed; empty while none has.
	Step Step
}

// phase is where a row of the table holds.
type phase func(Position) bool

func anywhere(Position) bool      { return true }
func beforePivot(p Position) bool { return !p.PivotPassed }
func afterPivot(p Position) bool  { return p.PivotPassed }

// lastStep holds at an optional step after which there is none.
func lastStep(p Position) bool { return p.PivotPassed && len(p.left()) == 1 }

// restIsOptional holds after the pivot where nothing is left that must be done.
func restIsOptional(p Position) bool {
	return p.PivotPassed && !slices.ContainsFunc(p.left(), func(s Stage) bool { return !s.Optional })
}

// left lists the stages that are not done: from the failed one on, if one has
// failed, or all after the pivot.
func (p Position) left() []Stage {
	lifecycle, _ := p.Kind.Lifecycle()
	return lifecycle.Stages[max(lifecycle.StageOf(p.Step), lifecycle.AfterPivot()):]
}

type transition struct {
	from  State
	phase phase
	event Event
	to    State
}

// transitions is the table of an operation's life. Everything that offers,
// takes or refuses an action reads it: API, workflow, command line and the Web
// UI's text.
var transitions = []transition{
	{StatePending, anywhere, EventClaimed, StateRunning},
	{StatePending, anywhere, EventRollback, StateRolledBack},
	{StatePending, anywhere, EventCancel, StateRolledBack},

	{StateRunning, anywhere, EventLastStepDone, StateSucceeded},
	{StateRunning, beforePivot, EventStepFailedForGood, StateRollingBack},
	{StateRunning, beforePivot, EventRollback, StateRollingBack},
	{StateRunning, beforePivot, EventCancel, StateRollingBack},
	{StateRunning, anywhere, EventBudgetUsedUp, StateNeedsAttention},
	{StateRunning, afterPivot, EventStepFailedForGood, StateNeedsAttention},
	{StateRunning, restIsOptional, EventCancel, StateSucceeded},

	{StateNeedsAttention, anywhere, EventRetry, StateRunning},
	{StateNeedsAttention, beforePivot, EventRollback, StateRollingBack},
	{StateNeedsAttention, beforePivot, EventCancel, StateRollingBack},
	{StateNeedsAttention, beforePivot, EventDeadline, StateRollingBack},
	{StateNeedsAttention, lastStep, EventSkip, StateSucceeded},
	{StateNeedsAttention, restIsOptional, EventCancel, StateSucceeded},
	{StateNeedsAttention, restIsOptional, EventDeadline, StateSucceeded},
	{StateNeedsAttention, anywhere, EventPostponed, StateNeedsAttention},

	{StateRollingBack, anywhere, EventAllUndone, StateRolledBack},
	{StateRollingBack, anywhere, EventUndoFailed, StateRollbackBlocked},

	{StateRollbackBlocked, anywhere, EventRetry, StateRollingBack},
	{StateRollbackBlocked, anywhere, EventSkip, StateRollingBack},
}

// Next is the state that follows from an event, or an error when the table has
// no such transition.
func Next(from State, at Position, event Event) (State, error) {
	for _, t := range transitions {
		if t.from == from && t.event == event && t.phase(at) {
			return t.to, nil
		}
	}
	return "", fmt.Errorf("an operation that is %s has no transition for %q", from, event)
}
