package tenant

import "time"

// DefaultPageSize and MaxPageSize bound the number of items on a page.
const (
	DefaultPageSize = 50
	MaxPageSize     = 200
)

// Filter selects tenants for a listing, newest first.
type Filter struct {
	// Status is empty for all but DELETED.
	Status Status
	// Name is a part of the name, in any case.
	Name string
	// Cursor is the NextCursor of the page before; empty for the first page.
	Cursor string
	// Limit is the number of items, 1 to MaxPageSize.
	Limit int
}

// OperationFilter selects operations for a listing, newest first.
type OperationFilter struct {
	State  State
	Kind   Kind
	Tenant ID
	Cursor string
	Limit  int
}

// Page is one page of a listing.
type Page[T any] struct {
	Items []T
	// NextCursor leads to the next page; empty on the last one.
	NextCursor string
}

// Progress is how far a tenant's latest operation has come.
type Progress struct {
	Tenant    Tenant
	Operation Operation
	Steps     []StepProgress
	Logs      []LogEntry
}

// StepProgress sums up the attempts at one step.
type StepProgress struct {
	Step Step
	// Status is empty for a step that has not begun.
	Status   StepStatus
	Attempts int
	// Duration is the time of the attempt that completed, or of the last one.
	Duration   time.Duration
	ErrorClass FailureClass
	Error      string
}

// LogEntry is one row of provisioning_logs.
type LogEntry struct {
	Step         Step
	Status       StepStatus
	Attempt      int
	Duration     time.Duration
	UndoDuration time.Duration
	ErrorClass   FailureClass
	Error        string
	CreatedAt    time.Time
}

// AttemptID names an attempt at a step in the log; zero is one whose start was
// not logged.
type AttemptID int64

// Failure is a failed attempt at a step, for the log.
type Failure struct {
	Attempt AttemptID
	Step    Step
	Class   FailureClass
	// Dependency is what has failed; empty leaves it to the step.
	Dependency Dependency
	Reason     string
	// Permanent tells that no other attempt can mend it.
	Permanent bool
	// Lost tells that the attempt was cut short by something that the step does
	// not need, such as Temporal: it says nothing of what the step needs.
	Lost bool
	// Alone tells that it says nothing of other tenants' steps.
	Alone    bool
	Duration time.Duration
}
