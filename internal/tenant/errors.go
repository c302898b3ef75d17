package tenant

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// The errors that every package speaks. Adapters turn foreign errors into
// these; the API and the command line turn these into answers.
var (
	// ErrNotFound is a tenant, operation or invitation that does not exist.
	ErrNotFound = errors.New("not found")
	// ErrNameTaken is a name that another tenant holds.
	ErrNameTaken = errors.New("the name is taken by another tenant")
	// ErrOwnNameTaken is an ErrNameTaken of the name that the tenant had, where a new
	// one can be given.
	ErrOwnNameTaken = fmt.Errorf("%w by now; give the tenant a new one", ErrNameTaken)
	// ErrIDCollision is a new id whose last digits another tenant has; another
	// id will do.
	ErrIDCollision = errors.New("the id's last digits are taken")
	// ErrAddressTaken is an address that another user of the tenant has.
	ErrAddressTaken = errors.New("another user of the tenant has this address")
	// ErrOperationOpen is a tenant that already has an open operation.
	ErrOperationOpen = errors.New("the tenant has an open operation")
	// ErrIdempotencyMismatch is an Idempotency-Key that was used before with
	// another request.
	ErrIdempotencyMismatch = errors.New("the idempotency key was used for another request")
	// ErrVersionMismatch is a change based on an old version of a row.
	ErrVersionMismatch = errors.New("the resource was changed meanwhile")
	// ErrSuperseded is an attempt that comes too late: its operation has gone
	// on without it, and it changed nothing.
	ErrSuperseded = errors.New("superseded: the operation has gone on without this attempt")
	// ErrForbidden is an action that only an administrator may take.
	ErrForbidden = errors.New("only an administrator may do this")
	// ErrUnavailable is a dependency that does not answer now. Trying again
	// later may help; nothing was changed.
	ErrUnavailable = errors.New("temporarily unavailable")
	// ErrRunGone is an operation whose run was terminated, or whose history is
	// lost, and that the reconciler has not taken over yet.
	ErrRunGone = errors.New("its workflow is closed, or Temporal does not know it")
	// ErrCopy is a database that was copied from an installation's on the same
	// server: what its rows name belongs to the original.
	ErrCopy = errors.New("a copy of another installation's database")
	// ErrNotLive is an installation that was restored from backups: until somebody has it
	// go live it sends, dispatches and signs nothing.
	ErrNotLive = errors.New("an installation that was restored and is not live")
	// ErrNoWorker is something that only a worker can do, while none works.
	ErrNoWorker = errors.New("no worker is there to do it")
	// ErrBadCursor is a cursor that no listing has given out.
	ErrBadCursor = errors.New("the cursor is not one that a listing returned")
)

// ForbiddenError is an ErrForbidden that says what it is about.
type ForbiddenError struct {
	// Reason is why only an administrator may do it, and what else there is to do.
	Reason string
}

func (e *ForbiddenError) Error() string { return ErrForbidden.Error() + ": " + e.Reason }

// Is makes it an ErrForbidden.
func (e *ForbiddenError) Is(target error) bool { return target == ErrForbidden }

// UnavailableError is an ErrUnavailable whose cause is known.
type UnavailableError struct {
	// Reason is which system it is, and the cause, with what to do. Anybody may
	// read it: it has no address, no name of a person and no secret.
	Reason string
	// Unfit tells that waiting does not help: somebody has to change the system
	// that it is about, or a setting.
	Unfit bool
	// RetryAfter is the earliest useful time to ask again; zero when nobody
	// knows.
	RetryAfter time.Duration
	// Err is the cause, for a log.
	Err error
}

func (e *UnavailableError) Error() string {
	text := e.Reason
	if !e.Unfit {
		text = ErrUnavailable.Error() + ": " + text
	}
	if e.Err == nil {
		return text
	}
	return text + ": " + e.Err.Error()
}

// Is makes it an ErrUnavailable.
func (e *UnavailableError) Is(target error) bool { return target == ErrUnavailable }

func (e *UnavailableError) Unwrap() error { return e.Err }

// Told is what anybody may read of it.
func (e *UnavailableError) Told() string { return e.Reason }

// FieldError is one wrong field of a request.
type FieldError struct {
	Field   string
	Message string
}

// InvalidError is a request with wrong fields, all of them.
type InvalidError struct{ Fields []FieldError }

func (e *InvalidError) Error() string {
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = f.Field + " " + f.Message
	}
	return strings.Join(parts, "; ")
}

// ActionRefusedError is an action that the operation's state does not allow.
type ActionRefusedError struct {
	Action  Action   `json:"action"`
	State   State    `json:"state"`
	Allowed []Action `json:"allowed"`
}

func (e *ActionRefusedError) Error() string {
	if len(e.Allowed) == 0 {
		return fmt.Sprintf("%s is refused: the operation is %s and nothing can be done with it now", e.Action, e.State)
	}
	names := make([]string, len(e.Allowed))
	for i, a := range e.Allowed {
		names[i] = string(a)
	}
	return fmt.Sprintf("%s is refused: the operation is %s, which allows: %s", e.Action, e.State, strings.Join(names, ", "))
}

// StatusRefusedError is an operation that the tenant's status does not allow.
type StatusRefusedError struct {
	Kind   Kind
	Status Status
	// Why is why not, where the status alone would allow it; empty otherwise.
	Why string
}

// Allowed lists what the status allows, but what was refused for another reason.
func (e *StatusRefusedError) Allowed() []string {
	allowed := []string{}
	for _, l := range lifecycles {
		if l.Accepts(e.Status) && l.Kind != e.Kind {
			allowed = append(allowed, l.Verb)
		}
	}
	return allowed
}

func (e *StatusRefusedError) Error() string {
	if e.Why != "" {
		return fmt.Sprintf("%s is refused: the tenant is %s, and %s", e.Kind.Verb(), e.Status, e.Why)
	}
	allowed := "nothing"
	if verbs := e.Allowed(); len(verbs) > 0 {
		allowed = strings.Join(verbs, ", ")
	}
	return fmt.Sprintf("%s is refused: the tenant is %s, which allows: %s", e.Kind.Verb(), e.Status, allowed)
}

// OperationOpenError is an operation that is refused because another one of the
// tenant has not ended, and which.
type OperationOpenError struct {
	Kind Kind
	Open OpenOperation
}

func (e *OperationOpenError) Error() string {
	return fmt.Sprintf("%s is refused: the tenant's operation %s (%s) is %s, and has to end first", e.Kind.Verb(), e.Open.ID, e.Open.Kind, e.Open.State)
}

// Is makes it an ErrOperationOpen.
func (e *OperationOpenError) Is(target error) bool { return target == ErrOperationOpen }

// PlanChangedError is a rollback that was decided on a plan which is not the
// present one any more.
type PlanChangedError struct {
	// Hash names the present plan.
	Hash string `json:"hash"`
}

func (e *PlanChangedError) Error() string {
	return "rollback is refused: what it would undo has changed since the dry run; look at the new plan, " + e.Hash
}

// StepError is a failed attempt at a step or its undo. Adapters return it for
// every failure they understand; anything else counts as passing.
type StepError struct {
	Step  Step
	Class FailureClass
	// Dependency is what has failed; empty when it is the one that the step's
	// failures are put down to.
	Dependency Dependency
	// Reason is the cause in plain words with what to do. It is stored, shown
	// and never encrypted: nothing personal or secret goes into it.
	Reason string
	// Permanent tells that repeating the attempt cannot help.
	Permanent bool
	// Alone tells that the failure is about this tenant only, such as its
	// administrator's mailbox: it is never a part of an incident.
	Alone bool
	// Uncertain tells that the effect may have happened all the same.
	Uncertain bool
	// RetryAfter is the earliest useful time for the next attempt; zero leaves
	// it to the retry policy.
	RetryAfter time.Duration
	// Queued tells that the attempt has only waited for its turn: nothing has
	// failed, and no budget is used up.
	Queued bool
	// Err is the cause, for the log of the process that met it.
	Err error
}

func (e *StepError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("%s: %s", e.Step, e.Reason)
	}
	return fmt.Sprintf("%s: %s: %v", e.Step, e.Reason, e.Err)
}

func (e *StepError) Unwrap() error { return e.Err }
