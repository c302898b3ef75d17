package stellar

import (
	"context"
	"errors"

	"tenant-provisioning/internal/tenant"
)

// Look tells the status of a contract, and whether it is on the ledger at all. It
// asks the configured network alone: on another one everything would look lost.
func (d *Deployer) Look(ctx context.Context, contractID string) (s Status, there bool, err error) {
	if err := d.confirmNetwork(ctx); err != nil {
		return 0, false, d.explain(err)
	}
	s, err = d.Status(ctx, contractID)
	if errors.Is(err, tenant.ErrNotFound) {
		return 0, false, nil
	}
	return s, err == nil, err
}
