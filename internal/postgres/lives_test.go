package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

// TestContractsOfLivingTenantsAreKept, and what was seen of them replaces what was
// known, also of another network.
func TestContractsOfLivingTenantsAreKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	lives := postgres.NewLives(b.pool, "here")
	none, err := postgres.StandingLives(b.ctx, b.pool)
	require.NoError(t, err)
	require.Zero(t, none)

	ids := map[tenant.Status]tenant.ID{}
	for _, s := range tenant.Statuses() {
		f := b.claim(t, string(s))
		ids[s] = f.Tenant
		b.mustExec(t, `UPDATE tenants SET status = $2::text, contract_id = 'C' || $2::text, name_held = false,
			admin_email = CASE WHEN $2 <> 'DELETED' THEN admin_email END, admin_first_name = CASE WHEN $2 <> 'DELETED' THEN admin_first_name END,
			admin_last_name = CASE WHEN $2 <> 'DELETED' THEN admin_last_name END WHERE id = $1`, string(f.Tenant), string(s))
	}
	keep, err := lives.ContractsToKeep(b.ctx)
	require.NoError(t, err)
	var kept []string
	for _, k := range keep {
		kept = append(kept, k.Entry)
	}
	require.Equal(t, []string{"CACTIVE", "CARCHIVED", "CPENDING", "CPROVISIONING", "CSUSPENDED"}, kept)

	const days = 24 * time.Hour
	require.NoError(t, postgres.NewLives(b.pool, "elsewhere").SaveLives(b.ctx, []tenant.EntryLife{{Entry: "old", Until: 1, Left: days}}))
	require.NoError(t, lives.SaveLives(b.ctx, []tenant.EntryLife{
		{Entry: "code", Until: 100, Left: 30 * days}, {Entry: "earlier code", Archived: true},
		{Entry: "CACTIVE", Tenant: ids[tenant.StatusActive], Until: 90, Left: 20 * days}, {Entry: "CSUSPENDED", Tenant: ids[tenant.StatusSuspended], Absent: true},
	}))
	s, err := postgres.StandingLives(b.ctx, b.pool)
	require.NoError(t, err)
	require.InDelta(t, 30*days, *s.Code, float64(time.Hour))
	require.InDelta(t, 20*days, *s.Contract, float64(time.Hour))
	require.Equal(t, 2, s.Contracts)
	require.Equal(t, 2, s.Lost, "archived, or not there")
	require.False(t, s.SeenAt.IsZero())

	require.NoError(t, lives.SaveLives(b.ctx, []tenant.EntryLife{{Entry: "code", Until: 200, Left: 60 * days}}))
	s, err = postgres.StandingLives(b.ctx, b.pool)
	require.NoError(t, err)
	require.Zero(t, s.Contracts)
	require.Zero(t, s.Lost)
	require.Nil(t, s.Contract)
	require.InDelta(t, 60*days, *s.Code, float64(time.Hour))
}
