package stellar_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/xdr"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/devnet"
	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/stellar/submit"
	"tenant-provisioning/internal/tenant"
)

// paid writes into the journal that a transaction was paid for.
func (b *bench) paid(t *testing.T, f tenant.Fence, stroops int64, age time.Duration) {
	t.Helper()
	_, err := b.pool.Exec(t.Context(), `
		INSERT INTO stellar_transactions (hash, tenant_id, operation_id, generation, purpose, state, network, channel, sequence, envelope, after_ledger, max_time, fee_charged, settled_at)
		SELECT encode(sha256(random()::text::bytea), 'hex'), $1, $2, 1, 'DEPLOY_CONTRACT', 'FAILED', network, 'nobody', 1, '', 1, now(), $3, now() - $4::interval
		FROM stellar_transactions LIMIT 1`, string(f.Tenant), string(f.Operation), stroops, age)
	require.NoError(t, err)
}

// TestAnOperationThatHasPaidEnoughAsksForAttention: one that pays for failures does not
// go on for ever, and costs no tenant.
func TestAnOperationThatHasPaidEnoughAsksForAttention(t *testing.T) {
	t.Parallel()
	b := ready(t)
	limited := b.with(t, func(c *stellar.Config) { c.Limits.Operation = 3 * submit.Stroops })
	f := b.newTenant(t)
	b.paid(t, f, 3*submit.Stroops, 48*time.Hour)
	_, err := limited.Deploy(testContext(t), f, nil)
	s := stepError(t, err)
	require.Equal(t, tenant.ClassCapacity, s.Class)
	require.False(t, s.Permanent)
	require.False(t, s.Queued, "a person is asked")
	require.Contains(t, s.Reason, "has paid 3.00 XLM")
	require.Contains(t, s.Reason, "SOROBAN_OPERATION_MAX_FEE=30000000 allows 3.00")
	require.Zero(t, b.creationsOf(t, f))

	other := b.newTenant(t)
	_, err = limited.Deploy(testContext(t), other, nil)
	require.NoError(t, err, "another operation has paid nothing")
	require.NoError(t, limited.Terminate(testContext(t), b.rollBack(t, f), nil), "an undo is another effect")
	_, err = b.with(t, nil).Deploy(testContext(t), b.newTenant(t), nil)
	require.NoError(t, err)
}

// TestADayThatHasCostEnoughIsWaitedOut: nobody's budget is used up meanwhile.
func TestADayThatHasCostEnoughIsWaitedOut(t *testing.T) {
	t.Parallel()
	b := ready(t)
	limited := b.with(t, func(c *stellar.Config) { c.Limits.Day = 500 * submit.Stroops })
	payer, f := b.newTenant(t), b.newTenant(t)
	b.paid(t, payer, 1000*submit.Stroops, 24*time.Hour+time.Second)
	_, err := limited.Deploy(testContext(t), b.newTenant(t), nil)
	require.NoError(t, err, "that was yesterday")
	b.paid(t, payer, 500*submit.Stroops, time.Hour)
	_, err = limited.Deploy(testContext(t), f, nil)
	s := stepError(t, err)
	require.Equal(t, tenant.ClassCapacity, s.Class)
	require.True(t, s.Queued)
	require.Equal(t, 5*time.Minute, s.RetryAfter)
	require.Contains(t, s.Reason, "SOROBAN_DAY_MAX_FEE=5000000000 allows 500.00")
	require.Zero(t, b.creationsOf(t, f))

	purse, err := limited.Purse(t.Context())
	require.NoError(t, err)
	require.Greater(t, purse.SpentDay, 500.0)
	require.InDelta(t, 500, purse.DayLimit, 0)
	_, err = b.with(t, nil).Deploy(testContext(t), f, nil)
	require.NoError(t, err, "the limit was raised")
}

// TestTheUploadHasALimitOfItsOwn: its rent is paid by the byte.
func TestTheUploadHasALimitOfItsOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	fund(t, b.url, b.admin.Address())
	s := stepError(t, b.with(t, func(c *stellar.Config) { c.Limits.Upload = 1000 }).Setup(testContext(t), nil))
	require.Contains(t, s.Reason, "(UPLOAD_CODE) and SOROBAN_UPLOAD_MAX_FEE=1000 allows")
	require.NoError(t, b.with(t, func(c *stellar.Config) { c.Limits.Transaction = 100_000 }).Setup(testContext(t), nil))
}

// fees reads the bid of an envelope: what it offers in all, and what of it is for
// resources.
func fees(t *testing.T, envelope string) (fee, resources int64) {
	t.Helper()
	var e xdr.TransactionEnvelope
	require.NoError(t, xdr.SafeUnmarshalBase64(envelope, &e))
	return int64(e.FeeBump.Tx.Fee), int64(e.FeeBump.Tx.InnerTx.V1.Tx.Ext.SorobanData.ResourceFee)
}

// onceRefused is a server that puts off what it has refused at first.
func onceRefused() func(*exchange) {
	var refused atomic.Bool
	return func(x *exchange) {
		if refused.Swap(true) {
			tryAgainLater(x)
			return
		}
		refuseSend(x, xdr.TransactionResult{Result: xdr.TransactionResultResult{Code: xdr.TransactionResultCodeTxInternalError}})
	}
}

// TestATransactionThatLedgersPassOverBidsMore: ten-fold where it waits in a queue, up to
// the cap, and the cap itself once no node has it any more.
func TestATransactionThatLedgersPassOverBidsMore(t *testing.T) {
	t.Parallel()
	for name, keep := range map[string]func(*exchange){
		"it waits": pretendPending, "it is banned": tryAgainLater, "it is banned after an error": onceRefused(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := ready(t)
			f := b.newTenant(t)
			const most = 20_000_000
			var offers []string
			d := b.through(t, newProxy(t, b.url, func(x *exchange) {
				if x.method != protocol.SendTransactionMethodName {
					x.pass()
					return
				}
				if len(offers) == 0 || offers[len(offers)-1] != x.envelope() {
					offers = append(offers, x.envelope())
				}
				if fee, _ := fees(x.t.(*testing.T), x.envelope()); fee == most {
					x.pass()
					return
				}
				keep(x)
			}))
			_, err := d.Deploy(testContext(t), f, nil)
			require.NoError(t, err)
			require.Equal(t, onLedger{made: 1}, b.creationsOf(t, f))
			require.Len(t, b.transactions(t, f), 1, "it never expired")
			require.GreaterOrEqual(t, len(offers), 4)
			for i := range len(offers) - 1 {
				before, resources := fees(t, offers[i])
				now, same := fees(t, offers[i+1])
				require.Equal(t, resources, same)
				require.True(t, now == most || now-resources >= 10*(before-resources), "%d follows %d", now, before)
			}
		})
	}
}

// TestAPauseThatTheServerAsksForIsKept, in seconds and until a date.
func TestAPauseThatTheServerAsksForIsKept(t *testing.T) {
	t.Parallel()
	b := ready(t)
	for name, header := range map[string]func() string{
		"seconds": func() string { return "90" },
		"a date":  func() string { return b.clock.now().Add(91 * time.Second).UTC().Format(http.TimeFormat) },
		"an hour": func() string { return "3600" },
	} {
		for _, method := range []string{protocol.SimulateTransactionMethodName, protocol.SendTransactionMethodName, protocol.GetTransactionMethodName} {
			p := newProxy(t, b.url, firstOf(1, method, func(x *exchange) {
				x.status(http.StatusTooManyRequests, "Retry-After", header())
			}))
			// Each leaves its transaction open.
			d := b.with(t, func(c *stellar.Config) { c.RPCURL, c.Channels = p.url, 12 })
			_, err := d.Deploy(testContext(t), b.newTenant(t), nil)
			s := stepError(t, err)
			require.Positive(t, s.RetryAfter, "%s %s", name, method)
			want := 90 * time.Second
			if name == "an hour" {
				want = 10 * time.Minute
			}
			require.InDelta(t, want, s.RetryAfter, float64(30*time.Second), "%s %s", name, method)
		}
	}
	// A short one is waited for within the attempt.
	var last atomic.Int64
	var early atomic.Bool
	d := b.through(t, newProxy(t, b.url, func(x *exchange) {
		if x.method != protocol.GetTransactionMethodName {
			x.pass()
			return
		}
		now := time.Now().UnixNano()
		if before := last.Swap(now); before == 0 {
			x.status(http.StatusTooManyRequests, "Retry-After", "1")
			return
		} else if before > 1 && now-before < int64(900*time.Millisecond) {
			early.Store(true)
		}
		last.Store(1)
		x.pass()
	}))
	_, err := d.Deploy(testContext(t), b.newTenant(t), nil)
	require.NoError(t, err)
	require.False(t, early.Load())
}

// TestTenTenantsGetIntoFullLedgers, each of which is full of bids of 0.1 XLM: nobody
// waits until a transaction has expired.
func TestTenTenantsGetIntoFullLedgers(t *testing.T) {
	t.Parallel()
	b := ready(t)
	require.NoError(t, b.net.Change(t.Context(), func(c *devnet.Conditions) { c.FillBid = 1_000_000 }))
	d := b.with(t, nil)
	var all sync.WaitGroup
	var tenants []tenant.Fence
	for range 10 {
		f := b.newTenant(t)
		tenants = append(tenants, f)
		all.Go(func() {
			if _, err := d.Deploy(testContext(t), f, nil); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, f := range tenants {
		txs := b.transactions(t, f)
		require.Len(t, txs, 1)
		require.Equal(t, submit.StateApplied, txs[0].State)
		fee, resources := fees(t, txs[0].Envelope)
		require.Greater(t, fee-resources, int64(2_000_000), "more than the others bid")
	}
}
