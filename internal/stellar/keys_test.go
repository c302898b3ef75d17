package stellar_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stellar/go-stellar-sdk/keypair"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/xdr"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/doctor"
	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/stellar/submit"
	"tenant-provisioning/internal/tenant"
)

// apart gives a deployer a payer and an administrator of their own.
func apart(payer, admin *keypair.Full) func(*stellar.Config) {
	return func(c *stellar.Config) { c.FeePayer, c.Admin = stellar.Seed(payer.Seed()), stellar.Seed(admin.Seed()) }
}

// stroops is what an account has.
func stroops(t *testing.T, url, address string) int64 {
	t.Helper()
	var key xdr.LedgerKey
	require.NoError(t, key.SetAccount(xdr.MustAddress(address)))
	encoded, err := xdr.MarshalBase64(key)
	require.NoError(t, err)
	entries, err := newClient(t, url).GetLedgerEntries(t.Context(), protocol.GetLedgerEntriesRequest{Keys: []string{encoded}})
	require.NoError(t, err)
	require.Len(t, entries.Entries, 1)
	var data xdr.LedgerEntryData
	require.NoError(t, xdr.SafeUnmarshalBase64(entries.Entries[0].DataXDR, &data))
	return int64(data.MustAccount().Balance)
}

// TestEachKeyDoesItsPart: the deployer makes the contract, the administrator changes it,
// the payer pays for both.
func TestEachKeyDoesItsPart(t *testing.T) {
	t.Parallel()
	b, payer, admin, ctx := setup(t), keypair.MustRandom(), keypair.MustRandom(), testContext(t)
	d := b.with(t, apart(payer, admin))
	var said []string
	require.NoError(t, d.Setup(ctx, func(s string) { said = append(said, s) }))
	require.Contains(t, strings.Join(said, "\n"), admin.Address()+", the contracts' administrator by SOROBAN_ADMIN_SECRET")
	require.NoError(t, d.Probe(ctx))
	has := func() []int64 {
		return []int64{stroops(t, b.url, d.Address()), stroops(t, b.url, admin.Address()), stroops(t, b.url, payer.Address())}
	}
	before := has()
	require.Equal(t, int64(submit.AccountReserve*submit.Stroops), before[1], "the administrator pays nothing")

	f := b.newTenant(t)
	id, err := d.Deploy(ctx, f, nil)
	require.NoError(t, err)
	want, err := b.address(t, b.with(t, nil), f)
	require.NoError(t, err)
	require.Equal(t, want, id, "the address is the deployer's alone")
	for _, s := range []tenant.ContractStatus{tenant.ContractSuspended, tenant.ContractActive, tenant.ContractTerminated} {
		require.NoError(t, d.SetStatus(ctx, f, id, s, nil))
		b.requireStatus(t, d, id, s)
	}
	after := has()
	require.Equal(t, before[:2], after[:2])
	require.Less(t, after[2], before[2])
	for _, tx := range ledgerTransactions(t, b.url) {
		var e xdr.TransactionEnvelope
		require.NoError(t, xdr.SafeUnmarshalBase64(tx.EnvelopeXDR, &e))
		if !e.IsFeeBump() {
			continue // friendbot's
		}
		require.Equal(t, payer.Address(), e.FeeBump.Tx.FeeSource.ToAccountId().Address())
		if call, ok := e.Operations()[0].Body.GetInvokeHostFunctionOp(); ok && call.HostFunction.InvokeContract != nil {
			require.Equal(t, admin.Address(), e.Operations()[0].SourceAccount.ToAccountId().Address())
		}
	}
	balances, err := d.Balances(ctx)
	require.NoError(t, err)
	require.InDelta(t, float64(after[2])/submit.Stroops, *balances.FeePayer, 1e-6)
	require.InDelta(t, submit.AccountReserve, *balances.Admin, 1e-6)
}

// TestContractsKeepTheAdministratorThatMadeThem until they are handed over.
func TestContractsKeepTheAdministratorThatMadeThem(t *testing.T) {
	t.Parallel()
	b, first, second, ctx := ready(t), keypair.MustRandom(), keypair.MustRandom(), testContext(t)
	f := b.newTenant(t)
	id, err := b.with(t, nil).Deploy(ctx, f, nil)
	require.NoError(t, err)
	later := b.with(t, func(c *stellar.Config) { c.Admin = stellar.Seed(first.Seed()) })
	require.NoError(t, later.SetStatus(ctx, f, id, tenant.ContractSuspended, nil), "the deployer signs for what it has made")

	f = b.newTenant(t)
	id, err = later.Deploy(ctx, f, nil)
	require.NoError(t, err)
	s := stepError(t, later.SetStatus(ctx, f, id, tenant.ContractSuspended, nil))
	require.Contains(t, s.Reason, first.Address()+", which SOROBAN_ADMIN_SECRET names, is not on the ledger")
	require.Contains(t, s.Reason, "starter setup")
	require.False(t, s.Permanent)
	requireLine(t, b.examined(t, later)["balance"], doctor.Failure, first.Address()+" of the contracts' administrator is not on the ledger")
	require.NoError(t, later.Setup(ctx, nil))
	requireLine(t, b.examined(t, later)["balance"], doctor.OK, "")
	require.NoError(t, later.SetStatus(ctx, f, id, tenant.ContractSuspended, nil))

	another := b.with(t, func(c *stellar.Config) { c.Admin = stellar.Seed(second.Seed()) })
	s = stepError(t, another.SetStatus(ctx, f, id, tenant.ContractActive, nil))
	require.Equal(t, tenant.ClassAuth, s.Class)
	require.Contains(t, s.Reason, "the contract's administrator is "+first.Address())
	require.Contains(t, s.Reason, "SOROBAN_ADMIN_SECRET")
	require.False(t, s.Permanent, "the setting can be set back")
}

// TestRefusalsNameTheKeyThatIsRefused, by the setting that holds it.
func TestRefusalsNameTheKeyThatIsRefused(t *testing.T) {
	t.Parallel()
	b, payer, admin := setup(t), keypair.MustRandom(), keypair.MustRandom()
	honest := b.with(t, apart(payer, admin))
	require.NoError(t, honest.Setup(testContext(t), nil))
	operation := func(code xdr.OperationResultCode) xdr.TransactionResult {
		inner := xdr.InnerTransactionResultResult{Code: xdr.TransactionResultCodeTxFailed, Results: &[]xdr.OperationResult{{Code: code}}}
		return xdr.TransactionResult{Result: xdr.TransactionResultResult{
			Code:            xdr.TransactionResultCodeTxFeeBumpInnerFailed,
			InnerResultPair: &xdr.InnerTransactionResultPair{Result: xdr.InnerTransactionResult{Result: inner}},
		}}
	}
	outer := xdr.TransactionResult{Result: xdr.TransactionResultResult{Code: xdr.TransactionResultCodeTxBadAuth}}
	deploy := func(ctx context.Context, d *stellar.Deployer, f tenant.Fence) error {
		_, err := d.Deploy(ctx, f, nil)
		return err
	}
	suspend := func(ctx context.Context, d *stellar.Deployer, f tenant.Fence) error {
		id, err := honest.Deploy(ctx, f, nil)
		require.NoError(t, err)
		return d.SetStatus(ctx, f, id, tenant.ContractSuspended, nil)
	}
	for name, c := range map[string]struct {
		answer  xdr.TransactionResult
		do      func(context.Context, *stellar.Deployer, tenant.Fence) error
		account string
		setting string
	}{
		"the payer":         {outer, deploy, payer.Address(), "SOROBAN_PAYER_SECRET"},
		"the deployer":      {operation(xdr.OperationResultCodeOpBadAuth), deploy, honest.Address(), "SOROBAN_CONTRACT_DEPLOYER_SECRET"},
		"the administrator": {operation(xdr.OperationResultCodeOpBadAuth), suspend, admin.Address(), "SOROBAN_ADMIN_SECRET"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProxy(t, b.url, firstOf(99, protocol.SendTransactionMethodName, func(x *exchange) { refuseSend(x, c.answer) }))
			d := b.with(t, func(cfg *stellar.Config) {
				apart(payer, admin)(cfg)
				cfg.RPCURL = p.url
			})
			f := b.newTenant(t)
			s := stepError(t, c.do(testContext(t), d, f))
			require.Equal(t, tenant.ClassAuth, s.Class)
			require.False(t, s.Permanent)
			require.Contains(t, s.Reason, c.account)
			require.Contains(t, s.Reason, c.setting)
		})
	}
}
