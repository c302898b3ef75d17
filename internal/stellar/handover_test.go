package stellar_test

import (
	"context"
	"testing"

	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/stellar/sshagent"
	"tenant-provisioning/internal/stellar/sshagent/sshagenttest"
	"tenant-provisioning/internal/tenant"
)

// TestEachKeyIsReplaced under tenants that live: those from before are suspended, come
// back and end, new ones are made, and in the end nothing needs the key from before.
func TestEachKeyIsReplaced(t *testing.T) {
	t.Parallel()
	agent := sshagenttest.Best(t).Start()
	held := func(t *testing.T, k *keypair.Full) (signer *sshagent.Signer) {
		t.Helper()
		agent.Add(k)
		signer, err := sshagent.New(agent.Socket, k.Address(), "SOROBAN_ADMIN_SIGNER")
		require.NoError(t, err)
		return signer
	}
	seed := func(k *keypair.Full) stellar.Seed { return stellar.Seed(k.Seed()) }
	type keys struct{ before, after *keypair.Full }
	for name, c := range map[string]struct {
		before, between, after func(*testing.T, keys, *stellar.Config)
		// admin tells that the contracts are handed over.
		admin bool
	}{
		"payer": {
			before:  func(_ *testing.T, k keys, c *stellar.Config) { c.FeePayer = seed(k.before) },
			between: func(_ *testing.T, k keys, c *stellar.Config) { c.FeePayer = seed(k.after) },
			after:   func(_ *testing.T, k keys, c *stellar.Config) { c.FeePayer = seed(k.after) },
		},
		"channels": {
			before:  func(_ *testing.T, k keys, c *stellar.Config) { c.ChannelSecret = seed(k.before) },
			between: func(_ *testing.T, k keys, c *stellar.Config) { c.ChannelSecret = seed(k.after) },
			after:   func(_ *testing.T, k keys, c *stellar.Config) { c.ChannelSecret = seed(k.after) },
		},
		"administrator": {
			before: func(_ *testing.T, k keys, c *stellar.Config) { c.Admin = seed(k.before) },
			between: func(_ *testing.T, k keys, c *stellar.Config) {
				c.Admin, c.PreviousAdmin = seed(k.after), seed(k.before)
			},
			after: func(_ *testing.T, k keys, c *stellar.Config) { c.Admin = seed(k.after) },
			admin: true,
		},
		"administrator in an agent": {
			before: func(t *testing.T, k keys, c *stellar.Config) { c.AdminSigner = held(t, k.before) },
			between: func(t *testing.T, k keys, c *stellar.Config) {
				c.AdminSigner, c.PreviousAdminSigner = held(t, k.after), held(t, k.before)
			},
			after: func(t *testing.T, k keys, c *stellar.Config) { c.AdminSigner = held(t, k.after) },
			admin: true,
		},
		"deployer": {
			before: func(_ *testing.T, k keys, c *stellar.Config) { c.Deployer = seed(k.before) },
			between: func(_ *testing.T, k keys, c *stellar.Config) {
				c.Deployer, c.PreviousAdmin = seed(k.after), seed(k.before)
			},
			after: func(_ *testing.T, k keys, c *stellar.Config) { c.Deployer = seed(k.after) },
			admin: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, k := setup(t), keys{keypair.MustRandom(), keypair.MustRandom()}
			as := func(change func(*testing.T, keys, *stellar.Config)) *stellar.Deployer {
				d := b.with(t, func(cfg *stellar.Config) { change(t, k, cfg) })
				require.NoError(t, d.Setup(testContext(t), nil))
				return d
			}
			type made struct {
				tenant.Fence
				id string
			}
			deploy := func(d *stellar.Deployer) made {
				f := b.newTenant(t)
				id, err := d.Deploy(testContext(t), f, nil)
				require.NoError(t, err)
				return made{f, id}
			}
			ends := func(d *stellar.Deployer, m made) {
				for _, s := range []tenant.ContractStatus{tenant.ContractSuspended, tenant.ContractActive, tenant.ContractTerminated} {
					require.NoError(t, d.SetStatus(testContext(t), m.Fence, m.id, s, nil))
				}
				b.requireStatus(t, d, m.id, tenant.ContractTerminated)
			}
			before := as(c.before)
			one, two, three := deploy(before), deploy(before), deploy(before)
			between := as(c.between)
			ends(between, one)
			four := deploy(between)
			if c.admin {
				after := b.with(t, func(cfg *stellar.Config) { c.after(t, k, cfg) })
				s := stepError(t, after.SetStatus(testContext(t), two.Fence, two.id, tenant.ContractSuspended, nil))
				require.Equal(t, tenant.ClassAuth, s.Class)
				require.False(t, s.Permanent, "it waits for the key from before")
				for _, m := range []made{two, three, four, two} {
					require.NoError(t, between.HandOver(testContext(t), m.id, nil))
					present, _, err := between.Administrator(t.Context(), m.id)
					require.NoError(t, err)
					require.True(t, present)
				}
			}
			after := as(c.after)
			for _, m := range []made{two, three, four, deploy(after)} {
				ends(after, m)
			}
			b.requireConsistent(t)
		})
	}
}

// TestHandingOverGoesOnAfterAKill at any moment of it.
func TestHandingOverGoesOnAfterAKill(t *testing.T) {
	t.Parallel()
	b, admin := ready(t), keypair.MustRandom()
	f := b.newTenant(t)
	id, err := b.with(t, func(c *stellar.Config) { c.Admin = stellar.Seed(admin.Seed()) }).Deploy(testContext(t), f, nil)
	require.NoError(t, err)
	b.previous = stellar.Seed(admin.Seed())
	d := b.with(t, nil)
	fund(t, b.url, admin.Address())
	for range 2 {
		b.killWhenSent(t, func(ctx context.Context, dying *stellar.Deployer) error { return dying.HandOver(ctx, id, nil) })
	}
	require.NoError(t, d.HandOver(testContext(t), id, nil))
	present, now, err := d.Administrator(t.Context(), id)
	require.NoError(t, err)
	require.True(t, present, now)
}
