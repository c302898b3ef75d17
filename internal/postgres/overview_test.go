package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

func TestOverviewCountsWhatIsOpen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	o, err := postgres.Overview(b.ctx, b.pool)
	require.NoError(t, err)
	require.Empty(t, o.Open)

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
	require.Equal(t, map[tenant.State]int{tenant.StatePending: 1, tenant.StateRunning: 1, tenant.StateNeedsAttention: 1}, o.ByState())
	for _, state := range []tenant.State{tenant.StatePending, tenant.StateRunning, tenant.StateNeedsAttention} {
		require.InDelta(t, 3600, o.OldestByState()[state].Seconds(), 60)
		require.Equal(t, 1, o.ByKind(tenant.KindProvision, state))
		require.Zero(t, o.ByKind(tenant.KindPurge, state))
	}
	require.Len(t, o.Parked(), 1)
	require.Equal(t, map[tenant.Dependency]int{tenant.DependencyLedger: 1}, o.Incidents)
	require.Equal(t, map[tenant.FindingKind]int{"k": 1}, o.Findings)
	counts, err := postgres.CountTenants(b.ctx, b.pool)
	require.NoError(t, err)
	require.Equal(t, map[tenant.Status]int{tenant.StatusPending: 1, tenant.StatusProvisioning: 2}, counts)
}

// TestOverviewIsCheap: it reads indexes of what is open, and nothing of what has ended.
func TestOverviewIsCheap(t *testing.T) {
	t.Parallel()
	b := setup(t)
	exec := func(sql string) {
		_, err := b.pool.Exec(b.ctx, sql)
		require.NoError(t, err)
	}
	exec(`INSERT INTO tenants (id, name, name_key, slug, schema_name, role_name, app_login, status, admin_email, admin_first_name, admin_last_name, tier, region)
		SELECT gen_random_uuid(), n, n AS key, n AS slug, n AS schema, n AS role, 'app', 'ACTIVE', 'a@b.example', 'A', 'B', 't', 'r' FROM (SELECT 'n' || g AS n FROM generate_series(1, 3000) g) names`)
	exec(`INSERT INTO operations (id, tenant_id, kind, state, generation, client, retry_budget, attention_period, pivot_passed)
		SELECT gen_random_uuid(), id, 'provision', 'SUCCEEDED', 1, 'c', '1h', '1h', true FROM tenants`)
	exec(`VACUUM (ANALYZE) operations`)
	rows, err := b.pool.Query(b.ctx, `EXPLAIN `+postgres.CountOpen)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	plan := strings.Join(lines, "\n")
	require.NotContains(t, plan, "Seq Scan", plan)
}

// TestServerTellsAnOrdinaryRole what it may see, and nothing of replicas that are not
// there.
func TestServerTellsAnOrdinaryRole(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s, err := postgres.Server(b.ctx, b.pool)
	require.NoError(t, err)
	require.Positive(t, s.Connections)
	require.Greater(t, s.MaxConnections, s.Reserved)
	require.Positive(t, s.Reserved)
	require.Greater(t, s.MaxLocks, s.Locks)
	require.Positive(t, s.WALPosition)
}

// TestTimingOfAProvisioning: the steps' own times, and of the time until the tenant was
// active what was the ledger's, with the attempt that failed.
func TestTimingOfAProvisioning(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.claim(t, "Charité")
	for _, row := range []string{
		`'CREATE_SCHEMA', 'COMPLETED', 20, now() - interval '99 seconds'`,
		`'DEPLOY_SOROBAN_CONTRACT', 'FAILED', 1000, now() - interval '90 seconds'`,
		`'DEPLOY_SOROBAN_CONTRACT', 'COMPLETED', 5000, now() - interval '65 seconds'`,
		`'MARK_ACTIVE', 'COMPLETED', 3, now() - interval '50 seconds'`,
	} {
		_, err := b.pool.Exec(b.ctx, `INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, duration_ms, started_at, attempt)
			SELECT $1, $2, r.*, 1 FROM (SELECT `+row+`) r`, string(f.Tenant), string(f.Operation))
		require.NoError(t, err)
	}
	_, err := b.pool.Exec(b.ctx, `UPDATE operations SET created_at = now() - interval '100 seconds' WHERE id = $1`, string(f.Operation))
	require.NoError(t, err)
	got, err := postgres.NewOperations(b.pool).Timing(b.ctx, f.Operation)
	require.NoError(t, err)
	require.Equal(t, 20*time.Millisecond, got.Steps[tenant.StepCreateSchema])
	require.Equal(t, 5*time.Second, got.Steps[tenant.StepDeployContract])
	require.InDelta(t, 50, got.ToActive.Seconds(), 1)
	require.InDelta(t, 30, got.Ledger.Seconds(), 0.1)
}
