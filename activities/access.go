package activities

import (
	"context"
	"time"

	"tenant-provisioning/internal/tenant"
)

// AccessStore ends and gives back what a tenant's role can do in its schema, and
// writes what has become of the tenant.
type AccessStore interface {
	RevokeAccess(ctx context.Context, f tenant.Fence) error
	RestoreAccess(ctx context.Context, f tenant.Fence) error
	MarkSuspended(ctx context.Context, f tenant.Fence) error
	MarkArchived(ctx context.Context, f tenant.Fence, grace time.Duration) error
}

// Access covers REVOKE_ACCESS, MARK_SUSPENDED and MARK_ARCHIVED.
type Access struct {
	Store    AccessStore
	Failures FailureLog
	// Grace is how long an archived tenant can be taken back.
	Grace time.Duration
}

// RevokeAccess ends the access to the tenant's data, for the next statement of
// connections that are open too. What is revoked already stays so.
func (a *Access) RevokeAccess(ctx context.Context, f tenant.Fence, b Budget) error {
	return attempt(ctx, a.Failures, f, b, tenant.StepRevokeAccess, func(ctx context.Context, _ *tenant.AttemptID) error {
		return a.Store.RevokeAccess(ctx, f)
	})
}

// RestoreAccess undoes RevokeAccess, also where it never ran.
func (a *Access) RestoreAccess(ctx context.Context, f tenant.Fence, b Budget) error {
	return attempt(ctx, a.Failures, f, b, tenant.StepRevokeAccess, func(ctx context.Context, _ *tenant.AttemptID) error {
		return a.Store.RestoreAccess(ctx, f)
	})
}

// MarkSuspended makes the tenant suspended. The second time it finds it so.
func (a *Access) MarkSuspended(ctx context.Context, f tenant.Fence, b Budget) error {
	return attempt(ctx, a.Failures, f, b, tenant.StepMarkSuspended, func(ctx context.Context, _ *tenant.AttemptID) error {
		return a.Store.MarkSuspended(ctx, f)
	})
}

// MarkArchived makes the tenant archived, until when its grace period ends. The
// second time it finds it so, and the end of the period stays.
func (a *Access) MarkArchived(ctx context.Context, f tenant.Fence, b Budget) error {
	return attempt(ctx, a.Failures, f, b, tenant.StepMarkArchived, func(ctx context.Context, _ *tenant.AttemptID) error {
		return a.Store.MarkArchived(ctx, f, a.Grace)
	})
}
