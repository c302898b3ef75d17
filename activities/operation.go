package activities

import (
	"context"
	"errors"

	"tenant-provisioning/internal/tenant"
)

// OperationStore holds the operations' states.
type OperationStore interface {
	Claim(ctx context.Context, f tenant.Fence) (tenant.Claim, error)
	Move(ctx context.Context, m tenant.Move) (tenant.Moved, error)
}

// AuditLog keeps who has asked for what.
type AuditLog interface {
	// AppendRequest is for a request that reached an operation's run.
	AppendRequest(ctx context.Context, e tenant.AuditEntry) error
}

// Operation writes an operation's state for its workflow.
type Operation struct {
	Store   OperationStore
	Audit   AuditLog
	Breaker Breaker
	// TakesWrites asks whether the database takes a step's writes. Everything that
	// waits asks.
	TakesWrites func(context.Context) error
}

// ClaimOperation gives the operation to the run of the fence. A run that has
// it already is given it again.
func (a *Operation) ClaimOperation(ctx context.Context, f tenant.Fence) (tenant.Claim, error) {
	c, err := a.Store.Claim(ctx, f)
	if err != nil {
		return tenant.Claim{}, a.stateError(ctx, err)
	}
	return c, nil
}

// MoveOperation writes one transition by compare-and-set: the second time it
// finds what it wanted to write.
func (a *Operation) MoveOperation(ctx context.Context, m tenant.Move) (tenant.Moved, error) {
	moved, err := a.Store.Move(ctx, m)
	if err != nil {
		return tenant.Moved{}, a.stateError(ctx, err)
	}
	return moved, nil
}

// AuditAction appends who asked for what. An entry that was lost with its
// worker between its commit and its report stands twice, unless the request
// had an id: better than not at all.
func (a *Operation) AuditAction(ctx context.Context, e tenant.AuditEntry) error {
	if err := a.Audit.AppendRequest(ctx, e); err != nil {
		return a.stateError(ctx, err)
	}
	return nil
}

// stateError explains a failed write of an operation's state. It is always
// worth repeating: an operation whose state can't be written must not end. So
// it waits in any case; the outage is only made known.
func (a *Operation) stateError(ctx context.Context, err error) error {
	if errors.Is(err, tenant.ErrSuperseded) {
		return classify("", err)
	}
	outage(ctx, a.Breaker, "", err)
	return classify("", &tenant.StepError{
		Reason: "the operation's state cannot be written; check that PostgreSQL runs and is migrated",
		Err:    err,
	})
}
