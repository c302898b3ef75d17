package stellar

import (
	"context"
	"errors"

	tenantcontract "tenant-provisioning/contracts/tenant"
	"tenant-provisioning/internal/tenant"
)

// Alive reports whether a contract is on the ledger and not ended.
func (d *Deployer) Alive(ctx context.Context, contractID string) (bool, error) {
	if err := d.confirmNetwork(ctx); err != nil { // on another network everything would look lost
		return false, d.explain(err)
	}
	s, err := d.Status(ctx, contractID)
	if errors.Is(err, tenant.ErrNotFound) {
		return false, nil
	}
	return err == nil && s != tenantcontract.Terminated, err
}
