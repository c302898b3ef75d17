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

// phase is the side of the pivot on which a row of the table holds.
type phase int

const (
	anyPhase phase = iota
	beforePivot
	afterPivot
)

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
	{StatePending, anyPhase, EventClaimed, StateRunning},
	{StatePending, anyPhase, EventRollback, StateRolledBack},
	{StatePending, anyPhase, EventCancel, StateRolledBack},

	{StateRunning, anyPhase, EventLastStepDone, StateSucceeded},
	{StateRunning, beforePivot, EventStepFailedForGood, StateRollingBack},
	{StateRunning, beforePivot, EventRollback, StateRollingBack},
	{StateRunning, beforePivot, EventCancel, StateRollingBack},
	{StateRunning, anyPhase, EventBudgetUsedUp, StateNeedsAttention},
	{StateRunning, afterPivot, EventStepFailedForGood, StateNeedsAttention},
	{StateRunning, afterPivot, EventCancel, StateSucceeded},

	{StateNeedsAttention, anyPhase, EventRetry, StateRunning},
	{StateNeedsAttention, beforePivot, EventRollback, StateRollingBack},
	{StateNeedsAttention, beforePivot, EventCancel, StateRollingBack},
	{StateNeedsAttention, beforePivot, EventDeadline, StateRollingBack},
	{StateNeedsAttention, afterPivot, EventSkip, StateSucceeded},
	{StateNeedsAttention, afterPivot, EventCancel, StateSucceeded},
	{StateNeedsAttention, afterPivot, EventDeadline, StateSucceeded},
	{StateNeedsAttention, anyPhase, EventPostponed, StateNeedsAttention},

	{StateRollingBack, anyPhase, EventAllUndone, StateRolledBack},
	{StateRollingBack, anyPhase, EventUndoFailed, StateRollbackBlocked},

	{StateRollbackBlocked, anyPhase, EventRetry, StateRollingBack},
	{StateRollbackBlocked, anyPhase, EventSkip, StateRollingBack},
}

// Next is the state that follows from an event, or an error when the table has
// no such transition.
func Next(from State, pivotPassed bool, event Event) (State, error) {
	for _, t := range transitions {
		if t.from == from && t.event == event && t.phase.holds(pivotPassed) {
			return t.to, nil
		}
	}
	return "", fmt.Errorf("an operation that is %s has no transition for %q", from, event)
}

// Sources lists the states from which an event leads to the given state, for
// the compare-and-set that writes it.
func Sources(event Event, to State) []State {
	var from []State
	for _, t := range transitions {
		if t.event == event && t.to == to && !slices.Contains(from, t.from) {
			from = append(from, t.from)
		}
	}
	return from
}

func (p phase) holds(pivotPassed bool) bool {
	return p == anyPhase || (p == afterPivot) == pivotPassed
}
