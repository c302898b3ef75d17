package stellar_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

func TestDeployAndTerminate(t *testing.T) {
	t.Parallel()
	b := ready(t)
	d, f, ctx := b.with(t, nil), b.newTenant(t), testContext(t)
	want, err := b.address(t, d, f)
	require.NoError(t, err)
	_, err = d.Status(ctx, want)
	require.ErrorIs(t, err, tenant.ErrNotFound)

	heard := 0
	id, err := d.Deploy(ctx, f, func(string) { heard++ })
	require.NoError(t, err)
	require.Equal(t, want, id)
	require.Positive(t, heard)
	s, err := d.Status(ctx, id)
	require.NoError(t, err)
	require.Equal(t, tenant.ContractActive, s)

	again, err := d.Deploy(ctx, f, nil)
	require.NoError(t, err)
	require.Equal(t, id, again)
	require.Len(t, b.transactions(t, f), 1)
	require.Equal(t, onLedger{made: 1}, b.creationsOf(t, f))

	undo := b.rollBack(t, f)
	for range 2 {
		require.NoError(t, d.Terminate(ctx, undo, nil))
		s, err = d.Status(ctx, id)
		require.NoError(t, err)
		require.Equal(t, tenant.ContractTerminated, s)
	}
	require.Len(t, b.transactions(t, f), 2)
	b.requireConsistent(t)
}

func TestGenerationsHaveContractsOfTheirOwn(t *testing.T) {
	t.Parallel()
	b := ready(t)
	d, f := b.with(t, nil), b.newTenant(t)
	first, err := d.Deploy(testContext(t), f, nil)
	require.NoError(t, err)
	_, err = b.pool.Exec(t.Context(), `UPDATE operations SET generation = 2 WHERE id = $1`, string(f.Operation))
	require.NoError(t, err)
	f.Generation = 2
	second, err := d.Deploy(testContext(t), f, nil)
	require.NoError(t, err)
	require.NotEqual(t, first, second)
}

func TestTerminateAsksNobodyWhenNothingWasEverJournalled(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := newProxy(t, b.url, (*exchange).pass)
	require.NoError(t, b.through(t, p).Terminate(testContext(t), b.rollBack(t, b.newTenant(t)), nil))
	require.Zero(t, p.count(""))
}

func TestDeployUploadsTheCodeAndCreatesTheChannelsWhenMissing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	d := b.with(t, nil)
	fund(t, b.url, d.Address())
	f := b.newTenant(t)
	_, err := d.Deploy(testContext(t), f, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"CREATE_CHANNELS APPLIED", "DEPLOY_CONTRACT APPLIED", "UPLOAD_CODE APPLIED"}, b.purposes(t))
	require.Equal(t, onLedger{made: 1}, b.creationsOf(t, f))
	b.requireConsistent(t)
}

func TestSupersededAttemptsJournalNothing(t *testing.T) {
	t.Parallel()
	b := ready(t)
	d, f := b.with(t, nil), b.newTenant(t)
	b.rollBack(t, f)
	_, err := d.Deploy(testContext(t), f, nil)
	require.ErrorIs(t, err, tenant.ErrSuperseded)
	require.Empty(t, b.transactions(t, f))
	other := b.newTenant(t)
	other.Run = "another run"
	_, err = d.Deploy(testContext(t), other, nil)
	require.ErrorIs(t, err, tenant.ErrSuperseded)
	require.Zero(t, b.creationsOf(t, f))
	var leased int
	require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT count(*) FROM stellar_channels WHERE leased_until > now()`).Scan(&leased))
	require.Zero(t, leased)
}
