package activities

import (
	"context"

	"tenant-provisioning/internal/tenant"
)

// StandbyStore is the stock of tenants that are made ahead.
type StandbyStore interface {
	MarkStandby(ctx context.Context, f tenant.Fence, made tenant.StandbyOrigin) error
}

// Standby covers MARK_STANDBY, the pivot of a preparation.
type Standby struct {
	Store StandbyStore
	// Made is what this worker makes contracts with.
	Made     tenant.StandbyOrigin
	Failures FailureLog
}

// MarkStandby puts the tenant into the stock, and ends its operation. The second time the
// operation is closed, and nothing happens.
func (a *Standby) MarkStandby(ctx context.Context, f tenant.Fence, b Budget) error {
	return attempt(ctx, a.Failures, f, b, tenant.StepMarkStandby, func(ctx context.Context, _ *tenant.AttemptID) error {
		return a.Store.MarkStandby(ctx, f, a.Made)
	})
}
