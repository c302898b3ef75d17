package tenant

import (
	"cmp"
	"slices"
	"time"
)

// State is where an operation is.
type State string

const (
	// StatePending is accepted; no run has taken it yet. It starts by itself
	// as soon as a worker and Temporal are there.
	StatePending State = "PENDING"
	// StateRunning is being worked on; failing attempts are repeated by
	// themselves.
	StateRunning State = "RUNNING"
	// StateNeedsAttention is a step that used up its retries, or that cannot succeed
	// after the pivot or in a kind that fails closed: a person decides. Its deadline
	// decides if nobody does, except for what must not be given up: that waits on.
	StateNeedsAttention State = "NEEDS_ATTENTION"
	// StateRollingBack is undoing what was done, newest first.
	StateRollingBack State = "ROLLING_BACK"
	// StateRollbackBlocked is an undo that did not succeed in its budget. It
	// is tried again ever more slowly until it does, or until an administrator
	// skips it.
	StateRollbackBlocked State = "ROLLBACK_BLOCKED"
	// StateSucceeded is done.
	StateSucceeded State = "SUCCEEDED"
	// StateRolledBack is undone: each step that was done is undone as its kind's row
	// says, and the tenant has the status that it had before, or is FAILED if it was
	// being provisioned.
	StateRolledBack State = "ROLLED_BACK"
)

// States lists every state.
func States() []State {
	return []State{
		StatePending, StateRunning, StateNeedsAttention, StateRollingBack,
		StateRollbackBlocked, StateSucceeded, StateRolledBack,
	}
}

// Closed reports whether nothing happens any more in this state.
func (s State) Closed() bool { return s == StateSucceeded || s == StateRolledBack }

// NeedsPerson reports whether it is a person's turn.
func (s State) NeedsPerson() bool { return s == StateNeedsAttention || s == StateRollbackBlocked }

// Settled reports whether nothing happens in this state unless a person acts.
func (s State) Settled() bool { return s.Closed() || s.NeedsPerson() }

// FailureClass tells an operator what sort of failure stopped a step.
type FailureClass string

const (
	// ClassPermanent will not go away by waiting: somebody has to change
	// something.
	ClassPermanent FailureClass = "permanent"
	// ClassExhausted is a passing fault that lasted longer than the step's
	// retry budget.
	ClassExhausted FailureClass = "exhausted"
	// ClassConflict is something in the way that belongs to somebody else.
	ClassConflict FailureClass = "conflict"
	// ClassCapacity is a limit that was reached: disk, connections, balance.
	ClassCapacity FailureClass = "capacity"
	// ClassAuth is a refused credential: a key, password or signature.
	ClassAuth FailureClass = "auth"
	// ClassCancelled was stopped by a person.
	ClassCancelled FailureClass = "cancelled"
	// ClassUndoFailed is an undo that did not succeed.
	ClassUndoFailed FailureClass = "undo_failed"
)

// FailureClasses lists every class.
func FailureClasses() []FailureClass {
	return []FailureClass{ClassPermanent, ClassExhausted, ClassConflict, ClassCapacity, ClassAuth, ClassCancelled, ClassUndoFailed}
}

// Bounds is how many operations may be under way at a time in the whole installation.
type Bounds struct {
	// Running bounds those that run.
	Running int
	// Ahead bounds those of them that have yet to make a contract; 0 is Running.
	Ahead int
}

// Operation is one piece of work on one tenant, from its acceptance to its
// end. A tenant has at most one open operation.
type Operation struct {
	// Trace is that of the request that it was accepted by, as W3C's traceparent;
	// empty where nothing is traced.
	Trace      string
	ID         OperationID
	TenantID   ID
	Kind       Kind
	State      State
	Generation int
	// FromStatus is the tenant's status when the operation was accepted; empty
	// where the tenant came with it.
	FromStatus Status
	// ToStatus is the tenant's status once the operation's pivot is passed.
	ToStatus Status
	// NewName is the tenant's name once the operation's pivot is passed; empty where
	// it keeps its own.
	NewName string
	// Backup is the one that the operation restores; empty for other kinds.
	Backup string
	// Restored is what a restore has found, once its schema is filled.
	Restored *Restored
	// Supersedes is the kind of the operation whose optional steps were given up for
	// this one; empty where none was. Its run ends before this one's is started.
	Supersedes Kind
	// SupersededRun is that operation's run; empty where none had claimed it.
	SupersededRun string
	// PivotPassed tells that nothing is rolled back from here on. The tenant has the
	// status ToStatus, unless the claim was the pivot: then it has that at the end.
	PivotPassed bool
	// RunID is the Temporal run that claimed the operation; empty before.
	RunID string
	// FailedStep, FailureClass, FailureReason and Attempts describe what stands
	// in the way, or what ended the operation. Empty while all goes well.
	FailedStep    Step
	FailureClass  FailureClass
	FailureReason string
	Attempts      int
	// AttentionDeadline is when a parked operation decides by itself; zero
	// unless it is parked.
	AttentionDeadline time.Time
	// Client is who asked for the operation: the subject of the token.
	Client string
	// RetryBudget and AttentionPeriod were read from the configuration when the
	// operation was accepted.
	RetryBudget     time.Duration
	AttentionPeriod time.Duration
	CreatedAt       time.Time
	StartedAt       time.Time
	FinishedAt      time.Time
	UpdatedAt       time.Time
	// BlockedSince is when its rollback was first blocked, however often it was
	// tried again since; zero if it never was.
	BlockedSince time.Time
	// LogMovedAt is when its log has left the database for the backup store; zero while it
	// is there. A move leaves no event, so that no answer that is kept until one may show it.
	LogMovedAt time.Time
	// WaitingFor is what the operation waits for without anybody having to act;
	// nil when there is nothing, or nobody has looked.
	WaitingFor *WaitingFor
}

// afterEnd is for what is logged of an operation when it has ended, such as an attempt that
// came late.
const afterEnd = time.Minute

// LogSpan is the time in which the log of an operation that has ended was written, in whole
// seconds: RecordQuery's since and until.
func (o Operation) LogSpan() (since, until time.Time) {
	return o.CreatedAt.UTC().Truncate(time.Second), o.FinishedAt.UTC().Truncate(time.Second).Add(afterEnd)
}

// WaitsSince is since when it waits for a person.
func (o Operation) WaitsSince() time.Time {
	if o.State == StateRollbackBlocked && !o.BlockedSince.IsZero() {
		return o.BlockedSince
	}
	return o.UpdatedAt
}

// StoppedBy is the open incident that keeps the operation from going on; false
// when there is none. One that is PENDING is not started while any is open, one
// that runs waits before a step that needs the dependency.
func (o Operation) StoppedBy(open []Incident, done []Step) (Incident, bool) {
	steps := o.Lifecycle().Steps()
	next := slices.IndexFunc(steps, func(s Step) bool { return !slices.Contains(done, s) })
	for _, i := range open {
		concerned := i.HoldsWork() && (i.Dependency == DependencyDatabase || next >= 0 && steps[next].Needs(i.Dependency))
		if o.WaitsItsTurn() || o.State == StateRunning && concerned {
			return i, true
		}
	}
	return Incident{}, false
}

// WaitsItsTurn reports whether an operation has yet to be started, and is not started
// while an incident is open or a read-only maintenance window is under way.
func (o Operation) WaitsItsTurn() bool {
	return o.State == StatePending && !slices.Contains(UrgentKinds(), o.Kind)
}

// Lifecycle is the row of its kind, with the stages that this operation has.
func (o Operation) Lifecycle() Lifecycle {
	l, _ := o.Kind.Lifecycle()
	return l.Between(o.FromStatus, o.ToStatus)
}

// Leaves is the tenant's status as the operation has left it by now.
func (o Operation) Leaves() Status {
	return cmp.Or(o.Lifecycle().StatusIn(o.State, o.PivotPassed, o.ToStatus), o.FromStatus)
}

// Fence is the one of whoever acts on the operation as it is now.
func (o Operation) Fence() Fence {
	return Fence{Kind: o.Kind, To: o.ToStatus, Operation: o.ID, Tenant: o.TenantID, Generation: o.Generation, Run: o.RunID, State: o.State}
}

// GivesWay reports whether the acceptance of an operation of another kind ends this
// one: nothing is left of it but what is optional, or its kind yields.
func (o Operation) GivesWay() bool {
	if l, _ := o.Kind.Lifecycle(); l.Yields {
		return !o.State.Closed()
	}
	to, err := Next(o.State, o.Position(), EventCancel)
	return err == nil && to == StateSucceeded
}

// Position is where the operation is in its kind's row.
func (o Operation) Position() Position {
	return Position{Kind: o.Kind, PivotPassed: o.PivotPassed, Step: o.FailedStep}
}

// AllowedActions lists what a person may do with the operation now.
func (o Operation) AllowedActions() []Action { return AllowedActions(o.State, o.Position()) }

// Allows tells whether the transition table has an action here, whether it is
// offered or not.
func (o Operation) Allows(a Action) bool {
	_, err := Next(o.State, o.Position(), a.Event())
	return err == nil
}

// LeavesBehind tells whether an action, where the table has it, leaves something
// behind that the operation should have done or undone: then only an administrator
// may take it.
func (o Operation) LeavesBehind(a Action) bool {
	if a != ActionSkip {
		return false
	}
	return o.State == StateRollbackBlocked || atSkippable(o.Position())
}

// WorkflowID names the Temporal workflow of the kind for a tenant. It is the key
// by which a start is idempotent.
func (k Kind) WorkflowID(id ID) string { return "tenant-" + string(k) + "/" + string(id) }

// WorkflowID names the Temporal workflow that does the operation.
func (o Operation) WorkflowID() string { return o.Kind.WorkflowID(o.TenantID) }
