package postgres_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

// TestTheDatabaseAllowsWhatTheDomainAllows in every state that an operation comes
// through, on both sides of the pivot.
func TestTheDatabaseAllowsWhatTheDomainAllows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	seen := map[tenant.State]bool{}
	look := func(f tenant.Fence, want tenant.State) {
		o, err := b.operations.Find(b.ctx, f.Operation)
		require.NoError(t, err)
		require.Equal(t, want, o.State)
		var stored []tenant.Action
		require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT allowed_actions FROM operations WHERE id = $1`, string(f.Operation)).Scan(&stored))
		require.Equal(t, o.AllowedActions(), stored, "%s, pivot passed: %t", o.State, o.PivotPassed)
		seen[o.State] = true
	}
	look(fence(b.accept(t, "Charité")), tenant.StatePending)
	undone := b.claim(t, "Necker")
	look(undone, tenant.StateRunning)
	at := tenant.StateRunning
	for _, to := range []tenant.State{
		tenant.StateNeedsAttention, tenant.StateRollingBack, tenant.StateRollbackBlocked, tenant.StateRollingBack, tenant.StateRolledBack,
	} {
		b.move(t, undone, at, to)
		look(undone, to)
		at = to
	}
	done := b.claim(t, "St. Mary")
	require.NoError(t, b.schemas.Create(b.ctx, done))
	b.activate(t, done)
	look(done, tenant.StateRunning)
	b.move(t, done, tenant.StateRunning, tenant.StateNeedsAttention)
	look(done, tenant.StateNeedsAttention)
	b.move(t, done, tenant.StateNeedsAttention, tenant.StateSucceeded)
	look(done, tenant.StateSucceeded)
	require.Len(t, seen, len(tenant.States()))
}

// TestEventsTellOfEveryTransition and of every step, in the transaction that made it, and of nothing
// that did not happen.
func TestEventsTellOfEveryTransition(t *testing.T) {
	t.Parallel()
	b := setup(t)
	done := b.claim(t, "Charité")
	require.NoError(t, b.schemas.Create(b.ctx, done))
	b.activate(t, done)
	require.NoError(t, b.transitions.MarkActive(b.ctx, done), "a second time")
	b.move(t, done, tenant.StateRunning, tenant.StateSucceeded)
	rows, err := b.pool.Query(b.ctx, `SELECT type || '/' || coalesce(data->>'state', data->>'step') || '/' || coalesce(data->>'status', '-') FROM events WHERE operation_id = $1 ORDER BY id`, string(done.Operation))
	require.NoError(t, err)
	told, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Equal(t, []string{
		"operation.pending/PENDING/PENDING", "step.completed/CREATE_TENANT_RECORD/-", "operation.running/RUNNING/PROVISIONING",
		"step.completed/CREATE_SCHEMA/-", "step.completed/RUN_MIGRATIONS/-", "step.completed/SEED_ROLES_AND_USER/-",
		"step.in_progress/DEPLOY_SOROBAN_CONTRACT/-", "step.completed/DEPLOY_SOROBAN_CONTRACT/-", "step.completed/STORE_CONTRACT_ADDRESS/-",
		"tenant.active/RUNNING/ACTIVE", "step.completed/MARK_ACTIVE/-", "operation.succeeded/SUCCEEDED/ACTIVE", "step.skipped/SEND_WELCOME_EMAIL/-",
	}, told)
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
