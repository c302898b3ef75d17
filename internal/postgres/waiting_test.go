package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

// TestTheDatabaseAllowsWhatTheDomainAllows in every state, on both sides of the
// pivot.
func TestTheDatabaseAllowsWhatTheDomainAllows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, state := range tenant.States() {
		for _, pivotPassed := range []bool{false, true} {
			var allowed []tenant.Action
			require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT allowed_actions($1, $2)`, string(state), pivotPassed).Scan(&allowed))
			require.Equal(t, tenant.AllowedActions(state, tenant.Position{Kind: tenant.KindProvision, PivotPassed: pivotPassed}), allowed, "%s, pivot passed: %t", state, pivotPassed)
		}
	}
}

// TestOperationsWaiting: the view has what waits for a person, and nothing else.
func TestOperationsWaiting(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.accept(t, "Charité")
	b.claim(t, "Necker")
	parked := b.claim(t, "St. Mary")
	b.move(t, parked, tenant.StateRunning, tenant.StateNeedsAttention)
	var operation, state string
	var allowed []tenant.Action
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM operations_waiting`))
	require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT id::text, state, allowed_actions FROM operations_waiting`).Scan(&operation, &state, &allowed))
	require.Equal(t, string(parked.Operation), operation)
	require.Equal(t, string(tenant.StateNeedsAttention), state)
	require.Equal(t, tenant.AllowedActions(tenant.StateNeedsAttention, tenant.Position{Kind: tenant.KindProvision}), allowed)

	b.mustExec(t, `UPDATE operations SET state = 'ROLLBACK_BLOCKED' WHERE id = $1`, operation)
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM operations_waiting WHERE state = 'ROLLBACK_BLOCKED' AND attempts >= 0 AND since <= now()`))
}
