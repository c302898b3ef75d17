package tenant

import (
	"fmt"
	"time"

	"github.com/google/uuid"
)

// WindowID identifies a maintenance window: a UUIDv7 in its canonical lower-case form.
type WindowID string

// NewWindowID makes a maintenance window's id.
func NewWindowID() (WindowID, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make a maintenance window's id: %w", err)
	}
	return WindowID(id.String()), nil
}

// ReadWindowID reads a maintenance window's id in any spelling of a UUID.
func ReadWindowID(s string) (WindowID, error) {
	id := canonical(s)
	if err := canonicalUUID(id); err != nil {
		return "", &InvalidError{Fields: []FieldError{{Field: "id", Message: "a maintenance window's id is a UUID, such as 01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11"}}}
	}
	return WindowID(id), nil
}

// WindowState is where a maintenance window stands.
type WindowState string

const (
	// WindowPlanned is to come.
	WindowPlanned WindowState = "PLANNED"
	// WindowRunning is under way; where it is read-only, changes are refused.
	WindowRunning WindowState = "RUNNING"
	// WindowCompleted is over.
	WindowCompleted WindowState = "COMPLETED"
	// WindowSkipped does not take place.
	WindowSkipped WindowState = "SKIPPED"
)

// WindowMode is what callers may do during a window.
type WindowMode string

const (
	// WindowNormal lets everybody work on.
	WindowNormal WindowMode = "normal"
	// WindowReadOnly refuses changes, but what operators need, and starts nothing.
	WindowReadOnly WindowMode = "read-only"
)

// Window is a time in which the platform is worked on.
type Window struct {
	ID    WindowID
	State WindowState
	// Regular tells one of MAINTENANCE_WINDOW from one that a person has planned.
	Regular bool
	// Title and Message are what the public is told of it.
	Title, Message string
	// Mode is empty until it is announced, or begins, where MAINTENANCE_MODE says it.
	Mode WindowMode
	// StartsAt and EndsAt are as announced; an extension moves the end.
	StartsAt, EndsAt time.Time
	// StartedAt and EndedAt are when it did, zero before; EndedAt of one that is
	// skipped is when that was decided.
	StartedAt, EndedAt time.Time
	// OverrunAt is when it first had not come to an end at its announced one.
	OverrunAt time.Time
	// Note is what came of it, in plain words: for staff, not for the public.
	Note string
	// Revision and AnnouncedAt tell which announcement people have been given, and
	// since when; zero before.
	Revision    int
	AnnouncedAt time.Time
	// Decided tells of a regular one that a person has decided about it: the rule
	// changes it no more.
	Decided bool
	// Tasks are what is done in it, in order; a listing does not read them.
	Tasks []WindowTask
}

// WaitingFor is the window as what waits for its end shows it.
func (w Window) WaitingFor() *WaitingFor {
	until := w.EndsAt.UTC()
	return &WaitingFor{
		WindowID: w.ID, Cause: w.Title, Since: w.StartedAt.UTC(), Until: until,
		Message: "waits for the end of maintenance window " + string(w.ID) + " (" + w.Title + "), announced for " + until.Format(time.RFC3339) +
			"; nobody need act on it: it goes on by itself then",
	}
}

// WindowTaskState is where a task of a window stands.
type WindowTaskState string

const (
	// TaskPending has not begun.
	TaskPending WindowTaskState = "PENDING"
	// TaskRunning is under way.
	TaskRunning WindowTaskState = "RUNNING"
	// TaskDone is done, or ticked.
	TaskDone WindowTaskState = "DONE"
	// TaskFailed was tried and given up; the next window tries it again.
	TaskFailed WindowTaskState = "FAILED"
	// TaskSkipped was left when the window ended.
	TaskSkipped WindowTaskState = "SKIPPED"
)

// WindowTask is one thing that is done in a window.
type WindowTask struct {
	Name string
	// Manual is what people do, and tick.
	Manual bool
	State  WindowTaskState
	// StartedAt and EndedAt are zero before.
	StartedAt, EndedAt time.Time
	// Detail says what was done, why it failed, or who has ticked it.
	Detail string
}

// WindowStates lists every state, in the order of a window's life.
func WindowStates() []WindowState {
	return []WindowState{WindowPlanned, WindowRunning, WindowCompleted, WindowSkipped}
}

// WindowModes lists every mode.
func WindowModes() []WindowMode { return []WindowMode{WindowNormal, WindowReadOnly} }

// WindowTaskStates lists every state of a task.
func WindowTaskStates() []WindowTaskState {
	return []WindowTaskState{TaskPending, TaskRunning, TaskDone, TaskFailed, TaskSkipped}
}

// Maintenance is how maintenance stands, for those who watch.
type Maintenance struct {
	// Running counts windows under way by mode.
	Running map[WindowMode]int
	// Overrun is how long the oldest one that overruns has; zero where none does.
	Overrun time.Duration
	// Failed counts the tasks that failed in the last window that has ended.
	Failed int
	// Unsent counts the mails that have still to leave.
	Unsent int
}
