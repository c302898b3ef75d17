package stellar_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/stellar/submit"
	"tenant-provisioning/internal/tenant"
)

// Several processes deploy many tenants over few channels, each tenant twice at
// the same time, as when an attempt is given up that goes on living.
func TestManyTenantsFromSeveralProcesses(t *testing.T) {
	t.Parallel()
	b := ready(t)
	processes := []*stellar.Deployer{b.with(t, nil), b.with(t, nil), b.with(t, nil)}
	ctx := testContext(t)
	var fences []tenant.Fence
	var group errgroup.Group
	for i := range 24 {
		f := b.newTenant(t)
		fences = append(fences, f)
		for _, d := range []*stellar.Deployer{processes[i%3], processes[(i+1)%3]} {
			group.Go(func() error {
				_, err := d.Deploy(ctx, f, nil)
				return err
			})
		}
	}
	require.NoError(t, group.Wait())
	made := b.creations(t)
	for _, f := range fences {
		require.Equal(t, onLedger{made: 1}, made[stellar.Salt(f.Tenant, f.Generation, b.nonce(t, f))])
		txs := b.transactions(t, f)
		require.Len(t, txs, 1, "a second transaction would have had to be paid")
		require.Equal(t, submit.StateApplied, txs[0].State)
	}
	b.requireConsistent(t)

	for i, f := range fences {
		undo := b.rollBack(t, f)
		for _, d := range []*stellar.Deployer{processes[i%3], processes[(i+1)%3]} {
			group.Go(func() error { return d.Terminate(ctx, undo, nil) })
		}
	}
	require.NoError(t, group.Wait())
	for _, f := range fences {
		id, err := b.address(t, processes[0], f)
		require.NoError(t, err)
		b.requireStatus(t, processes[0], id, tenant.ContractTerminated)
	}
	b.requireConsistent(t)
}

// On a network without code and channels, whoever comes first makes them.
func TestFirstDeploymentsOfSeveralProcessesShareTheCode(t *testing.T) {
	t.Parallel()
	b := setup(t)
	fund(t, b.url, b.admin.Address())
	processes := []*stellar.Deployer{b.with(t, nil), b.with(t, nil)}
	var group errgroup.Group
	for i := range 8 {
		f := b.newTenant(t)
		group.Go(func() error {
			_, err := processes[i%2].Deploy(testContext(t), f, nil)
			return err
		})
	}
	require.NoError(t, group.Wait())
	require.Equal(t, 1, countOf(b.purposes(t), "UPLOAD_CODE APPLIED"))
	require.Equal(t, 1, countOf(b.purposes(t), "CREATE_CHANNELS APPLIED"))
	b.requireConsistent(t)
}

func TestWaitingForAChannelIsHeardAndGivesWay(t *testing.T) {
	t.Parallel()
	b := ready(t)
	_, err := b.with(t, nil).Deploy(testContext(t), b.newTenant(t), nil)
	require.NoError(t, err)
	_, err = b.pool.Exec(t.Context(), `UPDATE stellar_channels SET leased_until = now() + interval '1 hour', lease_token = gen_random_uuid()`)
	require.NoError(t, err)
	m, d, ctx := b.newMortal(t, neverDies, false)
	var once sync.Once
	_, err = d.Deploy(ctx, b.newTenant(t), func(detail string) {
		require.Contains(t, detail, "SOROBAN_CHANNELS")
		once.Do(m.kill)
	})
	require.ErrorIs(t, err, ctx.Err())
}
