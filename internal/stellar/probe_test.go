package stellar_test

import (
	"testing"

	"github.com/stellar/go-stellar-sdk/amount"
	"github.com/stellar/go-stellar-sdk/keypair"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/devnet"
	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/tenant"
)

// TestProbe tells a network on which a deployment would succeed from those on
// which none does, and says what its step says. Nothing is sent.
func TestProbe(t *testing.T) {
	t.Parallel()
	b := setup(t)
	d := b.with(t, nil)
	s := stepError(t, d.Probe(testContext(t)))
	require.Equal(t, tenant.ClassCapacity, s.Class)
	require.Contains(t, s.Reason, b.admin.Address())

	fund(t, b.url, d.Address())
	require.NoError(t, d.Probe(testContext(t)), "a deployment makes what is missing")
	require.NoError(t, d.Setup(testContext(t), nil))
	sent := len(ledgerTransactions(t, b.url))
	require.NoError(t, d.Probe(testContext(t)))

	dear := b.with(t, func(c *stellar.Config) { c.Limits.Transaction = 1000 })
	require.Contains(t, stepError(t, dear.Probe(testContext(t))).Reason, "SOROBAN_MAX_FEE=1000")
	other := b.with(t, func(c *stellar.Config) { c.Passphrase = "another" })
	require.Contains(t, stepError(t, other.Probe(testContext(t))).Reason, "SOROBAN_NETWORK")
	for _, method := range []string{protocol.GetNetworkMethodName, protocol.SimulateTransactionMethodName, protocol.GetLedgerEntriesMethodName} {
		away := b.through(t, newProxy(t, b.url, firstOf(99, method, func(x *exchange) { x.status(503) })))
		require.Contains(t, stepError(t, away.Probe(testContext(t))).Reason, "SOROBAN_RPC_URL", method)
	}
	refusing := b.through(t, newProxy(t, b.url, firstOf(99, protocol.SimulateTransactionMethodName, func(x *exchange) {
		x.result(protocol.SimulateTransactionResponse{Error: "HostError: Error(Budget, ExceededLimit)", LatestLedger: 1 << 20})
	})))
	require.Contains(t, stepError(t, refusing.Probe(testContext(t))).Reason, "more than the network allows", "to all alike")
	require.Len(t, ledgerTransactions(t, b.url), sent)
}

// TestProbeOfAnAccountThatCannotPay fails for as long as deployments do.
func TestProbeOfAnAccountThatCannotPay(t *testing.T) {
	t.Parallel()
	b := ready(t)
	d := b.with(t, nil)
	b.leave(t, "1.0001")
	_, err := d.Deploy(testContext(t), b.newTenant(t), nil)
	require.Contains(t, stepError(t, err).Reason, "cannot pay")
	s := stepError(t, d.Probe(testContext(t)))
	require.Equal(t, tenant.ClassCapacity, s.Class)
	require.Contains(t, s.Reason, b.admin.Address())
	require.Contains(t, s.Reason, "1.0001")
}

// balance is in stroops, read behind the deployer's back.
func (b *bench) balance(t *testing.T, address string) int64 {
	t.Helper()
	id := xdr.MustAddress(address)
	key, err := xdr.MarshalBase64(xdr.LedgerKey{Type: xdr.LedgerEntryTypeAccount, Account: &xdr.LedgerKeyAccount{AccountId: id}})
	require.NoError(t, err)
	found, err := newClient(t, b.url).GetLedgerEntries(t.Context(), protocol.GetLedgerEntriesRequest{Keys: []string{key}})
	require.NoError(t, err)
	require.Len(t, found.Entries, 1)
	var entry xdr.LedgerEntryData
	require.NoError(t, xdr.SafeUnmarshalBase64(found.Entries[0].DataXDR, &entry))
	return int64(entry.MustAccount().Balance)
}

// leave pays out what the deployer has, but for some XLM.
func (b *bench) leave(t *testing.T, xlm string) {
	t.Helper()
	to := keypair.MustRandom()
	fund(t, b.url, to.Address())
	account, err := newClient(t, b.url).LoadAccount(t.Context(), b.admin.Address())
	require.NoError(t, err)
	has := b.balance(t, b.admin.Address())
	tx, err := txnbuild.NewTransaction(txnbuild.TransactionParams{
		SourceAccount: account, IncrementSequenceNum: true, BaseFee: txnbuild.MinBaseFee,
		Operations: []txnbuild.Operation{&txnbuild.Payment{
			Destination: to.Address(), Asset: txnbuild.NativeAsset{}, Amount: amount.StringFromInt64(has - int64(amount.MustParse(xlm)) - txnbuild.MinBaseFee),
		}},
		Preconditions: txnbuild.Preconditions{TimeBounds: txnbuild.NewTimeout(60)},
	})
	require.NoError(t, err)
	tx, err = tx.Sign(devnet.Passphrase, b.admin)
	require.NoError(t, err)
	b.submit(t, tx)
}
