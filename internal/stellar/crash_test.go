package stellar_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/tenant"
)

// neverDies is a call that no process gets to.
const neverDies = 1 << 20

// everyCrash runs a test for each call at which a process can be killed, before
// and after it takes effect. On a slow machine many before the last ones are the
// same question for a transaction: of more than most, those are left out.
func everyCrash(t *testing.T, calls, most int, test func(t *testing.T, at int, after bool)) {
	t.Helper()
	require.Greater(t, calls, 5, "the calls of one run")
	const last = 10 // what is done with the answer
	for at := 1; at <= calls; at++ {
		if at > most-last && at <= calls-last {
			continue
		}
		for _, after := range []bool{false, true} {
			when := "before"
			if after {
				when = "after"
			}
			t.Run(fmt.Sprintf("%s call %d", when, at), func(t *testing.T) {
				t.Parallel()
				test(t, at, after)
			})
		}
	}
}

// expireLeases lets the time pass after which a killed process has lost its
// accounts.
func (b *bench) expireLeases(t *testing.T) {
	t.Helper()
	_, err := b.pool.Exec(t.Context(), `UPDATE stellar_channels SET leased_until = now() - interval '1 second' WHERE leased_until > now()`)
	require.NoError(t, err)
}

// callsOf counts the calls of one undisturbed run, and two more for a ledger
// that takes longer.
func callsOf(t *testing.T, b *bench, run func(d *stellar.Deployer) error) int {
	t.Helper()
	m, d, _ := b.newMortal(t, neverDies, false)
	require.NoError(t, run(d))
	return m.calls() + 2
}

func (b *bench) requireStatus(t *testing.T, d *stellar.Deployer, id string, want tenant.ContractStatus) {
	t.Helper()
	got, err := d.Status(testContext(t), id)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// crashDeploy deploys by a process that is killed.
func (b *bench) crashDeploy(t *testing.T, f tenant.Fence, at int, after bool) {
	t.Helper()
	m, d, ctx := b.newMortal(t, at, after)
	if _, err := d.Deploy(ctx, f, nil); err == nil {
		require.Less(t, m.calls(), at+1, "it has outlived its death")
	}
}

func TestDeployKilledAtEveryCallAndRepeatedMakesOneContract(t *testing.T) {
	t.Parallel()
	b := readyWithManyChannels(t)
	calls := callsOf(t, b, func(d *stellar.Deployer) error {
		_, err := d.Deploy(testContext(t), b.newTenant(t), nil)
		return err
	})
	everyCrash(t, calls, 25, func(t *testing.T, at int, after bool) {
		f := b.newTenant(t)
		b.crashDeploy(t, f, at, after)
		d := b.with(t, manyChannels)
		id, err := d.Deploy(testContext(t), f, nil)
		require.NoError(t, err)
		b.requireStatus(t, d, id, tenant.ContractActive)
		require.Equal(t, onLedger{made: 1}, b.creationsOf(t, f))
		b.requireSettled(t, f)

		undo := b.rollBack(t, f)
		m, dying, ctx := b.newMortal(t, at, after)
		if dying.Terminate(ctx, undo, nil) == nil {
			require.Less(t, m.calls(), at+1, "it has outlived its death")
		}
		require.NoError(t, d.Terminate(testContext(t), undo, nil))
		b.requireStatus(t, d, id, tenant.ContractTerminated)
		b.requireSettled(t, f)
	})
}

func TestDeployKilledAtEveryCallAndRolledBackLeavesNoWorkingContract(t *testing.T) {
	t.Parallel()
	b := readyWithManyChannels(t)
	calls := callsOf(t, b, func(d *stellar.Deployer) error {
		_, err := d.Deploy(testContext(t), b.newTenant(t), nil)
		return err
	})
	everyCrash(t, calls, 25, func(t *testing.T, at int, after bool) {
		f := b.newTenant(t)
		b.crashDeploy(t, f, at, after)
		d, undo := b.with(t, manyChannels), b.rollBack(t, f)
		_, err := b.outlive(t, func() error { return d.Terminate(testContext(t), undo, nil) })
		require.NoError(t, err)
		id, err := b.address(t, d, f)
		require.NoError(t, err)
		made := b.creationsOf(t, f)
		require.Zero(t, made.failed)
		if made.made == 0 {
			_, err = d.Status(testContext(t), id)
			require.ErrorIs(t, err, tenant.ErrNotFound)
		} else {
			require.Equal(t, 1, made.made)
			b.requireStatus(t, d, id, tenant.ContractTerminated)
		}
		b.requireSettled(t, f)
	})
}

// On a network that has nothing yet, the same deployment uploads the code and
// creates the channels.
func TestFirstDeployKilledAtEveryCallAndRepeated(t *testing.T) {
	t.Parallel()
	first := setup(t)
	fund(t, first.url, first.admin.Address())
	calls := callsOf(t, first, func(d *stellar.Deployer) error {
		_, err := d.Deploy(testContext(t), first.newTenant(t), nil)
		return err
	})
	everyCrash(t, calls, 60, func(t *testing.T, at int, after bool) {
		b := setup(t)
		fund(t, b.url, b.admin.Address())
		f := b.newTenant(t)
		b.crashDeploy(t, f, at, after)
		b.expireLeases(t)
		d := b.with(t, nil)
		id, err := d.Deploy(testContext(t), f, nil)
		require.NoError(t, err)
		b.requireStatus(t, d, id, tenant.ContractActive)
		require.Equal(t, onLedger{made: 1}, b.creationsOf(t, f))
		// What the killed process did for all tenants is settled by the next one
		// that needs the deployer's account.
		require.NoError(t, d.Setup(testContext(t), nil))
		require.Equal(t, 1, countOf(b.purposes(t), "UPLOAD_CODE APPLIED"), "the code is paid for once")
		b.requireConsistent(t)
	})
}

func countOf(list []string, what string) int {
	n := 0
	for _, s := range list {
		if s == what {
			n++
		}
	}
	return n
}

// requireSettled: nothing of the tenant is under way.
func (b *bench) requireSettled(t *testing.T, f tenant.Fence) {
	t.Helper()
	for _, tx := range b.transactions(t, f) {
		require.False(t, tx.State.Open(), "%s %s", tx.Purpose, tx.State)
	}
}

// manyChannels are enough for all the processes of a test that are killed with
// an account in their hands.
func manyChannels(c *stellar.Config) { c.Channels = 100 }

func readyWithManyChannels(t *testing.T) *bench {
	t.Helper()
	b := setup(t)
	d := b.with(t, manyChannels)
	fund(t, b.url, d.Address())
	require.NoError(t, d.Setup(testContext(t), nil))
	return b
}
