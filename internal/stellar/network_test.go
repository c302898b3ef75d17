package stellar_test

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stellar/go-stellar-sdk/keypair"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stretchr/testify/require"

	tenantcontract "tenant-provisioning/contracts/tenant"
	"tenant-provisioning/internal/devnet"
	"tenant-provisioning/internal/devnet/devnettest"
	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/stellar/submit"
	"tenant-provisioning/internal/tenant"
)

func TestAnotherNetworkIsNoticedBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	b := ready(t)
	d := b.with(t, func(c *stellar.Config) { c.Passphrase = "Another Network ; 2026" })
	f := b.newTenant(t)
	_, err := d.Deploy(testContext(t), f, nil)
	for _, err := range []error{err, d.Check(testContext(t)), d.Setup(testContext(t), nil)} {
		s := stepError(t, err)
		require.Equal(t, tenant.ClassAuth, s.Class)
		require.False(t, s.Permanent, "no tenant can help it")
		require.ErrorIs(t, err, stellar.ErrOtherNetwork)
		require.Contains(t, s.Reason, "SOROBAN_NETWORK")
	}
	require.Empty(t, b.transactions(t, f))
	channels, err := d.Channels(testContext(t))
	require.ErrorIs(t, err, stellar.ErrOtherNetwork, "none is missing")
	require.NotEmpty(t, channels)
	require.NoError(t, b.with(t, nil).Check(testContext(t)))
}

// TestAnotherNetworkIsNoticedLater than at the first transaction, such as by a name that
// leads elsewhere now: whoever has met it sends nothing more there.
func TestAnotherNetworkIsNoticedLater(t *testing.T) {
	t.Parallel()
	b := ready(t)
	var elsewhere atomic.Bool
	d := b.through(t, newProxy(t, b.url, func(x *exchange) {
		if elsewhere.Load() && x.method == protocol.GetNetworkMethodName {
			x.result(protocol.GetNetworkResponse{Passphrase: "Another Network ; 2026"})
			return
		}
		x.pass()
	}))
	_, err := d.Deploy(testContext(t), b.newTenant(t), nil)
	require.NoError(t, err)
	elsewhere.Store(true)
	require.ErrorIs(t, d.Check(testContext(t)), stellar.ErrOtherNetwork)
	f := b.newTenant(t)
	_, err = d.Deploy(testContext(t), f, nil)
	require.ErrorIs(t, err, stellar.ErrOtherNetwork)
	require.Empty(t, b.transactions(t, f))
	elsewhere.Store(false)
	_, err = d.Deploy(testContext(t), f, nil)
	require.NoError(t, err)
}

// A transaction that another network does not know is not lost: it is left
// alone until the setting is put back.
func TestTransactionsOfAnotherNetworkAreLeftAlone(t *testing.T) {
	t.Parallel()
	b := ready(t)
	f := b.newTenant(t)
	p := newProxy(t, b.url, func(x *exchange) {
		if x.method == protocol.SendTransactionMethodName || x.method == protocol.GetTransactionMethodName {
			x.status(502)
			return
		}
		x.pass()
	})
	m, dying, ctx := b.at(p.url).newMortal(t, 12, true)
	_, err := dying.Deploy(ctx, f, nil)
	require.Error(t, err)
	require.GreaterOrEqual(t, m.calls(), 12)
	require.True(t, b.transactions(t, f)[0].State.Open())

	const other = "Another Network ; 2026"
	_, otherURL := devnettest.Open(t, devnet.Config{Passphrase: other, CloseInterval: devnettest.CloseInterval})
	d := b.with(t, func(c *stellar.Config) { c.RPCURL, c.Passphrase = otherURL, other })
	_, err = d.Deploy(testContext(t), f, nil)
	s := stepError(t, err)
	require.Equal(t, tenant.ClassConflict, s.Class)
	require.Contains(t, s.Reason, devnet.Passphrase)
	s = stepError(t, d.Terminate(testContext(t), b.rollBack(t, f), nil))
	require.Equal(t, tenant.ClassConflict, s.Class)
	require.True(t, b.transactions(t, f)[0].State.Open())

	undo := f
	undo.State = tenant.StateRollingBack
	waited, err := b.outlive(t, func() error { return b.with(t, nil).Terminate(testContext(t), undo, nil) })
	require.NoError(t, err)
	require.True(t, waited)
	b.requireSettled(t, f)
}

func TestAnotherDeployerDoesNotMakeASecondContract(t *testing.T) {
	t.Parallel()
	b := ready(t)
	f := b.newTenant(t)
	id, err := b.with(t, nil).Deploy(testContext(t), f, nil)
	require.NoError(t, err)

	next := keypair.MustRandom()
	fund(t, b.url, next.Address())
	d := b.with(t, func(c *stellar.Config) { c.Deployer = stellar.Seed(next.Seed()) })
	again, err := d.Deploy(testContext(t), f, nil)
	require.NoError(t, err)
	require.Equal(t, id, again, "the one that the journal has")

	undo := b.rollBack(t, f)
	s := stepError(t, d.Terminate(testContext(t), undo, nil))
	require.Equal(t, tenant.ClassAuth, s.Class)
	require.Contains(t, s.Reason, "SOROBAN_CONTRACT_DEPLOYER_SECRET")
	require.False(t, s.Permanent, "it waits for the key")
	d = b.with(t, func(c *stellar.Config) {
		c.Deployer, c.PreviousAdmin = stellar.Seed(next.Seed()), stellar.Seed(b.deployer)
	})
	require.NoError(t, d.Terminate(testContext(t), undo, nil))
	b.requireStatus(t, d, id, tenant.ContractTerminated)
}

// A database from before the deployment knows nothing of it; the ledger does.
func TestAContractThatOnlyTheLedgerKnows(t *testing.T) {
	t.Parallel()
	b := ready(t)
	d, f := b.with(t, nil), b.newTenant(t)
	_, err := d.Deploy(testContext(t), f, nil)
	require.NoError(t, err)
	b.forget(t)
	id, err := d.Deploy(testContext(t), f, nil)
	require.NoError(t, err)
	b.requireStatus(t, d, id, tenant.ContractActive)
	require.Empty(t, b.transactions(t, f), "nothing was sent")

	require.NoError(t, d.SetStatus(testContext(t), f, id, tenant.ContractTerminated, nil))
	b.forget(t)
	_, err = d.Deploy(testContext(t), f, nil)
	s := stepError(t, err)
	require.Equal(t, tenant.ClassConflict, s.Class)
	require.Contains(t, s.Reason, "terminated")
}

// forget is what a backup from before the transactions does.
func (b *bench) forget(t *testing.T) {
	t.Helper()
	_, err := b.pool.Exec(t.Context(), `DELETE FROM stellar_transactions`)
	require.NoError(t, err)
}

// The version before this one has made the contract: it is taken, and goes on
// with the code that it has.
func TestAContractOfEarlierCode(t *testing.T) {
	t.Parallel()
	b := ready(t)
	for version := 1; version < tenantcontract.Version; version++ {
		wasm, err := os.ReadFile(fmt.Sprintf("../../contracts/tenant/testdata/%d.wasm", version))
		require.NoError(t, err)
		f := b.newTenant(t)
		_, err = b.with(t, func(c *stellar.Config) { c.Wasm = wasm }).Deploy(testContext(t), f, nil)
		require.NoError(t, err)
		b.forget(t)

		d := b.with(t, nil)
		id, err := d.Deploy(testContext(t), f, nil)
		require.NoError(t, err)
		require.Empty(t, b.transactions(t, f), "nothing was sent")
		b.requireStatus(t, d, id, tenant.ContractActive)
		require.NoError(t, d.Terminate(testContext(t), b.rollBack(t, f), nil))
	}
}

func TestAContractOfUnknownCodeIsAConflict(t *testing.T) {
	t.Parallel()
	b := ready(t)
	f := b.newTenant(t)
	// Code with one more custom section is other code that does the same.
	other := b.with(t, func(c *stellar.Config) { c.Wasm = append(append([]byte{}, tenantcontract.Wasm...), 0, 3, 2, 'x', 'y') })
	id, err := other.Deploy(testContext(t), f, nil)
	require.NoError(t, err)
	b.forget(t)
	_, code, err := other.Runs(t.Context(), id)
	require.NoError(t, err)
	b.disown(t, "code", code)
	_, err = b.with(t, nil).Deploy(testContext(t), f, nil)
	s := stepError(t, err)
	require.Equal(t, tenant.ClassConflict, s.Class)
	require.True(t, s.Permanent)
	require.Contains(t, s.Reason, "which this installation has never deployed")
}

// TestAContractOfAStrangeAdministratorIsNotTaken, and not rolled back: nobody here could
// end it. One that was ever ours is.
func TestAContractOfAStrangeAdministratorIsNotTaken(t *testing.T) {
	t.Parallel()
	b, admin := ready(t), keypair.MustRandom()
	f := b.newTenant(t)
	other := b.with(t, func(c *stellar.Config) { c.Admin = stellar.Seed(admin.Seed()) })
	made, err := other.Deploy(testContext(t), f, nil)
	require.NoError(t, err)
	b.forget(t)
	id, err := b.with(t, nil).Deploy(testContext(t), f, nil)
	require.NoError(t, err, "its administrator was ours once")
	require.Equal(t, made, id)

	b.disown(t, "admin", admin.Address())
	_, err = b.with(t, nil).Deploy(testContext(t), f, nil)
	s := stepError(t, err)
	require.Equal(t, tenant.ClassConflict, s.Class)
	require.False(t, s.Permanent)
	require.Contains(t, s.Reason, admin.Address()+", an account that this installation has never used")
	require.Contains(t, s.Reason, "rotate-keys.md")
	require.Empty(t, b.transactions(t, f), "nothing was sent")
}

// disown has the installation know nothing of what it has used.
func (b *bench) disown(t *testing.T, kind, value string) {
	t.Helper()
	tag, err := b.pool.Exec(t.Context(), `DELETE FROM contract_origins WHERE kind = $1 AND value = $2`, kind, value)
	require.NoError(t, err)
	require.EqualValues(t, 1, tag.RowsAffected())
}

// oneChannel makes the next transaction use the account that the test has
// meddled with.
func oneChannel(c *stellar.Config) { c.Channels = 1 }

// A network that began anew counts from other numbers than the database.
func TestASequenceNumberThatTheLedgerDoesNotKnowIsForgotten(t *testing.T) {
	t.Parallel()
	b := ready(t)
	d := b.with(t, oneChannel)
	_, err := d.Deploy(testContext(t), b.newTenant(t), nil)
	require.NoError(t, err)
	_, err = b.pool.Exec(t.Context(), `UPDATE stellar_channels SET sequence = 4611686018427387904`)
	require.NoError(t, err)
	f := b.newTenant(t)
	_, err = b.outlive(t, func() error {
		_, err := d.Deploy(testContext(t), f, nil)
		return err
	})
	require.NoError(t, err)
	txs := b.transactions(t, f)
	require.Equal(t, "txBAD_SEQ", txs[0].ResultCode)
	require.Equal(t, submit.StateExpired, txs[0].State)
}

// Somebody else uses the channel's number: ours can get into no ledger, which
// is known at once and not only when it expires.
func TestASequenceNumberThatSomebodyElseUsedNeedNotExpire(t *testing.T) {
	t.Parallel()
	b := ready(t)
	long := func(c *stellar.Config) { c.Channels, c.Validity = 1, time.Hour }
	channel := b.with(t, long).ChannelKey(0)
	p := newProxy(t, b.url, firstOf(1, protocol.GetFeeStatsMethodName, func(x *exchange) {
		b.useNumber(t, channel)
		x.pass()
	}))
	f := b.newTenant(t)
	d := b.with(t, func(c *stellar.Config) { long(c); c.RPCURL = p.url })
	_, err := d.Deploy(testContext(t), f, nil)
	require.NoError(t, err)
	txs := b.transactions(t, f)
	require.Len(t, txs, 2)
	require.Equal(t, "txBAD_SEQ", txs[0].ResultCode)
	require.Equal(t, submit.StateExpired, txs[0].State)
	require.Equal(t, onLedger{made: 1}, b.creationsOf(t, f))
}

// useNumber brings a transaction of somebody else's from a channel onto the
// ledger.
func (b *bench) useNumber(t *testing.T, channel *keypair.Full) {
	t.Helper()
	c := newClient(t, b.url)
	account, err := c.LoadAccount(t.Context(), channel.Address())
	require.NoError(t, err)
	inner, err := txnbuild.NewTransaction(txnbuild.TransactionParams{
		SourceAccount: account, IncrementSequenceNum: true, BaseFee: txnbuild.MinBaseFee,
		Operations:    []txnbuild.Operation{&txnbuild.BumpSequence{BumpTo: 0}},
		Preconditions: txnbuild.Preconditions{TimeBounds: txnbuild.NewTimeout(60)},
	})
	require.NoError(t, err)
	inner, err = inner.Sign(devnet.Passphrase, channel)
	require.NoError(t, err)
	outer, err := txnbuild.NewFeeBumpTransaction(txnbuild.FeeBumpTransactionParams{Inner: inner, FeeAccount: b.admin.Address(), BaseFee: 1000})
	require.NoError(t, err)
	outer, err = outer.Sign(devnet.Passphrase, b.admin)
	require.NoError(t, err)
	b.submit(t, outer)
}

// submit brings a transaction of a test's own onto the ledger.
func (b *bench) submit(t *testing.T, tx interface{ Base64() (string, error) }) {
	t.Helper()
	c := newClient(t, b.url)
	envelope, err := tx.Base64()
	require.NoError(t, err)
	sent, err := c.SendTransaction(t.Context(), protocol.SendTransactionRequest{Transaction: envelope})
	require.NoError(t, err)
	require.Equal(t, "PENDING", sent.Status)
	require.Eventually(t, func() bool {
		got, err := c.GetTransaction(t.Context(), protocol.GetTransactionRequest{Hash: sent.Hash})
		return err == nil && got.Status == protocol.TransactionStatusSuccess
	}, deadline, 10*time.Millisecond)
}

// A server keeps transactions for a while only. Afterwards the contract itself
// tells what has become of them.
func TestATransactionThatTheServerHasForgotten(t *testing.T) {
	t.Parallel()
	b := setupOn(t, devnet.Config{RetentionLedgers: 20})
	fund(t, b.url, b.admin.Address())
	require.NoError(t, b.with(t, nil).Setup(testContext(t), nil))

	f := b.newTenant(t)
	b.killAfterSending(t, f)
	sent := b.transactions(t, f)[0]
	c := newClient(t, b.url)
	until := func(holds func(protocol.GetHealthResponse) bool) {
		require.Eventually(t, func() bool {
			h, err := c.GetHealth(t.Context())
			return err == nil && holds(h)
		}, deadline, 50*time.Millisecond)
	}
	until(func(h protocol.GetHealthResponse) bool { return h.OldestLedger > sent.AfterLedger+10 })
	b.clock.expire()
	until(func(h protocol.GetHealthResponse) bool { return h.LatestLedgerCloseTime > sent.MaxTime.Unix() })

	d := b.with(t, nil)
	id, err := d.Deploy(testContext(t), f, nil)
	require.NoError(t, err)
	b.requireStatus(t, d, id, tenant.ContractActive)
	txs := b.transactions(t, f)
	require.Len(t, txs, 1)
	require.Equal(t, "NOT_FOUND_OUTSIDE_RETENTION", txs[0].ResultCode)
	require.NoError(t, d.Terminate(testContext(t), b.rollBack(t, f), nil))
	b.requireStatus(t, d, id, tenant.ContractTerminated)
}

// TestAContractOfAnotherDeployerIsLookedFor where the server has forgotten the
// transaction that may have made it.
func TestAContractOfAnotherDeployerIsLookedFor(t *testing.T) {
	t.Parallel()
	b, next := ready(t), keypair.MustRandom()
	fund(t, b.url, next.Address())
	for _, there := range []bool{true, false} {
		f := b.newTenant(t)
		before, err := b.with(t, nil).Deploy(testContext(t), f, nil)
		require.NoError(t, err)
		if !there {
			// An address at which nothing was made.
			before, err = b.address(t, b.with(t, func(c *stellar.Config) { c.Deployer = stellar.Seed(keypair.MustRandom().Seed()) }), f)
			require.NoError(t, err)
		}
		_, err = b.pool.Exec(t.Context(), `UPDATE stellar_transactions SET state = 'EXPIRED', result_code = 'NOT_FOUND_OUTSIDE_RETENTION', contract_id = $2 WHERE tenant_id = $1`, string(f.Tenant), before)
		require.NoError(t, err)
		d := b.with(t, func(c *stellar.Config) { c.Deployer = stellar.Seed(next.Seed()) })
		id, err := d.Deploy(testContext(t), f, nil)
		require.NoError(t, err)
		require.Equal(t, there, id == before)
		b.requireStatus(t, d, id, tenant.ContractActive)
	}
}

// killAfterSending ends a process when the network has taken its transaction.
func (b *bench) killAfterSending(t *testing.T, f tenant.Fence) {
	t.Helper()
	b.killWhenSent(t, func(ctx context.Context, d *stellar.Deployer) error {
		_, err := d.Deploy(ctx, f, nil)
		return err
	})
	require.True(t, b.transactions(t, f)[0].State.Open())
}

func (b *bench) killWhenSent(t *testing.T, do func(context.Context, *stellar.Deployer) error) {
	t.Helper()
	p := newProxy(t, b.url, func(x *exchange) { x.pass() })
	m, d, ctx := b.at(p.url).newMortal(t, neverDies, false)
	p.setRule(func(x *exchange) {
		x.pass()
		if x.method == protocol.SendTransactionMethodName {
			m.kill()
		}
	})
	require.ErrorIs(t, do(ctx, d), ctx.Err())
}

// Archived is not gone: the next transaction restores it.
func TestAnArchivedContractIsTerminatedAllTheSame(t *testing.T) {
	t.Parallel()
	b := setup(t)
	fund(t, b.url, b.admin.Address())
	d := b.with(t, func(c *stellar.Config) { c.Limits.Transaction = 1_000_000_000 })
	require.NoError(t, d.Setup(testContext(t), nil))
	f := b.newTenant(t)
	id, err := d.Deploy(testContext(t), f, nil)
	require.NoError(t, err)
	const longerThanAnythingLives = 3_200_000
	require.NoError(t, b.net.Advance(t.Context(), longerThanAnythingLives))

	other := b.newTenant(t)
	_, err = d.Deploy(testContext(t), other, nil)
	require.NoError(t, err, "its code is archived too")
	require.NoError(t, d.Terminate(testContext(t), b.rollBack(t, f), nil))
	b.requireStatus(t, d, id, tenant.ContractTerminated)
}

// A server may confirm a transaction and go on telling of its account as it was
// before.
func TestAnAccountThatTheServerTellsOfLate(t *testing.T) {
	t.Parallel()
	b := ready(t)
	old := map[string][]byte{}
	p := newProxy(t, b.url, func(x *exchange) {
		if x.method != protocol.GetLedgerEntriesMethodName {
			x.pass()
			return
		}
		keys := string(x.params["keys"])
		if old[keys] == nil {
			old[keys] = x.forward()
		}
		x.answer(old[keys])
	})
	d := b.with(t, func(c *stellar.Config) { oneChannel(c); c.RPCURL = p.url })
	for range 3 {
		f := b.newTenant(t)
		_, err := d.Deploy(testContext(t), f, nil)
		require.NoError(t, err)
		require.Len(t, b.transactions(t, f), 1)
	}
}

// What a server shows must be as new as the transaction whose effect is looked
// for.
func TestAnUndoDoesNotTrustAServerThatIsBehind(t *testing.T) {
	t.Parallel()
	b := ready(t)
	f := b.newTenant(t)
	id, err := b.address(t, b.with(t, nil), f)
	require.NoError(t, err)
	behind := newClient(t, b.url)
	before, err := behind.GetLatestLedger(t.Context())
	require.NoError(t, err)
	b.killAfterSending(t, f)
	p := newProxy(t, b.url, firstOf(5, protocol.GetLedgerEntriesMethodName, func(x *exchange) {
		x.result(protocol.GetLedgerEntriesResponse{Entries: []protocol.LedgerEntryResult{}, LatestLedger: before.Sequence})
	}))
	d := b.through(t, p)
	require.NoError(t, d.Terminate(testContext(t), b.rollBack(t, f), nil))
	require.Greater(t, p.count(protocol.GetLedgerEntriesMethodName), 5)
	b.requireStatus(t, d, id, tenant.ContractTerminated)
}
