package activities

import (
	"context"

	"tenant-provisioning/internal/tenant"
)

// DataRestorer opens backups for restores.
type DataRestorer interface {
	// RestoreData fills and verifies the schema of an operation from its backup.
	// Repeated after it was committed it changes nothing.
	RestoreData(ctx context.Context, f tenant.Fence) error
}

// RestoreData covers RESTORE_DATA.
func (a *Opening) RestoreData(ctx context.Context, f tenant.Fence, b Budget) error {
	return attempt(ctx, a.Failures, f, b, tenant.StepRestoreData, func(ctx context.Context, _ *tenant.AttemptID) error {
		ctx, stop := alive(ctx)
		defer stop()
		return a.Restorer.RestoreData(ctx, f)
	})
}

// Driller restores backups for practice.
type Driller interface {
	// Drill restores a tenant's newest backup where nobody sees it, writes down what came
	// of it, and marks the tenant done in the run if it held.
	Drill(ctx context.Context, f tenant.FleetFence) error
}

// DrillTenantsOfChunk restores the newest backup of each tenant for practice. It changes
// nothing of a tenant.
func (a *Opening) DrillTenantsOfChunk(ctx context.Context, c FleetChunk) error {
	return a.Items.Each(ctx, c, a.Driller.Drill)
}

// RestoreStore changes schemas.
type RestoreStore interface {
	// Drop drops what RestoreData has filled, also where it never ran.
	Drop(ctx context.Context, f tenant.Fence) error
	// Swap puts it into the place of the tenant's schema, and ends the operation.
	Swap(ctx context.Context, f tenant.Fence) error
}

// Restore covers SWAP_SCHEMAS, and undoes RESTORE_DATA: both need no key.
type Restore struct {
	Store    RestoreStore
	Failures FailureLog
}

// DropRestored undoes RestoreData, also where it never ran.
func (a *Restore) DropRestored(ctx context.Context, f tenant.Fence, b Budget) error {
	return attempt(ctx, a.Failures, f, b, tenant.StepRestoreData, func(ctx context.Context, _ *tenant.AttemptID) error {
		return a.Store.Drop(ctx, f)
	})
}

// SwapSchemas puts the restored schema into the place of the tenant's, gives access back
// and ends the operation, in one transaction.
func (a *Restore) SwapSchemas(ctx context.Context, f tenant.Fence, b Budget) error {
	return attempt(ctx, a.Failures, f, b, tenant.StepSwapSchemas, func(ctx context.Context, _ *tenant.AttemptID) error {
		return a.Store.Swap(ctx, f)
	})
}
