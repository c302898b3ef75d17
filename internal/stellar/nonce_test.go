package stellar_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/tenant"
)

// TestNobodyFindsAContractByItsTenantsID: it takes the nonce. A tenant that was accepted
// without one has the contract that its id leads to, as ever.
func TestNobodyFindsAContractByItsTenantsID(t *testing.T) {
	t.Parallel()
	b, ctx := ready(t), testContext(t)
	d, f, before := b.with(t, nil), b.newTenant(t), b.newTenant(t)
	id, err := d.Deploy(ctx, f, nil)
	require.NoError(t, err)
	guessed, err := d.ContractID(f.Tenant, f.Generation, nil)
	require.NoError(t, err)
	require.NotEqual(t, guessed, id)
	_, err = d.Status(ctx, guessed)
	require.ErrorIs(t, err, tenant.ErrNotFound)
	require.NotContains(t, fmt.Sprintf("%v %s %x", b.nonce(t, f), b.nonce(t, f), b.nonce(t, f)), fmt.Sprintf("%x", []byte(b.nonce(t, f))))

	b.forgetNonce(t, before)
	id, err = d.Deploy(ctx, before, nil)
	require.NoError(t, err)
	want, err := d.ContractID(before.Tenant, before.Generation, nil)
	require.NoError(t, err)
	require.Equal(t, want, id)
}

// TestADeploymentKeepsTheAddressThatItBeganWith, where a worker that knew of no nonce
// has begun it, and died: one contract is made, and it is taken for the tenant's.
func TestADeploymentKeepsTheAddressThatItBeganWith(t *testing.T) {
	t.Parallel()
	b, ctx := ready(t), testContext(t)
	f := b.newTenant(t)
	nonce := b.nonce(t, f)
	b.forgetNonce(t, f)
	lost := newProxy(t, b.url, firstOf(1, "sendTransaction", loseAnswer))
	early := b.with(t, func(c *stellar.Config) { c.RPCURL = lost.url })
	first, err := early.Deploy(ctx, f, nil)
	require.NoError(t, err)
	_, err = b.pool.Exec(ctx, `INSERT INTO contract_nonces (tenant_id, generation, nonce) VALUES ($1, 1, $2)`, string(f.Tenant), []byte(nonce))
	require.NoError(t, err)
	// The journal is that of a database which was restored: it does not know the end.
	_, err = b.pool.Exec(ctx, `UPDATE stellar_transactions SET state = 'EXPIRED', ledger = NULL, fee_charged = NULL, result_code = 'NOT_TAKEN' WHERE tenant_id = $1`, string(f.Tenant))
	require.NoError(t, err)
	again, err := b.with(t, nil).Deploy(ctx, f, nil)
	require.NoError(t, err)
	require.Equal(t, first, again)
	made := 0
	for _, n := range b.creations(t) {
		made += n.made
	}
	require.Equal(t, 1, made)
}

// forgetNonce makes a tenant one of before.
func (b *bench) forgetNonce(t *testing.T, f tenant.Fence) {
	t.Helper()
	_, err := b.pool.Exec(t.Context(), `DELETE FROM contract_nonces WHERE tenant_id = $1`, string(f.Tenant))
	require.NoError(t, err)
}

// aNonce is one that never changes.
var aNonce = stellar.Nonce(strings.Repeat("n", 32))
