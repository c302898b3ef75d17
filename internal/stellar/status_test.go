package stellar_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/stellar/submit"
	"tenant-provisioning/internal/tenant"
)

func TestSetStatusCanBeRepeated(t *testing.T) {
	t.Parallel()
	b := ready(t)
	d, f, ctx := b.with(t, nil), b.newTenant(t), testContext(t)
	id, err := d.Deploy(ctx, f, nil)
	require.NoError(t, err)
	for _, s := range []tenant.ContractStatus{tenant.ContractSuspended, tenant.ContractSuspended, tenant.ContractActive} {
		require.NoError(t, d.SetStatus(ctx, f, id, s, nil))
		got, err := d.Status(ctx, id)
		require.NoError(t, err)
		require.Equal(t, s, got)
	}
	require.Len(t, b.transactions(t, f), 3, "no transaction for the status that it has")

	require.NoError(t, d.SetStatus(ctx, f, id, tenant.ContractTerminated, nil))
	s := stepError(t, d.SetStatus(ctx, f, id, tenant.ContractActive, nil))
	require.True(t, s.Permanent)
	require.Contains(t, s.Reason, "Error(Contract, #1)")
}

// TestAChangeOfStatusCostsItsTenantAlone: the code is everybody's, and whoever
// changes a status first does not pay for its life.
func TestAChangeOfStatusCostsItsTenantAlone(t *testing.T) {
	t.Parallel()
	b := ready(t)
	d, f, ctx := b.with(t, nil), b.newTenant(t), testContext(t)
	id, err := d.Deploy(ctx, f, nil)
	require.NoError(t, err)
	for _, s := range []tenant.ContractStatus{tenant.ContractSuspended, tenant.ContractActive, tenant.ContractTerminated} {
		f = b.nextOperation(t, f)
		require.NoError(t, d.SetStatus(ctx, f, id, s, nil))
		var paid int64
		require.NoError(t, b.pool.QueryRow(ctx, `
			SELECT fee_charged FROM stellar_transactions
			WHERE tenant_id = $1 AND operation_id = $2 AND purpose = 'SET_STATUS' AND target_status = $3 AND state = 'APPLIED'`,
			string(f.Tenant), string(f.Operation), string(s)).Scan(&paid))
		t.Logf("to %s: %.7f XLM", s, float64(paid)/submit.Stroops)
		require.Positive(t, paid)
		require.Less(t, paid, int64(submit.Stroops/2), "a quarter of what SOROBAN_MAX_FEE allows")
	}
}

// TestAnOperationSetsItsOwnStatus: what the one before it has sent is brought to
// its end, and does not count as done.
func TestAnOperationSetsItsOwnStatus(t *testing.T) {
	t.Parallel()
	b := ready(t)
	d, f, ctx := b.with(t, nil), b.newTenant(t), testContext(t)
	id, err := d.Deploy(ctx, f, nil)
	require.NoError(t, err)
	b.killWhenSent(t, func(ctx context.Context, d *stellar.Deployer) error {
		return d.SetStatus(ctx, f, id, tenant.ContractSuspended, nil)
	})
	require.True(t, b.transactions(t, f)[1].State.Open())

	late, f := f, b.nextOperation(t, f)
	require.NoError(t, d.SetStatus(ctx, f, id, tenant.ContractActive, nil))
	b.requireStatus(t, d, id, tenant.ContractActive)
	require.ErrorIs(t, d.SetStatus(ctx, late, id, tenant.ContractSuspended, nil), tenant.ErrSuperseded)

	require.NoError(t, d.Terminate(ctx, b.rollBack(t, f), nil))
	b.requireStatus(t, d, id, tenant.ContractTerminated)
	var targets []tenant.ContractStatus
	for _, tx := range b.transactions(t, f)[1:] {
		require.Equal(t, submit.StateApplied, tx.State)
		targets = append(targets, tx.TargetStatus)
	}
	require.Equal(t, []tenant.ContractStatus{tenant.ContractSuspended, tenant.ContractActive, tenant.ContractTerminated}, targets)
	b.requireConsistent(t)
}

// nextOperation ends a tenant's operation and begins another one in the same
// generation.
func (b *bench) nextOperation(t *testing.T, f tenant.Fence) tenant.Fence {
	t.Helper()
	op, err := tenant.NewOperationID()
	require.NoError(t, err)
	_, err = b.pool.Exec(t.Context(), `UPDATE operations SET state = 'SUCCEEDED' WHERE id = $1`, string(f.Operation))
	require.NoError(t, err)
	f.Operation, f.Run = op, uuid.NewString()
	_, err = b.pool.Exec(t.Context(), `
		INSERT INTO operations (id, tenant_id, kind, state, generation, run_id, client, retry_budget, attention_period)
		VALUES ($1, $2, 'provision', 'RUNNING', $3, $4, 'test', '30 min', '72 h')`, string(op), string(f.Tenant), f.Generation, f.Run)
	require.NoError(t, err)
	return f
}
