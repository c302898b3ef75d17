package devnet_test

import (
	"testing"

	"github.com/stellar/go-stellar-sdk/keypair"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"
	"github.com/stretchr/testify/require"
)

func TestOnePendingTransactionForEachSource(t *testing.T) {
	t.Parallel()
	b := setup(t)
	source := b.account()
	first := b.params(source, create("10"))
	second := first
	second.SourceAccount = &txnbuild.SimpleAccount{AccountID: source.Address(), Sequence: b.sequence(source.Address()) + 1}
	tx := b.sign(first, source)

	require.Equal(t, "PENDING", b.send(tx).Status)
	require.Equal(t, "DUPLICATE", b.send(tx).Status)
	require.Equal(t, "TRY_AGAIN_LATER", b.send(b.sign(second, source)).Status)
	require.Equal(t, "TRY_AGAIN_LATER", b.send(b.tx(source, create("11"))).Status, "another one with the same sequence number")
	b.close()
	require.Equal(t, "PENDING", b.send(b.tx(source, create("12"))).Status)
}

func TestAppliedTransactionIsNotTakenAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	source := b.account()
	tx := b.tx(source, create("10"))
	b.apply(tx)
	for range 10 {
		require.Equal(t, "TRY_AGAIN_LATER", b.send(tx).Status)
		b.close()
	}
	require.Equal(t, xdr.TransactionResultCodeTxBadSeq, b.refusal(tx).Result.Code)
}

func TestSequenceNumbers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	source := b.account()
	for _, off := range []int64{-1, 1} {
		p := b.params(source, create("10"))
		p.SourceAccount = &txnbuild.SimpleAccount{AccountID: source.Address(), Sequence: b.sequence(source.Address()) + off}
		require.Equal(t, xdr.TransactionResultCodeTxBadSeq, b.refusal(b.sign(p, source)).Result.Code)
	}
	pending := b.params(source, create("10"))
	require.Equal(t, "PENDING", b.send(b.sign(pending, source)).Status)
	lower := pending
	lower.SourceAccount = &txnbuild.SimpleAccount{AccountID: source.Address(), Sequence: b.sequence(source.Address()) - 1}
	require.Equal(t, xdr.TransactionResultCodeTxBadSeq, b.refusal(b.sign(lower, source)).Result.Code)
}

func TestFailedTransactionConsumesItsSequenceNumberAndFee(t *testing.T) {
	t.Parallel()
	b := setup(t)
	source := b.account()
	seq, balance := b.sequence(source.Address()), b.balance(source.Address())
	unknown := keypair.MustRandom()
	a := b.apply(b.tx(source, create("10"), &txnbuild.Payment{Destination: unknown.Address(), Amount: "1", Asset: txnbuild.NativeAsset{}}))
	require.Equal(t, protocol.TransactionStatusFailed, a.Status)
	require.Equal(t, seq+1, b.sequence(source.Address()))
	require.Equal(t, balance-200, b.balance(source.Address()), "the first operation is undone")
	ops, _ := a.result.OperationResults()
	require.Equal(t, xdr.PaymentResultCodePaymentNoDestination, ops[1].MustTr().MustPaymentResult().Code)
}

func TestFeeBumpReplacesAtTenTimesTheBid(t *testing.T) {
	t.Parallel()
	b := setup(t)
	accounts := b.accounts(2)
	source, payer := accounts[0], accounts[1]
	inner := b.tx(source, create("10"))
	first := b.feeBump(inner, payer, 200)
	require.Equal(t, "PENDING", b.send(first).Status)
	require.Equal(t, "DUPLICATE", b.send(inner).Status, "it is the inner one of what is pending")

	low := b.refusal(b.feeBump(inner, payer, 1999))
	require.Equal(t, xdr.TransactionResultCodeTxInsufficientFee, low.Result.Code)
	require.Equal(t, xdr.Int64(4000), low.FeeCharged, "what would be enough")
	replacement := b.send(b.feeBump(inner, payer, 2000))
	require.Equal(t, "PENDING", replacement.Status)
	b.close()

	a := b.applied(replacement.Hash)
	require.Equal(t, protocol.TransactionStatusSuccess, a.Status)
	require.Equal(t, xdr.TransactionResultCodeTxFeeBumpInnerSuccess, a.result.Result.Code)
	require.Equal(t, xdr.Int64(200), a.result.FeeCharged, "a ledger with room charges the base fee")
	innerHash, err := inner.HashHex(b.pass)
	require.NoError(t, err)
	require.Equal(t, replacement.Hash, b.get(innerHash).TransactionHash, "both hashes find it")
	replaced, err := first.HashHex(b.pass)
	require.NoError(t, err)
	require.Equal(t, protocol.TransactionStatusNotFound, b.get(replaced).Status)
}

func TestFeeSourceMustAffordAllItsBids(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sources := b.accounts(2)
	payer := keypair.MustRandom()
	b.apply(b.tx(b.root, createAccount(payer, "2"))) // one lumen above the reserve
	const most = 3_000_000                           // of 10,000,000 stroops, for each of two operations
	require.Equal(t, "PENDING", b.send(b.feeBump(b.tx(sources[0], create("10")), payer, most)).Status)
	second := b.feeBump(b.tx(sources[1], create("10")), payer, most)
	require.Equal(t, xdr.TransactionResultCodeTxInsufficientBalance, b.refusal(second).Result.Code)
	b.close()
	require.Equal(t, "PENDING", b.send(second).Status, "what was bid is free again")
}

// A full ledger takes the highest bids; everybody pays the lowest of them.
func TestSurgePricingAndAgeing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	accounts := b.accounts(11)
	poor, rich := accounts[0], accounts[1:]
	waiting := b.tx(poor, create("10"))
	hash := b.send(waiting).Hash
	for range 4 {
		last := b.fill(rich)
		b.close()
		a := b.applied(last)
		require.Equal(t, protocol.TransactionStatusSuccess, a.Status)
		require.Equal(t, xdr.Int64(100*500), a.result.FeeCharged, "1,000 operations: the ledger is full")
		require.Equal(t, protocol.TransactionStatusNotFound, b.get(hash).Status)
	}
	stats, err := b.rpc.GetFeeStats(t.Context())
	require.NoError(t, err)
	require.Equal(t, uint64(500), stats.InclusionFee.P50)
	require.Zero(t, stats.SorobanInclusionFee.Max)

	b.close()
	require.Equal(t, protocol.TransactionStatusNotFound, b.get(hash).Status, "dropped after four ledgers")
	require.Equal(t, "TRY_AGAIN_LATER", b.send(waiting).Status, "and banned")
	require.Equal(t, "PENDING", b.send(b.tx(poor, create("11"))).Status)
}

// fill offers a whole ledger of operations, at 500 to 1,000 stroops each, and
// returns the hash of the best offer.
func (b *testBundle) fill(accounts []*keypair.Full) (hash string) {
	b.Helper()
	for i, k := range accounts {
		var ops []txnbuild.Operation
		for range 100 {
			ops = append(ops, &txnbuild.BumpSequence{BumpTo: 0})
		}
		p := b.params(k, ops...)
		p.BaseFee = int64(500 + 50*i)
		r := b.send(b.sign(p, k))
		require.Equal(b, "PENDING", r.Status)
		hash = r.Hash
	}
	return hash
}

func TestSorobanLimitsOfALedger(t *testing.T) {
	t.Parallel()
	b := setup(t)
	accounts := b.accounts(2)
	b.upload(accounts[0])
	var hashes []string
	for i, k := range accounts { // together more than the 580 million of a ledger
		op := b.prepare(k, deployment(k, k, "clinic"))
		data := op.Ext.SorobanData
		data.Resources.Instructions = 300_000_000
		data.ResourceFee += 10_000_000
		p := b.params(k, op)
		p.BaseFee = int64(100 * (i + 1))
		r := b.send(b.sign(p, k))
		require.Equal(t, "PENDING", r.Status)
		hashes = append(hashes, r.Hash)
	}
	b.close()
	require.Equal(t, protocol.TransactionStatusNotFound, b.get(hashes[0]).Status)
	require.Equal(t, protocol.TransactionStatusSuccess, b.get(hashes[1]).Status, "the higher bid goes first")
	b.close()
	require.Equal(t, protocol.TransactionStatusSuccess, b.get(hashes[0]).Status)
	require.Equal(t, b.get(hashes[1]).Ledger+1, b.get(hashes[0]).Ledger)
}

func (b *testBundle) feeBump(inner *txnbuild.Transaction, payer *keypair.Full, baseFee int64) *txnbuild.FeeBumpTransaction {
	b.Helper()
	tx, err := txnbuild.NewFeeBumpTransaction(txnbuild.FeeBumpTransactionParams{Inner: inner, FeeAccount: payer.Address(), BaseFee: baseFee})
	require.NoError(b, err)
	tx, err = tx.Sign(b.pass, payer)
	require.NoError(b, err)
	return tx
}
