package tenant_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

func TestWhoHoldsTheName(t *testing.T) {
	t.Parallel()
	var holders []tenant.Status
	for _, s := range tenant.Statuses() {
		if s.HoldsName() {
			holders = append(holders, s)
		}
	}
	require.ElementsMatch(t, []tenant.Status{
		tenant.StatusPending, tenant.StatusProvisioning, tenant.StatusActive, tenant.StatusSuspended,
	}, holders)
}
