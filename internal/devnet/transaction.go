package devnet

import (
	"errors"

	"github.com/stellar/go-stellar-sdk/network"
	"github.com/stellar/go-stellar-sdk/xdr"
)

// transaction is an envelope with what is asked of it again and again.
type transaction struct {
	raw       []byte
	envelope  xdr.TransactionEnvelope
	hash      xdr.Hash // of the envelope as it was sent
	inner     *xdr.TransactionV1Envelope
	innerHash xdr.Hash // equal to hash unless it is a fee bump
	source    xdr.AccountId
	feeSource xdr.AccountId
	bid       int64 // the most it pays, in stroops
	ops       int64 // a fee bump counts as one more
	soroban   *xdr.SorobanTransactionData
}

var errEnvelopeType = errors.New("unsupported envelope type")

func newTransaction(env xdr.TransactionEnvelope, passphrase string) (*transaction, error) {
	t := &transaction{raw: encode(env), envelope: env}
	switch env.Type {
	case xdr.EnvelopeTypeEnvelopeTypeTx:
		t.inner = env.V1
	case xdr.EnvelopeTypeEnvelopeTypeTxFeeBump:
		t.inner = env.FeeBump.Tx.InnerTx.V1
	default:
		return nil, errEnvelopeType
	}
	tx := &t.inner.Tx
	var err error
	if t.innerHash, err = network.HashTransaction(*tx, passphrase); err != nil {
		return nil, err
	}
	t.hash, t.source = t.innerHash, tx.SourceAccount.ToAccountId()
	t.feeSource, t.bid, t.ops = t.source, int64(tx.Fee), int64(len(tx.Operations))
	if tx.Ext.V == 1 {
		t.soroban = tx.Ext.SorobanData
	}
	if env.IsFeeBump() {
		bump := env.FeeBump.Tx
		t.feeSource, t.bid, t.ops = bump.FeeSource.ToAccountId(), int64(bump.Fee), t.ops+1
		t.hash, err = network.HashFeeBumpTransaction(bump, passphrase)
	}
	return t, err
}

func (t *transaction) isFeeBump() bool { return t.envelope.IsFeeBump() }

// resourceFee is the declared part of the bid that pays for Soroban resources.
func (t *transaction) resourceFee() int64 {
	if t.soroban == nil {
		return 0
	}
	return int64(t.soroban.ResourceFee)
}

// inclusionBid is the rest: what is offered for a place in the ledger.
func (t *transaction) inclusionBid() int64 { return t.bid - t.resourceFee() }

// restored are the indices of archived entries that the transaction restores.
func (t *transaction) restored() []uint32 {
	if t.soroban == nil || t.soroban.Ext.ResourceExt == nil {
		return nil
	}
	var out []uint32
	for _, i := range t.soroban.Ext.ResourceExt.ArchivedSorobanEntries {
		out = append(out, uint32(i))
	}
	return out
}

func (t *transaction) opSource(op xdr.Operation) xdr.AccountId {
	if op.SourceAccount != nil {
		return op.SourceAccount.ToAccountId()
	}
	return t.source
}

// refused is the result of a transaction that does not get into a ledger. Of a
// fee bump whose inner transaction is at fault, the inner result says why.
func (t *transaction) refused(code xdr.TransactionResultCode, fee int64, ops ...xdr.OperationResult) *xdr.TransactionResult {
	r := xdr.TransactionResultResult{Code: code}
	if code == xdr.TransactionResultCodeTxFailed {
		r.Results = &ops
	}
	return &xdr.TransactionResult{FeeCharged: xdr.Int64(fee), Result: r}
}

// refusedInner is refused for a fault of the inner transaction.
func (t *transaction) refusedInner(code xdr.TransactionResultCode, ops ...xdr.OperationResult) *xdr.TransactionResult {
	r := t.refused(code, 0, ops...)
	if !t.isFeeBump() {
		return r
	}
	inner := xdr.InnerTransactionResultResult{Code: code, Results: r.Result.Results}
	return &xdr.TransactionResult{Result: xdr.TransactionResultResult{
		Code: xdr.TransactionResultCodeTxFeeBumpInnerFailed,
		InnerResultPair: &xdr.InnerTransactionResultPair{
			TransactionHash: t.innerHash, Result: xdr.InnerTransactionResult{Result: inner},
		},
	}}
}
