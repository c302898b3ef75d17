package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

func TestOverviewCountsWhatIsOpen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	o, err := postgres.Overview(b.ctx, b.pool)
	require.NoError(t, err)
	require.Equal(t, map[tenant.State]int{
		tenant.StatePending: 0, tenant.StateRunning: 0, tenant.StateNeedsAttention: 0, tenant.StateRollingBack: 0, tenant.StateRollbackBlocked: 0,
	}, o.Open)
	require.Zero(t, o.OldestPending)

	b.accept(t, "Charité")
	b.claim(t, "Necker")
	b.move(t, b.claim(t, "St. Mary"), tenant.StateRunning, tenant.StateNeedsAttention)
	for _, sql := range []string{
		`UPDATE operations SET created_at = now() - interval '1 hour'`,
		`INSERT INTO incidents (dependency, cause, affected) VALUES ('ledger', 'x', 10)`,
		`INSERT INTO incidents (dependency, cause, affected, closed_at) VALUES ('mail', 'x', 10, now())`,
		`INSERT INTO findings (kind, subject, detail, repair, safe) VALUES ('k', 's', 'd', 'r', false)`,
		`INSERT INTO findings (kind, subject, detail, repair, safe, state, resolved_at) VALUES ('k', 'other', 'd', 'r', false, 'dismissed', now())`,
	} {
		_, err := b.pool.Exec(b.ctx, sql)
		require.NoError(t, err)
	}
	o, err = postgres.Overview(b.ctx, b.pool)
	require.NoError(t, err)
	require.Equal(t, map[tenant.State]int{
		tenant.StatePending: 1, tenant.StateRunning: 1, tenant.StateNeedsAttention: 1, tenant.StateRollingBack: 0, tenant.StateRollbackBlocked: 0,
	}, o.Open)
	require.InDelta(t, 3600, o.OldestPending.Seconds(), 60)
	require.Equal(t, map[tenant.Dependency]int{tenant.DependencyDatabase: 0, tenant.DependencyLedger: 1, tenant.DependencyMail: 0}, o.Incidents)
	require.Equal(t, 1, o.Findings)
}
