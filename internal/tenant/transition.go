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

// failsOpen and failsClosed are before the pivot of kinds that undo a failure by
// themselves, and of those that wait for a person.
func failsOpen(p Position) bool   { return !p.PivotPassed && !p.lifecycle().FailsClosed }
func failsClosed(p Position) bool { return !p.PivotPassed && p.lifecycle().FailsClosed }

func afterPivot(p Position) bool { return p.PivotPassed }

// atOptional holds at an optional step that others follow, and atLast at one that
// nothing follows.
func atOptional(p Position) bool { return p.PivotPassed && p.here().Optional && len(p.left()) > 1 }
func atLast(p Position) bool     { return p.PivotPassed && p.here().Optional && len(p.left()) == 1 }

// atSkippable holds at a step that must be done and that an administrator may skip
// all the same.
func atSkippable(p Position) bool {
	l := p.lifecycle()
	i := l.StageOf(p.Step)
	return i >= 0 && l.Stages[i].Skippable
}

// optionalIsLeft holds after the pivot where nothing is left that must be done;
// where something is, mustIsLeft holds at an optional step and atMust at one that
// must be done.
func optionalIsLeft(p Position) bool { return p.PivotPassed && !p.mustLeft() }
func mustIsLeft(p Position) bool     { return p.PivotPassed && p.mustLeft() && p.here().Optional }
func atMust(p Position) bool         { return p.PivotPassed && p.mustLeft() && !p.here().Optional }

// here is the first stage that is left.
func (p Position) here() (s Stage) {
	if left := p.left(); len(left) > 0 {
		s = left[0]
	}
	return s
}

func (p Position) mustLeft() bool {
	return slices.ContainsFunc(p.left(), func(s Stage) bool { return !s.Optional })
}

func (p Position) lifecycle() Lifecycle {
	l, _ := p.Kind.Lifecycle()
	return l
}

// left lists the stages that are not done: from the failed one on, if one has
// failed, or all after the pivot.
func (p Position) left() []Stage {
	l := p.lifecycle()
	return l.Stages[max(l.StageOf(p.Step), l.AfterPivot()):]
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
	{StateRunning, failsOpen, EventStepFailedForGood, StateRollingBack},
	{StateRunning, failsClosed, EventStepFailedForGood, StateNeedsAttention},
	{StateRunning, afterPivot, EventStepFailedForGood, StateNeedsAttention},
	{StateRunning, anywhere, EventBudgetUsedUp, StateNeedsAttention},
	{StateRunning, beforePivot, EventRollback, StateRollingBack},
	{StateRunning, beforePivot, EventCancel, StateRollingBack},
	{StateRunning, optionalIsLeft, EventCancel, StateSucceeded},
	{StateRunning, mustIsLeft, EventCancel, StateRunning},
	{StateRunning, atMust, EventCancel, StateRunning},

	{StateNeedsAttention, anywhere, EventRetry, StateRunning},
	{StateNeedsAttention, atSkippable, EventSkip, StateRunning},
	{StateNeedsAttention, atOptional, EventSkip, StateRunning},
	{StateNeedsAttention, atLast, EventSkip, StateSucceeded},
	{StateNeedsAttention, beforePivot, EventRollback, StateRollingBack},
	{StateNeedsAttention, beforePivot, EventCancel, StateRollingBack},
	{StateNeedsAttention, optionalIsLeft, EventCancel, StateSucceeded},
	{StateNeedsAttention, mustIsLeft, EventCancel, StateRunning},
	{StateNeedsAttention, failsOpen, EventDeadline, StateRollingBack},
	{StateNeedsAttention, failsClosed, EventDeadline, StateNeedsAttention},
	{StateNeedsAttention, optionalIsLeft, EventDeadline, StateSucceeded},
	{StateNeedsAttention, mustIsLeft, EventDeadline, StateRunning},
	{StateNeedsAttention, atMust, EventDeadline, StateNeedsAttention},
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
