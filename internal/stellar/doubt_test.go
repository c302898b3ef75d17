package stellar_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stellar/go-stellar-sdk/keypair"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/devnet"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/stellar/submit"
	"tenant-provisioning/internal/tenant"
)

// weigh gives an account's own key a weight. The deployer becomes a signer of it, for
// the way back, and pays for that.
func (b *bench) weigh(t *testing.T, account *keypair.Full, weight txnbuild.Threshold) {
	t.Helper()
	source, err := newClient(t, b.url).LoadAccount(t.Context(), account.Address())
	require.NoError(t, err)
	inner, err := txnbuild.NewTransaction(txnbuild.TransactionParams{
		SourceAccount: source, IncrementSequenceNum: true, BaseFee: txnbuild.MinBaseFee,
		Operations: []txnbuild.Operation{
			&txnbuild.Payment{SourceAccount: b.admin.Address(), Destination: account.Address(), Amount: "1", Asset: txnbuild.NativeAsset{}},
			&txnbuild.SetOptions{MasterWeight: &weight, Signer: &txnbuild.Signer{Address: b.admin.Address(), Weight: 1}},
		},
		Preconditions: txnbuild.Preconditions{TimeBounds: txnbuild.NewTimeout(600)},
	})
	require.NoError(t, err)
	signers := []*keypair.Full{b.admin}
	if weight == 0 {
		signers = append(signers, account)
	}
	inner, err = inner.Sign(devnet.Passphrase, signers...)
	require.NoError(t, err)
	outer, err := txnbuild.NewFeeBumpTransaction(txnbuild.FeeBumpTransactionParams{Inner: inner, FeeAccount: b.admin.Address(), BaseFee: 1000})
	require.NoError(t, err)
	outer, err = outer.Sign(devnet.Passphrase, b.admin)
	require.NoError(t, err)
	b.submit(t, outer)
}

// TestABrokenChannelIsSetAside: its tenant gets another one. When none is left, work
// waits until one is mended and brought back.
func TestABrokenChannelIsSetAside(t *testing.T) {
	t.Parallel()
	b := ready(t)
	journal := postgres.NewStellarJournal(b.pool)
	d := b.with(t, func(c *stellar.Config) { c.Channels = 2 })
	b.weigh(t, d.ChannelKey(0), 0)
	for range 3 {
		f := b.newTenant(t)
		_, err := d.Deploy(testContext(t), f, nil)
		require.NoError(t, err)
		require.Equal(t, onLedger{made: 1}, b.creationsOf(t, f))
	}
	var aside, why string
	require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT address, set_aside_why FROM stellar_channels WHERE set_aside_at IS NOT NULL`).Scan(&aside, &why))
	require.Equal(t, d.ChannelKey(0).Address(), aside)
	require.Contains(t, why, "the weight 0, and a transaction needs 1 (txBAD_AUTH")

	b.weigh(t, d.ChannelKey(1), 0)
	f := b.newTenant(t)
	_, err := d.Deploy(testContext(t), f, nil)
	s := stepError(t, err)
	require.False(t, s.Permanent)
	require.Equal(t, tenant.ClassAuth, s.Class)
	require.Contains(t, s.Reason, "all 2 channel accounts are set aside")
	require.Contains(t, s.Reason, "starter stellar channels")

	b.weigh(t, d.ChannelKey(0), 1)
	back, err := journal.BringBack(t.Context(), devnet.Passphrase, aside)
	require.NoError(t, err)
	require.True(t, back)
	_, err = d.Deploy(testContext(t), f, nil)
	require.NoError(t, err)
	b.requireConsistent(t)
}

// limited is a context whose deadline passes when the test says so.
type limited struct {
	context.Context
	over chan struct{}
}

func (l limited) Done() <-chan struct{} { return l.over }

func (l limited) Err() error {
	select {
	case <-l.over:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// TestAnAttemptThatIsCutShortTellsWhatItMet: whoever reads the step's log, the journal
// or the Web UI knows what the network said, and still does when the transaction has
// come to its end.
func TestAnAttemptThatIsCutShortTellsWhatItMet(t *testing.T) {
	t.Parallel()
	dbClosed := func(x *exchange) {
		x.answer([]byte(`{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"db is closed"}}`))
	}
	for name, c := range map[string]struct {
		methods []string
		fault   func(*exchange)
		code    string
		says    string
	}{
		"put off":  {[]string{protocol.SendTransactionMethodName}, tryAgainLater, "NOT_TAKEN", "says TRY_AGAIN_LATER"},
		"lost":     {[]string{protocol.SendTransactionMethodName}, (*exchange).drop, "NOT_TAKEN", "does not answer"},
		"taken":    {[]string{protocol.SendTransactionMethodName}, pretendPending, "NOT_INCLUDED", "is on its way"},
		"an error": {[]string{protocol.SendTransactionMethodName, protocol.GetTransactionMethodName}, dbClosed, "NOT_TAKEN", "answers error -32603: db is closed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := ready(t)
			f := b.newTenant(t)
			ctx := limited{testContext(t), make(chan struct{})}
			asked := 0
			p := newProxy(t, b.url, func(x *exchange) {
				if x.method == protocol.GetTransactionMethodName {
					if asked++; asked == 3 {
						close(ctx.over)
					}
				}
				if slices.Contains(c.methods, x.method) {
					c.fault(x)
					return
				}
				x.pass()
			})
			_, err := b.through(t, p).Deploy(ctx, f, nil)
			s := stepError(t, err)
			require.False(t, s.Permanent)
			require.Contains(t, s.Reason, "the attempt's time was up; the last that it met: ")
			require.Contains(t, s.Reason, c.says)
			var note string
			require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT note FROM stellar_transactions WHERE tenant_id = $1`, string(f.Tenant)).Scan(&note))
			require.Contains(t, note, c.says)

			b.clock.expire()
			require.NoError(t, b.with(t, nil).Terminate(testContext(t), b.rollBack(t, f), nil))
			tx := b.transactions(t, f)[0]
			require.Equal(t, submit.StateExpired, tx.State)
			require.Equal(t, c.code, tx.ResultCode)
		})
	}
}

// TestATransactionIsPutOffUntilItIsTooLate: the journal says why it is in no ledger.
func TestATransactionIsPutOffUntilItIsTooLate(t *testing.T) {
	t.Parallel()
	b := ready(t)
	f := b.newTenant(t)
	first := ""
	d := b.through(t, newProxy(t, b.url, func(x *exchange) {
		if x.method == protocol.SendTransactionMethodName && (first == "" || first == innerHash(t, x.envelope())) {
			first = innerHash(t, x.envelope())
			tryAgainLater(x)
			b.clock.expire()
			return
		}
		x.pass()
	}))
	_, err := d.Deploy(testContext(t), f, nil)
	require.NoError(t, err)
	txs := b.transactions(t, f)
	require.Len(t, txs, 2)
	require.Equal(t, submit.StateExpired, txs[0].State)
	require.Equal(t, "TRY_AGAIN_LATER", txs[0].ResultCode)
}

// TestATransactionThatWasAppliedNeverExpires: a server may know a ledger before it
// knows what is in it.
func TestATransactionThatWasAppliedNeverExpires(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]func(*exchange){
		"taken": nil,
		"its answer is lost, and its number used": func(x *exchange) {
			refuseSend(x, xdr.TransactionResult{Result: xdr.TransactionResultResult{Code: xdr.TransactionResultCodeTxBadSeq}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := ready(t)
			f := b.newTenant(t)
			sent, hidden := 0, 0
			d := b.through(t, newProxy(t, b.url, func(x *exchange) {
				switch {
				case x.method == protocol.SendTransactionMethodName:
					if sent++; sent == 1 {
						x.forward()
						b.awaitLedgers(t, 3)
						b.clock.expire()
						b.awaitLedgers(t, 3)
						x.drop()
						return
					}
					if refusal != nil {
						refusal(x)
						return
					}
				case x.method == protocol.GetTransactionMethodName && hidden < 20:
					hidden++
					x.edit(func(r map[string]any) {
						r["status"] = protocol.TransactionStatusNotFound
						delete(r, "resultXdr")
					})
					return
				}
				x.pass()
			}))
			_, err := d.Deploy(testContext(t), f, nil)
			require.NoError(t, err)
			require.Equal(t, 20, hidden)
			txs := b.transactions(t, f)
			require.Len(t, txs, 1)
			require.Equal(t, submit.StateApplied, txs[0].State)
			b.requireConsistent(t)
		})
	}
}

func (b *bench) awaitLedgers(t *testing.T, n uint32) {
	t.Helper()
	c := newClient(t, b.url)
	before, err := c.GetLatestLedger(t.Context())
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		now, err := c.GetLatestLedger(t.Context())
		return err == nil && now.Sequence >= before.Sequence+n
	}, deadline, 10*time.Millisecond)
}
