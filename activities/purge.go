package activities

import (
	"context"

	"tenant-provisioning/internal/tenant"
)

// PurgeStore removes what the control tables know of a tenant's people.
type PurgeStore interface {
	EraseAdministrator(ctx context.Context, f tenant.Fence) error
	MarkDeleted(ctx context.Context, f tenant.Fence) error
}

// Purge covers ERASE_ADMINISTRATOR and MARK_DELETED.
type Purge struct {
	Store    PurgeStore
	Failures FailureLog
}

// EraseAdministrator erases the administrator's name and address. The second time
// there is nothing to erase.
func (a *Purge) EraseAdministrator(ctx context.Context, f tenant.Fence, b Budget) error {
	return attempt(ctx, a.Failures, f, b, tenant.StepEraseAdministrator, func(ctx context.Context, _ *tenant.AttemptID) error {
		return a.Store.EraseAdministrator(ctx, f)
	})
}

// MarkDeleted makes the tenant deleted, and leaves a certificate in the audit log.
// The second time it finds both.
func (a *Purge) MarkDeleted(ctx context.Context, f tenant.Fence, b Budget) error {
	return attempt(ctx, a.Failures, f, b, tenant.StepMarkDeleted, func(ctx context.Context, _ *tenant.AttemptID) error {
		return a.Store.MarkDeleted(ctx, f)
	})
}
