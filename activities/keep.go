package activities

import (
	"context"
	"errors"

	"go.temporal.io/sdk/activity"

	"tenant-provisioning/internal/tenant"
)

// LifeStore keeps how long entries of the ledger live.
type LifeStore interface {
	// ContractsToKeep lists the contracts of living tenants.
	ContractsToKeep(ctx context.Context) ([]tenant.EntryLife, error)
	// SaveLives replaces what is known by what was seen.
	SaveLives(ctx context.Context, seen []tenant.EntryLife) error
}

// LedgerKeeper keeps entries of the ledger from being archived.
type LedgerKeeper interface {
	// Keep restores and extends contracts and the code that they run, as far as it can,
	// and tells how long all of them live then, the code too; an error does not keep it
	// from telling what it has seen.
	Keep(ctx context.Context, contracts []tenant.EntryLife, progress func(string)) (tenant.Keeping, error)
}

// Keeper keeps what tenants have on the ledger alive.
type Keeper struct {
	Store  LifeStore
	Ledger LedgerKeeper
}

// KeepReport is what a round of the keeper did.
type KeepReport struct {
	Restored int `json:"restored"`
	Extended int `json:"extended"`
	Entries  int `json:"entries"`
}

// Keep does one round. It may be repeated at any time.
func (a *Keeper) Keep(ctx context.Context) (KeepReport, error) {
	contracts, err := a.Store.ContractsToKeep(ctx)
	if err != nil {
		return KeepReport{}, keepError(ctx, err)
	}
	kept, failed := a.Ledger.Keep(ctx, contracts, heartbeat(ctx))
	if len(kept.Lives) > 0 {
		failed = errors.Join(failed, a.Store.SaveLives(ctx, kept.Lives))
	}
	return KeepReport{Restored: kept.Restored, Extended: kept.Extended, Entries: len(kept.Lives)}, keepError(ctx, failed)
}

// keepError keeps the cause in the worker's log: what leaves may be shown.
func keepError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	activity.GetLogger(ctx).Error("what tenants have on the ledger is not kept alive", "error", err)
	return classify("", err)
}
