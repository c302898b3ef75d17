package activities

import (
	"context"

	"tenant-provisioning/internal/tenant"
)

// ActivationStore makes tenants active.
type ActivationStore interface {
	MarkActive(ctx context.Context, f tenant.Fence) error
	// GiveBack is MarkActive for a tenant that was active before.
	GiveBack(ctx context.Context, f tenant.Fence) error
}

// Activation covers MARK_ACTIVE, the pivot: after it nothing is rolled back.
type Activation struct {
	Store    ActivationStore
	Failures FailureLog
}

// MarkActive makes the tenant active, and gives its access back where that had
// ended. The second time it finds it active.
func (a *Activation) MarkActive(ctx context.Context, f tenant.Fence, b Budget) error {
	return attempt(ctx, a.Failures, f, b, tenant.StepMarkActive, func(ctx context.Context, _ *tenant.AttemptID) error {
		if f.OfKind() == tenant.KindProvision {
			return a.Store.MarkActive(ctx, f)
		}
		return a.Store.GiveBack(ctx, f)
	})
}
