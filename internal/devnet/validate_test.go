package devnet_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stellar/go-stellar-sdk/network"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/devnet"
)

// clock is a time that only the test moves; it starts at the time of those who
// build transactions.
type clock struct{ seconds atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.seconds.Store(time.Now().Unix())
	return c
}

func (c *clock) now() time.Time { return time.Unix(c.seconds.Load(), 0) }

func TestTimeBounds(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := setupWith(t, devnet.Config{Now: c.now})
	source := b.account()
	within := func(from, to int64) *txnbuild.Transaction {
		p := b.params(source, create("10"))
		p.Preconditions.TimeBounds = txnbuild.NewTimebounds(c.now().Unix()+from, c.now().Unix()+to)
		return b.sign(p, source)
	}
	require.Equal(t, xdr.TransactionResultCodeTxTooEarly, b.refusal(within(10, 20)).Result.Code)
	require.Equal(t, xdr.TransactionResultCodeTxTooLate, b.refusal(within(-20, -10)).Result.Code)

	r := b.send(within(0, 10))
	require.Equal(t, "PENDING", r.Status)
	c.seconds.Add(11)
	b.close()
	require.Equal(t, protocol.TransactionStatusNotFound, b.get(r.Hash).Status, "too late when the ledger closed: never included")
	require.Equal(t, c.now().Unix(), b.latest().LedgerCloseTime)
}

func TestLedgerBounds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	source := b.account()
	next := b.latest().Sequence + 1
	within := func(from, to uint32) *txnbuild.Transaction {
		p := b.params(source, create("10"))
		p.Preconditions.LedgerBounds = &txnbuild.LedgerBounds{MinLedger: from, MaxLedger: to}
		return b.sign(p, source)
	}
	require.Equal(t, xdr.TransactionResultCodeTxTooEarly, b.refusal(within(next+1, 0)).Result.Code)
	require.Equal(t, xdr.TransactionResultCodeTxTooLate, b.refusal(within(0, next)).Result.Code, "the maximum is exclusive")
	require.Equal(t, protocol.TransactionStatusSuccess, b.apply(within(next, next+1)).Status)
}

func TestMinimumSequencePreconditions(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := setupWith(t, devnet.Config{Now: c.now})
	source := b.account()
	b.apply(b.tx(source, create("10"))) // consumes a sequence number now
	aged := func() *txnbuild.Transaction {
		p := b.params(source, create("11"))
		p.Preconditions.MinSequenceNumberAge = 30
		return b.sign(p, source)
	}
	require.Equal(t, xdr.TransactionResultCodeTxBadMinSeqAgeOrGap, b.refusal(aged()).Result.Code)
	c.seconds.Add(30)
	require.Equal(t, protocol.TransactionStatusSuccess, b.apply(aged()).Status)

	seq := b.sequence(source.Address())
	p := b.params(source, create("12"))
	p.SourceAccount = &txnbuild.SimpleAccount{AccountID: source.Address(), Sequence: seq + 5}
	p.Preconditions.MinSequenceNumber = &seq
	require.Equal(t, protocol.TransactionStatusSuccess, b.apply(b.sign(p, source)).Status, "a gap that is allowed")
	require.Equal(t, seq+6, b.sequence(source.Address()))
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	b := setup(t)
	accounts := b.accounts(2)
	source, other := accounts[0], accounts[1]
	p := b.params(source, create("10"))
	foreign := b.params(source, &txnbuild.CreateAccount{Destination: keypair.MustRandom().Address(), Amount: "10", SourceAccount: other.Address()})
	unknown := keypair.MustRandom()

	require.Equal(t, xdr.TransactionResultCodeTxBadAuth, b.refusal(b.sign(p)).Result.Code)
	require.Equal(t, xdr.TransactionResultCodeTxBadAuth, b.refusal(b.sign(p, other)).Result.Code)
	require.Equal(t, xdr.TransactionResultCodeTxBadAuthExtra, b.refusal(b.sign(p, source, other)).Result.Code)
	bad := b.refusal(b.sign(foreign, source))
	require.Equal(t, xdr.TransactionResultCodeTxFailed, bad.Result.Code)
	require.Equal(t, xdr.OperationResultCodeOpBadAuth, (*bad.Result.Results)[0].Code)
	require.Equal(t, xdr.TransactionResultCodeTxNoAccount, b.refusal(b.sign(txnbuild.TransactionParams{
		SourceAccount: &txnbuild.SimpleAccount{AccountID: unknown.Address(), Sequence: 1}, IncrementSequenceNum: true, BaseFee: 100,
		Operations: p.Operations, Preconditions: p.Preconditions,
	}, unknown)).Result.Code)

	tx, err := txnbuild.NewTransaction(p)
	require.NoError(t, err)
	tx, err = tx.Sign("another network", source)
	require.NoError(t, err)
	require.Equal(t, xdr.TransactionResultCodeTxBadAuth, b.refusal(tx).Result.Code, "the passphrase is part of what is signed")
	require.Equal(t, protocol.TransactionStatusSuccess, b.apply(b.sign(foreign, source, other)).Status)
}

func TestSignersAndThresholds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	accounts := b.accounts(3)
	joint, second := accounts[0], accounts[1]
	weight := func(w uint8) *txnbuild.Threshold { return ptr(txnbuild.Threshold(w)) }
	options := &txnbuild.SetOptions{
		LowThreshold: weight(1), MediumThreshold: weight(2), HighThreshold: weight(2),
		Signer: &txnbuild.Signer{Address: second.Address(), Weight: 1},
	}
	before := b.tx(joint, create("10"))
	require.Equal(t, protocol.TransactionStatusSuccess, b.apply(b.tx(joint, options)).Status)

	p := b.params(joint, create("10"))
	require.Equal(t, xdr.OperationResultCodeOpBadAuth, (*b.refusal(b.sign(p, joint)).Result.Results)[0].Code, "one signature of two")
	require.Equal(t, xdr.TransactionResultCodeTxBadSeq, b.refusal(before).Result.Code)
	require.Equal(t, protocol.TransactionStatusSuccess, b.apply(b.sign(p, joint, second)).Status)
	require.Equal(t, xdr.TransactionResultCodeTxBadAuthExtra, b.refusal(b.sign(b.params(joint, create("10")), joint, second, accounts[2])).Result.Code)
}

// What was admitted under signers that have changed since is judged again.
func TestChangedSignersInvalidateWhatIsPending(t *testing.T) {
	t.Parallel()
	b := setup(t)
	accounts := b.accounts(13)
	owner, channel, locker, rich := accounts[0], accounts[1], accounts[2], accounts[3:]
	// The owner's transaction waits behind a full ledger, in which the owner's key
	// loses its weight.
	var ops []txnbuild.Operation
	for range 100 {
		ops = append(ops, &txnbuild.BumpSequence{SourceAccount: owner.Address()})
	}
	tx := b.sign(b.params(channel, ops...), channel, owner)
	waiting := b.send(tx)
	require.Equal(t, "PENDING", waiting.Status)
	b.fill(rich)
	p := b.params(locker, &txnbuild.SetOptions{MasterWeight: ptr(txnbuild.Threshold(0)), SourceAccount: owner.Address()})
	p.BaseFee = 5000
	locking := b.send(b.sign(p, locker, owner))
	require.Equal(t, "PENDING", locking.Status)
	b.close()
	require.Equal(t, protocol.TransactionStatusSuccess, b.get(locking.Hash).Status)
	require.Equal(t, protocol.TransactionStatusNotFound, b.get(waiting.Hash).Status)
	b.close()
	require.Equal(t, protocol.TransactionStatusNotFound, b.get(waiting.Hash).Status, "dropped, not applied")
	require.Equal(t, "TRY_AGAIN_LATER", b.send(tx).Status, "banned")
}

func TestFees(t *testing.T) {
	t.Parallel()
	b := setup(t)
	accounts := b.accounts(2)
	source, payer := accounts[0], accounts[1]
	balance := b.balance(source.Address())
	p := b.params(source, create("10"), create("10"))
	p.BaseFee = 1000
	a := b.apply(b.sign(p, source))
	require.Equal(t, xdr.Int64(200), a.result.FeeCharged, "the bid is only the most that is paid")
	require.Equal(t, balance-200-2*10*1e7, b.balance(source.Address()))

	// Below the base fee, which txnbuild refuses to build.
	low := b.sign(b.params(source, create("10")), source)
	env := low.ToXDR()
	env.V1.Tx.Fee = 99
	resigned := b.resign(env, source)
	refused := b.refusal(resigned)
	require.Equal(t, xdr.TransactionResultCodeTxInsufficientFee, refused.Result.Code)
	require.Equal(t, xdr.Int64(100), refused.FeeCharged)

	inner := b.params(source, create("10"))
	inner.BaseFee = 500
	bump, err := txnbuild.NewFeeBumpTransaction(txnbuild.FeeBumpTransactionParams{Inner: b.sign(inner, source), FeeAccount: payer.Address(), BaseFee: 500})
	require.NoError(t, err)
	fb := bump.ToXDR()
	fb.FeeBump.Tx.Fee = 600
	refused = b.refusal(b.resign(fb, payer))
	require.Equal(t, xdr.TransactionResultCodeTxInsufficientFee, refused.Result.Code, "300 an operation, below the inner 500")
	require.Equal(t, xdr.Int64(1000), refused.FeeCharged)
}

// envelope lets a test send what txnbuild would not build.
type envelope struct{ xdr.TransactionEnvelope }

func (e envelope) Base64() (string, error) { return xdr.MarshalBase64(e.TransactionEnvelope) }

func (b *testBundle) resign(env xdr.TransactionEnvelope, keys ...*keypair.Full) envelope {
	b.Helper()
	hash, err := network.HashTransactionInEnvelope(env, b.pass)
	require.NoError(b, err)
	var sigs []xdr.DecoratedSignature
	for _, k := range keys {
		sig, err := k.SignDecorated(hash[:])
		require.NoError(b, err)
		sigs = append(sigs, sig)
	}
	if env.IsFeeBump() {
		env.FeeBump.Signatures = sigs
	} else {
		env.V1.Signatures = sigs
	}
	return envelope{env}
}
