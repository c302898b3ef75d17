package stellar_test

import (
	"fmt"
	"testing"
	"time"

	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/xdr"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/stellar/submit"
	"tenant-provisioning/internal/tenant"
)

// What a node answers to a transaction that it does not take, and what an
// operator gets to read.
func TestRefusalsAreExplained(t *testing.T) {
	t.Parallel()
	b := ready(t)
	admin := b.admin.Address()
	for _, c := range []struct {
		code  xdr.TransactionResultCode
		class tenant.FailureClass
		// ended tells that the transaction can be in no ledger.
		ended bool
		state submit.State
		says  string
	}{
		{xdr.TransactionResultCodeTxBadAuth, tenant.ClassAuth, true, submit.StateRejected, "SOROBAN_NETWORK"},
		{xdr.TransactionResultCodeTxBadAuthExtra, tenant.ClassAuth, true, submit.StateRejected, "SOROBAN_CONTRACT_DEPLOYER_SECRET"},
		{xdr.TransactionResultCodeTxMalformed, tenant.ClassPermanent, true, submit.StateRejected, "txMALFORMED"},
		{xdr.TransactionResultCodeTxNotSupported, tenant.ClassPermanent, true, submit.StateRejected, "txNOT_SUPPORTED"},
		{xdr.TransactionResultCodeTxInsufficientBalance, tenant.ClassCapacity, false, submit.StatePrepared, admin},
		{xdr.TransactionResultCodeTxNoAccount, tenant.ClassCapacity, false, submit.StatePrepared, admin},
		{xdr.TransactionResultCodeTxInsufficientFee, tenant.ClassCapacity, false, submit.StatePrepared, "SOROBAN_MAX_FEE"},
		{xdr.TransactionResultCodeTxSorobanInvalid, tenant.ClassPermanent, true, submit.StateExpired, "txSOROBAN_INVALID"},
		{xdr.TransactionResultCodeTxFrozenKeyAccessed, tenant.ClassPermanent, true, submit.StateExpired, "txFROZEN_KEY_ACCESSED"},
	} {
		t.Run(c.code.String(), func(t *testing.T) {
			t.Parallel()
			f := b.newTenant(t)
			d := b.through(t, newProxy(t, b.url, func(x *exchange) {
				if x.method == protocol.SendTransactionMethodName {
					if b.expired(x) {
						refuseSend(x, xdr.TransactionResult{Result: xdr.TransactionResultResult{Code: xdr.TransactionResultCodeTxTooLate}})
						return
					}
					refuseSend(x, xdr.TransactionResult{FeeCharged: 1 << 40, Result: xdr.TransactionResultResult{Code: c.code}})
					if c.state == submit.StateExpired {
						b.clock.expire()
					}
					return
				}
				x.pass()
			}))
			_, err := d.Deploy(testContext(t), f, nil)
			s := stepError(t, err)
			require.Equal(t, c.class, s.Class)
			require.False(t, s.Permanent, "it is not the tenant's fault")
			require.Positive(t, s.RetryAfter)
			require.Contains(t, s.Reason, c.says)
			require.NotContains(t, err.Error(), b.deployer, "a secret")
			txs := b.transactions(t, f)
			require.Equal(t, c.state, txs[len(txs)-1].State)

			honest := b.with(t, nil)
			if c.ended {
				require.NoError(t, honest.Terminate(testContext(t), b.rollBack(t, f), nil))
				require.Zero(t, b.creationsOf(t, f))
				b.requireSettled(t, f)
				return
			}
			_, err = honest.Deploy(testContext(t), f, nil)
			require.NoError(t, err)
			require.Equal(t, onLedger{made: 1}, b.creationsOf(t, f))
		})
	}
}

// expired tells that a node would find the transaction too late.
func (b *bench) expired(x *exchange) bool {
	var e xdr.TransactionEnvelope
	require.NoError(x.t, xdr.SafeUnmarshalBase64(x.envelope(), &e))
	return int64(e.FeeBump.Tx.InnerTx.V1.Tx.TimeBounds().MaxTime) < b.clock.now().Unix()
}

func TestOneInvalidTransactionIsSimulatedAnew(t *testing.T) {
	t.Parallel()
	b := ready(t)
	f := b.newTenant(t)
	first := ""
	d := b.through(t, newProxy(t, b.url, func(x *exchange) {
		if x.method == protocol.SendTransactionMethodName && (first == "" || first == x.envelope()) {
			first = x.envelope()
			refuseSend(x, xdr.TransactionResult{Result: xdr.TransactionResultResult{Code: xdr.TransactionResultCodeTxSorobanInvalid}})
			b.clock.expire()
			return
		}
		x.pass()
	}))
	_, err := d.Deploy(testContext(t), f, nil)
	require.NoError(t, err)
	require.Equal(t, onLedger{made: 1}, b.creationsOf(t, f))
}

// The network changed between simulation and ledger: the transaction is in a
// ledger without its effect, and another one is built.
func TestResourcesThatFellShortAreSimulatedAnew(t *testing.T) {
	t.Parallel()
	b := ready(t)
	f := b.newTenant(t)
	short := func(x *exchange) {
		x.edit(func(r map[string]any) {
			var data xdr.SorobanTransactionData
			require.NoError(t, xdr.SafeUnmarshalBase64(r["transactionData"].(string), &data)) //nolint:forcetypeassert // the protocol says so
			data.Resources.Instructions /= 2
			encoded, err := xdr.MarshalBase64(data)
			require.NoError(t, err)
			r["transactionData"] = encoded
		})
	}
	d := b.through(t, newProxy(t, b.url, firstOf(1, protocol.SimulateTransactionMethodName, short)))
	id, err := d.Deploy(testContext(t), f, nil)
	require.NoError(t, err)
	b.requireStatus(t, d, id, tenant.ContractActive)
	txs := b.transactions(t, f)
	require.Len(t, txs, 2)
	require.Equal(t, "txFAILED/INVOKE_HOST_FUNCTION_RESOURCE_LIMIT_EXCEEDED", txs[0].ResultCode)
	require.Equal(t, onLedger{made: 1, failed: 1}, b.creationsOf(t, f))

	other := b.newTenant(t)
	d = b.through(t, newProxy(t, b.url, firstOf(99, protocol.SimulateTransactionMethodName, short)))
	_, err = d.Deploy(testContext(t), other, nil)
	s := stepError(t, err)
	require.False(t, s.Permanent)
	require.Len(t, b.transactions(t, other), 5, "one attempt pays for no more")
}

func TestSimulationsThatTheHostRefusesAreExplained(t *testing.T) {
	t.Parallel()
	b := ready(t)
	for host, want := range map[string]struct {
		class     tenant.FailureClass
		permanent bool
		says      string
	}{
		"HostError: Error(Budget, ExceededLimit)\n\nEvent log": {tenant.ClassPermanent, false, "more than the network allows"},
		"HostError: Error(WasmVm, InvalidAction)":              {tenant.ClassPermanent, false, "Error(WasmVm, InvalidAction)"},
		"HostError: Error(Contract, #7)":                       {tenant.ClassPermanent, true, "Error(Contract, #7)"},
		"HostError: Error(Auth, InvalidAction)":                {tenant.ClassAuth, false, "SOROBAN_CONTRACT_DEPLOYER_SECRET"},
	} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			f := b.newTenant(t)
			d := b.through(t, newProxy(t, b.url, firstOf(99, protocol.SimulateTransactionMethodName, func(x *exchange) {
				x.result(protocol.SimulateTransactionResponse{Error: host, LatestLedger: 1 << 20})
			})))
			_, err := d.Deploy(testContext(t), f, nil)
			s := stepError(t, err)
			require.Equal(t, want.class, s.Class)
			require.Equal(t, want.permanent, s.Permanent)
			require.Contains(t, s.Reason, want.says)
			require.Empty(t, b.transactions(t, f))
		})
	}
	_, err := b.through(t, newProxy(t, b.url, firstOf(99, protocol.SimulateTransactionMethodName, func(x *exchange) {
		x.result(protocol.SimulateTransactionResponse{Error: "could not read the ledger", LatestLedger: 1 << 20})
	}))).Deploy(testContext(t), b.newTenant(t), nil)
	s := stepError(t, err)
	require.False(t, s.Permanent, "a fault of the server's own passes")
	require.Contains(t, s.Reason, "could not read the ledger")
}

func TestAFeeBeyondWhatMayBeSpentWaits(t *testing.T) {
	t.Parallel()
	b := ready(t)
	d := b.with(t, func(c *stellar.Config) { c.Limits.Transaction = 1000 })
	f := b.newTenant(t)
	_, err := d.Deploy(testContext(t), f, nil)
	s := stepError(t, err)
	require.Equal(t, tenant.ClassCapacity, s.Class)
	require.False(t, s.Permanent)
	require.Positive(t, s.RetryAfter)
	require.Contains(t, s.Reason, "SOROBAN_MAX_FEE=1000")
	require.Empty(t, b.transactions(t, f))
}

func TestADeployerWithoutMoneyIsToldWhereToSendIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	// As on the public network, nobody gives money away.
	d := b.through(t, newProxy(t, b.url, func(x *exchange) {
		if x.method == protocol.GetNetworkMethodName {
			x.edit(func(r map[string]any) { delete(r, "friendbotUrl") })
			return
		}
		x.pass()
	}))
	f := b.newTenant(t)
	for name, err := range map[string]error{
		"deploy": func() error { _, err := d.Deploy(testContext(t), f, nil); return err }(),
		"setup":  d.Setup(testContext(t), nil),
	} {
		s := stepError(t, err)
		require.Equal(t, tenant.ClassCapacity, s.Class, name)
		require.False(t, s.Permanent, name)
		require.Contains(t, s.Reason, b.admin.Address(), name)
		require.Contains(t, s.Reason, fmt.Sprint(d.EnoughXLM()), name)
		require.NotContains(t, s.Reason, "by itself", "it may park, and the reason stays")
	}
	fund(t, b.url, b.admin.Address())
	_, err := d.Deploy(testContext(t), f, nil)
	require.NoError(t, err)
}

func TestServersThatRefuseUsAreExplained(t *testing.T) {
	t.Parallel()
	b := ready(t)
	for status, want := range map[int]struct {
		class tenant.FailureClass
		after time.Duration
	}{
		429: {tenant.ClassCapacity, 7 * time.Second},
		403: {tenant.ClassAuth, 30 * time.Second},
		500: {"", 0},
	} {
		p := newProxy(t, b.url, func(x *exchange) {
			if status == 429 {
				x.status(status, "Retry-After", "7")
				return
			}
			x.status(status)
		})
		_, err := b.through(t, p).Deploy(testContext(t), b.newTenant(t), nil)
		s := stepError(t, err)
		require.Equal(t, want.class, s.Class)
		require.Equal(t, want.after, s.RetryAfter)
		require.False(t, s.Permanent)
		require.Contains(t, s.Reason, "SOROBAN_RPC_URL")
	}
}
