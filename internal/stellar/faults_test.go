package stellar_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/xdr"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/stellar/submit"
	"tenant-provisioning/internal/tenant"
)

// firstOf lets a fault strike the first n calls of a method.
func firstOf(n int, method string, fault func(*exchange)) func(*exchange) {
	var seen atomic.Int64
	return func(x *exchange) {
		if x.method == method && seen.Add(1) <= int64(n) {
			fault(x)
			return
		}
		x.pass()
	}
}

func loseAnswer(x *exchange) {
	x.forward()
	x.drop()
}

func TestOneAttemptEnduresABadServer(t *testing.T) {
	t.Parallel()
	b := ready(t)
	send, get, read := protocol.SendTransactionMethodName, protocol.GetTransactionMethodName, protocol.GetLedgerEntriesMethodName
	for name, rule := range map[string]func() func(*exchange){
		"answers to send are lost": func() func(*exchange) { return firstOf(3, send, loseAnswer) },
		"send does not arrive":     func() func(*exchange) { return firstOf(2, send, (*exchange).drop) },
		"send is answered by 503": func() func(*exchange) {
			return firstOf(2, send, func(x *exchange) { x.status(http.StatusServiceUnavailable) })
		},
		"the queue is full":                func() func(*exchange) { return firstOf(3, send, tryAgainLater) },
		"send is taken and lost":           func() func(*exchange) { return firstOf(1, send, pretendPending) },
		"send is taken and answered later": func() func(*exchange) { return firstOf(1, send, lateAnswer) },
		"questions are answered by 429": func() func(*exchange) {
			return firstOf(5, get, func(x *exchange) { x.status(http.StatusTooManyRequests) })
		},
		"questions are not answered": func() func(*exchange) { return firstOf(5, get, (*exchange).drop) },
		"send is answered by something else": func() func(*exchange) {
			return firstOf(2, send, func(x *exchange) { x.answer([]byte(`{}`)) })
		},
		"questions are answered by something else": func() func(*exchange) {
			return firstOf(2, get, func(x *exchange) { x.answer([]byte(`{"jsonrpc":"2.0","id":1,"result":{}}`)) })
		},
		"the server learns late": func() func(*exchange) { return firstOf(20, get, notFound) },
		"accounts lag":           func() func(*exchange) { return lagging(read) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := b.newTenant(t)
			d := b.through(t, newProxy(t, b.url, rule()))
			id, err := d.Deploy(testContext(t), f, nil)
			require.NoError(t, err)
			b.requireStatus(t, d, id, tenant.ContractActive)
			require.Equal(t, onLedger{made: 1}, b.creationsOf(t, f))
			require.NoError(t, d.Terminate(testContext(t), b.rollBack(t, f), nil))
			b.requireStatus(t, d, id, tenant.ContractTerminated)
			b.requireSettled(t, f)
		})
	}
}

// What a proxy or a login page answers in the server's place says nothing: not
// that the network is another one, nor that something is not on the ledger.
func TestAnswersThatAreNoneAreNotBelieved(t *testing.T) {
	t.Parallel()
	b := ready(t)
	for _, method := range []string{
		protocol.GetNetworkMethodName, protocol.GetLedgerEntriesMethodName, protocol.SimulateTransactionMethodName,
		protocol.GetFeeStatsMethodName, protocol.SendTransactionMethodName, protocol.GetTransactionMethodName,
	} {
		for _, answer := range []string{
			``, `null`, `{}`, `[]`, `<html></html>`, `{"jsonrpc":"2.0","id":1,"result":null}`, `{"jsonrpc":"2.0","id":1,"result":{}}`,
			`{"jsonrpc":"2.0","id":1,"result":{"latestLedger":7,"latestLedgerCloseTime":"9","status":"SUCCESS","hash":"","passphrase":"","entries":null}}`,
			`{"jsonrpc":"2.0","id":1,"error":{"code":0,"message":"not now"}}`,
		} {
			f := b.newTenant(t)
			d := b.through(t, newProxy(t, b.url, firstOf(1, method, func(x *exchange) { x.answer([]byte(answer)) })))
			if _, err := d.Deploy(testContext(t), f, nil); err != nil {
				s := stepError(t, err)
				require.False(t, s.Permanent, "%s: %s: %v", method, answer, err)
				require.Contains(t, s.Reason, "SOROBAN_RPC_URL", "%s: %s", method, answer)
				require.NotContains(t, err.Error(), "<nil>")
			}
			_, err := d.Deploy(testContext(t), f, nil)
			require.NoError(t, err, "%s: %s", method, answer)
			require.Equal(t, onLedger{made: 1}, b.creationsOf(t, f))
		}
	}
}

// An answer that was meant for somebody else is no reason to give a tenant up.
func TestAnAnswerAboutAnotherTransactionIsNotBelieved(t *testing.T) {
	t.Parallel()
	b := ready(t)
	f := b.newTenant(t)
	d := b.through(t, newProxy(t, b.url, firstOf(1, protocol.SendTransactionMethodName, func(x *exchange) {
		x.edit(func(r map[string]any) { r["hash"] = strings.Repeat("ab", 32) })
	})))
	_, err := d.Deploy(testContext(t), f, nil)
	s := stepError(t, err)
	require.False(t, s.Permanent)
	require.Contains(t, s.Reason, "SOROBAN_RPC_URL")
	_, err = d.Deploy(testContext(t), f, nil)
	require.NoError(t, err)
	require.Equal(t, onLedger{made: 1}, b.creationsOf(t, f))
}

func tryAgainLater(x *exchange) {
	x.result(protocol.SendTransactionResponse{Status: "TRY_AGAIN_LATER", Hash: outerHash(x.t, x.envelope()), LatestLedger: 1})
}

// pretendPending is a server that loses its queue.
func pretendPending(x *exchange) {
	x.result(protocol.SendTransactionResponse{Status: "PENDING", Hash: outerHash(x.t, x.envelope()), LatestLedger: 1})
}

// lateAnswer lets a ledger take the transaction before its sender hears of it.
func lateAnswer(x *exchange) {
	answer := x.forward()
	<-time.After(300 * time.Millisecond) // six ledgers
	x.answer(answer)
}

// notFound is a server whose ledgers are behind.
func notFound(x *exchange) {
	x.edit(func(r map[string]any) {
		if r["status"] != protocol.TransactionStatusNotFound {
			r["status"] = protocol.TransactionStatusNotFound
			r["latestLedger"], r["latestLedgerCloseTime"] = 2, "1"
			delete(r, "resultXdr")
		}
	})
}

// lagging answers every second read of an entry as it was at the first one.
func lagging(method string) func(*exchange) {
	type key = string
	first := map[key][]byte{}
	var n atomic.Int64
	lock := make(chan struct{}, 1)
	return func(x *exchange) {
		if x.method != method {
			x.pass()
			return
		}
		lock <- struct{}{}
		defer func() { <-lock }()
		k := string(x.params["keys"])
		if old, ok := first[k]; ok && n.Add(1)%2 == 1 {
			x.answer(old)
			return
		}
		answer := x.forward()
		if _, ok := first[k]; !ok {
			first[k] = answer
		}
		x.answer(answer)
	}
}

// envelope is what a send offers.
func (x *exchange) envelope() string {
	var e string
	require.NoError(x.t, json.Unmarshal(x.params["transaction"], &e))
	return e
}

// A server that answers nothing for long makes the attempt fail, with a
// transaction under way; the next attempt goes on with it.
func TestAnAttemptGivesUpAndTheNextGoesOn(t *testing.T) {
	t.Parallel()
	b := ready(t)
	f := b.newTenant(t)
	p := newProxy(t, b.url, func(x *exchange) {
		if x.method == protocol.SendTransactionMethodName {
			x.forward()
		}
		if x.method == protocol.SendTransactionMethodName || x.method == protocol.GetTransactionMethodName {
			x.status(http.StatusBadGateway)
			return
		}
		x.pass()
	})
	// A clock that runs: patience is over at the third question.
	var hours atomic.Int64
	d := b.with(t, func(c *stellar.Config) {
		c.RPCURL = p.url
		c.Clock = func() time.Time {
			if p.count(protocol.GetTransactionMethodName) > 2 {
				hours.Store(1)
			}
			return b.clock.now().Add(time.Duration(hours.Load()) * time.Hour)
		}
	})
	_, err := d.Deploy(testContext(t), f, nil)
	s := stepError(t, err)
	require.False(t, s.Permanent)
	require.Contains(t, s.Reason, "SOROBAN_RPC_URL")
	require.NotContains(t, err.Error(), p.url)
	require.True(t, b.transactions(t, f)[0].State.Open())

	_, err = b.with(t, nil).Deploy(testContext(t), f, nil)
	require.NoError(t, err)
	require.Equal(t, onLedger{made: 1}, b.creationsOf(t, f))
	require.Len(t, b.transactions(t, f), 1)
}

// Lost for good: the bytes never reach the network. Another transaction is
// built, but not before the first one can no longer be applied.
func TestALostTransactionIsRebuiltAfterItExpired(t *testing.T) {
	t.Parallel()
	b := ready(t)
	f := b.newTenant(t)
	var lost atomic.Value
	var times atomic.Int64
	d := b.through(t, newProxy(t, b.url, func(x *exchange) {
		if x.method != protocol.SendTransactionMethodName {
			x.pass()
			return
		}
		lost.CompareAndSwap(nil, innerHash(t, x.envelope()))
		if lost.Load() == innerHash(t, x.envelope()) {
			if times.Add(1) == 2 { // it is sent again before it is given up
				b.clock.expire()
			}
			pretendPending(x)
			return
		}
		x.pass()
	}))
	_, err := d.Deploy(testContext(t), f, nil)
	require.NoError(t, err)
	txs := b.transactions(t, f)
	require.Len(t, txs, 2)
	require.Equal(t, []submit.State{submit.StateExpired, submit.StateApplied}, []submit.State{txs[0].State, txs[1].State})
	require.Equal(t, onLedger{made: 1}, b.creationsOf(t, f))
	first := rpc[protocol.SendTransactionResponse](t, b.url, protocol.SendTransactionMethodName, protocol.SendTransactionRequest{Transaction: txs[0].Envelope})
	require.Equal(t, "ERROR", first.Status, "the first one is dead")
}

// A rollback meets a transaction that is journalled and held up on its way: it
// waits until that can no longer be applied.
func TestRollbackOutlivesATransactionThatIsHeldUp(t *testing.T) {
	t.Parallel()
	b := ready(t)
	f := b.newTenant(t)
	held, release := make(chan struct{}), make(chan struct{})
	hold, letGo := sync.OnceFunc(func() { close(held) }), sync.OnceFunc(func() { close(release) })
	defer letGo()
	p := newProxy(t, b.url, func(x *exchange) {
		if x.method == protocol.SendTransactionMethodName {
			hold()
			<-release
		}
		x.pass()
	})
	ended := make(chan error, 1)
	d := b.through(t, p)
	go func() {
		_, err := d.Deploy(testContext(t), f, nil)
		ended <- err
	}()
	<-held
	other, undo := b.with(t, nil), b.rollBack(t, f)
	waited, err := b.outlive(t, func() error { return other.Terminate(testContext(t), undo, nil) })
	require.NoError(t, err)
	require.True(t, waited)
	p.setRule((*exchange).pass)
	letGo()
	require.ErrorIs(t, <-ended, tenant.ErrSuperseded)
	require.Zero(t, b.creationsOf(t, f))
	require.Equal(t, submit.StateExpired, b.transactions(t, f)[0].State)
}

// An attempt that was given up before it journalled anything comes back after
// the rollback.
func TestAnAttemptThatComesBackAfterTheRollbackDoesNothing(t *testing.T) {
	t.Parallel()
	b := ready(t)
	f := b.newTenant(t)
	held, release := make(chan struct{}), make(chan struct{})
	hold, letGo := sync.OnceFunc(func() { close(held) }), sync.OnceFunc(func() { close(release) })
	defer letGo()
	p := newProxy(t, b.url, func(x *exchange) {
		if x.method == protocol.SimulateTransactionMethodName {
			hold()
			<-release
		}
		x.pass()
	})
	ended := make(chan error, 1)
	d := b.through(t, p)
	go func() {
		_, err := d.Deploy(testContext(t), f, nil)
		ended <- err
	}()
	<-held
	require.NoError(t, b.with(t, nil).Terminate(testContext(t), b.rollBack(t, f), nil))
	letGo()
	require.ErrorIs(t, <-ended, tenant.ErrSuperseded)
	require.Empty(t, b.transactions(t, f))
	require.Zero(t, b.creationsOf(t, f))
}

// A higher bid leaves the transaction the same.
func TestABidThatIsTooLowIsRaised(t *testing.T) {
	t.Parallel()
	b := ready(t)
	f := b.newTenant(t)
	var first, second atomic.Value
	d := b.through(t, newProxy(t, b.url, func(x *exchange) {
		if x.method != protocol.SendTransactionMethodName {
			x.pass()
			return
		}
		if first.CompareAndSwap(nil, x.envelope()) {
			refuseSend(x, xdr.TransactionResult{FeeCharged: 5_000_000, Result: xdr.TransactionResultResult{Code: xdr.TransactionResultCodeTxInsufficientFee}})
			return
		}
		second.Store(x.envelope())
		x.pass()
	}))
	_, err := d.Deploy(testContext(t), f, nil)
	require.NoError(t, err)
	txs := b.transactions(t, f)
	require.Len(t, txs, 1)
	require.NotEqual(t, first.Load(), second.Load())
	require.Equal(t, second.Load(), txs[0].Envelope, "what is sent is journalled")
	var e xdr.TransactionEnvelope
	require.NoError(t, xdr.SafeUnmarshalBase64(txs[0].Envelope, &e))
	require.EqualValues(t, 5_000_000, e.FeeBumpFee())
	require.Equal(t, onLedger{made: 1}, b.creationsOf(t, f))
}

// refuseSend answers as a node that does not take the transaction.
func refuseSend(x *exchange, r xdr.TransactionResult) {
	encoded, err := xdr.MarshalBase64(r)
	require.NoError(x.t, err)
	x.result(protocol.SendTransactionResponse{Status: "ERROR", Hash: outerHash(x.t, x.envelope()), ErrorResultXDR: encoded, LatestLedger: 1})
}

// Whatever the network does, and however often the worker is killed, repeating
// the call until it succeeds makes one contract and pays for one transaction.
func TestAnyRunOfFaultsEndsWithOneContract(t *testing.T) {
	t.Parallel()
	b := readyWithManyChannels(t)
	faults := []func(*exchange){
		(*exchange).pass, (*exchange).pass, (*exchange).pass, (*exchange).drop, loseAnswer,
		func(x *exchange) { x.status(http.StatusServiceUnavailable) },
		func(x *exchange) { x.status(http.StatusTooManyRequests, "Retry-After", "1") },
		func(x *exchange) {
			switch x.method {
			case protocol.SendTransactionMethodName:
				tryAgainLater(x)
			case protocol.GetTransactionMethodName:
				notFound(x)
			default:
				x.pass()
			}
		},
	}
	rapid.Check(t, func(rt *rapid.T) {
		f := b.newTenant(t)
		plan := rapid.SliceOfN(rapid.IntRange(0, len(faults)-1), 0, 30).Draw(rt, "faults")
		deaths := rapid.SliceOfN(rapid.IntRange(1, 15), 0, 3).Draw(rt, "deaths")
		rule := func(x *exchange) {
			if x.n <= len(plan) {
				faults[plan[x.n-1]](x)
				return
			}
			x.pass()
		}
		for _, at := range deaths {
			b.crashDeploy(t, f, at, at%2 == 0)
		}
		d := b.with(t, func(c *stellar.Config) {
			manyChannels(c)
			c.RPCURL = newProxy(t, b.url, rule).url
		})
		until(rt, func() error {
			_, err := d.Deploy(testContext(t), f, nil)
			return err
		})
		id, err := b.address(t, d, f)
		require.NoError(rt, err)
		require.Equal(rt, onLedger{made: 1}, b.creationsOf(t, f))
		b.requireStatus(t, b.with(t, nil), id, tenant.ContractActive)
		b.requireSettled(t, f)
	})
}

// until repeats an attempt as a workflow does.
func until(t require.TestingT, attempt func() error) {
	var err error
	for range 40 {
		if err = attempt(); err == nil {
			return
		}
	}
	require.NoError(t, err)
}
