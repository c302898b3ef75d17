package tenant

import (
	"context"
	"errors"
	"time"
)

// ErrEventGone means that an event is not kept: it was removed, or a restored
// database has never had it. What follows it cannot be told.
var ErrEventGone = errors.New("the event is not kept")

// ErrEventsInterrupted ends a following that may begin anew after the last event that
// it has had: whoever reads the events stops, or the database was replaced.
var ErrEventsInterrupted = errors.New("the events are interrupted")

// EventID names an event. Ids are given before commits, so they do not tell the
// order: a EventPosition does.
type EventID int64

// EventPosition is where an event stands in the order of all: by transaction, then by id.
type EventPosition struct {
	Transaction uint64
	ID          EventID
}

// Before reports whether p comes first.
func (p EventPosition) Before(o EventPosition) bool {
	return p.Transaction < o.Transaction || p.Transaction == o.Transaction && p.ID < o.ID
}

// ChangeEvent is something that has changed. Nothing in it is personal.
type ChangeEvent struct {
	ID       EventID
	Position EventPosition
	At       time.Time
	// Type is what has changed and to what: "operation.running", "tenant.changed",
	// "step.completed", "incident.opened".
	Type string
	// Tenant and Operation are whose change it is; empty where it is nobody's.
	Tenant    ID
	Operation OperationID
	EventData
}

// EventData is what an event tells of the change; what does not apply is empty.
type EventData struct {
	Kind         Kind         `json:"kind"`
	State        State        `json:"state"`
	Status       Status       `json:"status"`
	Step         Step         `json:"step"`
	StepStatus   StepStatus   `json:"stepStatus"`
	Attempt      int          `json:"attempt"`
	FailedStep   Step         `json:"failedStep"`
	FailureClass FailureClass `json:"failureClass"`
	IncidentID   int64        `json:"incidentId"`
	Declared     string       `json:"declared"`
	Dependency   Dependency   `json:"dependency"`
	Cause        string       `json:"cause"`
	WindowID     WindowID     `json:"windowId"`
	Capacity     Resource     `json:"capacity"`
	FleetRunID   FleetID      `json:"fleetRunId"`
	FleetKind    FleetKind    `json:"fleetKind"`
	FleetState   FleetState   `json:"fleetState"`
}

// EventFilter picks events: those of one operation, of one tenant or, when both are
// empty, all.
type EventFilter struct {
	Operation OperationID
	Tenant    ID
}

// Matches reports whether the filter picks an event.
func (f EventFilter) Matches(e ChangeEvent) bool {
	return (f.Operation == "" || f.Operation == e.Operation) && (f.Tenant == "" || f.Tenant == e.Tenant)
}

// EventStart is where a following begins: after an event that is known, or with what
// comes from now on.
type EventStart struct {
	Now bool
	// After is that event; zero begins with the first that is kept.
	After EventID
}

// EventStream is a following that has begun: nothing that comes from now on is lost.
type EventStream interface {
	// Begins is the event after which it begins; zero where there is none.
	Begins() EventID
	// Follow delivers events in order, each once, until ctx ends or deliver returns an
	// error. When there are none for as long as heartbeat it delivers none, so that
	// deliver can tell that it is there. It is called once.
	Follow(ctx context.Context, heartbeat time.Duration, deliver func([]*ChangeEvent) error) error
	// Leave ends a following, whether Follow was called or not.
	Leave()
}

// EventQuery asks for events in order.
type EventQuery struct {
	EventFilter
	// After is the last event that is known; its zero value asks from the first on.
	After EventPosition
	// UpTo is the last that is wanted; nil is as many as there are.
	UpTo *EventPosition
	// Limit bounds how many are read.
	Limit int
}

// EventBatch is a part of the events in order.
type EventBatch struct {
	Events []*ChangeEvent
	// Horizon is the oldest transaction that has not ended. The order of events from
	// there on is not settled, and they are not among these.
	Horizon uint64
	// Server is the database server that was asked, as long as it runs.
	Server string
	// Next is the first transaction that had not begun.
	Next uint64
}

// Announcement says that something has changed, before its event can be read in
// order. An empty Tenant or Operation is none.
type Announcement struct {
	Tenant      ID
	Operation   OperationID
	Transaction uint64
	// State is the operation's new one; empty when it has kept its state.
	State State
}

// Standing is where the database stands at a moment.
type Standing struct {
	// Database names it, as long as its server runs.
	Database string
	// Snapshot is the oldest transaction that has not ended: what was read at that
	// moment has all before it. Next is the first that has not begun.
	Snapshot, Next uint64
	// Changed is the latest change that can be seen; 0 when there is none.
	Changed uint64
}
