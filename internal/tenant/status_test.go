package tenant_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

// TestEveryStatusChangeIsTheDesigned compares with the table of a tenant's
// life, written out a second time; what is not in it must not happen.
func TestEveryStatusChangeIsTheDesigned(t *testing.T) {
	t.Parallel()
	table := map[tenant.Status][]tenant.Status{
		tenant.StatusPending:      {tenant.StatusProvisioning, tenant.StatusFailed},
		tenant.StatusProvisioning: {tenant.StatusActive, tenant.StatusFailed},
		tenant.StatusFailed:       {tenant.StatusPending, tenant.StatusDeleted},
		tenant.StatusActive:       {tenant.StatusSuspended, tenant.StatusArchived},
		tenant.StatusSuspended:    {tenant.StatusActive, tenant.StatusArchived},
		tenant.StatusArchived:     {tenant.StatusActive, tenant.StatusSuspended, tenant.StatusDeleted},
		tenant.StatusDeleted:      {},
	}
	require.Len(t, tenant.Statuses(), len(table))
	for _, from := range tenant.Statuses() {
		for _, to := range tenant.Statuses() {
			require.Equalf(t, slices.Contains(table[from], to), from.CanBecome(to), "%s → %s", from, to)
		}
	}
}

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

func TestStepsAreTheNamesOfTheLogs(t *testing.T) {
	t.Parallel()
	require.Equal(t, []tenant.Step{
		"CREATE_TENANT_RECORD", "CREATE_SCHEMA", "RUN_MIGRATIONS", "SEED_ROLES_AND_USER",
		"DEPLOY_SOROBAN_CONTRACT", "STORE_CONTRACT_ADDRESS", "MARK_ACTIVE", "SEND_WELCOME_EMAIL",
	}, tenant.ProvisionSteps())
}
