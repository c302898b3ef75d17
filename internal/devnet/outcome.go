package devnet

import (
	"github.com/stellar/go-stellar-sdk/xdr"
)

// outcome is what is kept of a transaction in a ledger.
type outcome struct {
	hash, innerHash        xdr.Hash
	envelope, result, meta []byte // XDR
	fee, refund            []byte // LedgerEntryChanges XDR
	ok, feeBump, soroban   bool
	order                  int32 // from 1
	ledger                 uint32
	closeTime              int64
	charged                xdr.Int64 // stroops in all
	inclusion              uint64    // stroops per operation, for the fee statistics

	tx *transaction // only until the ledger is published
}

func (a *application) outcome(code xdr.TransactionResultCode, order int) *outcome {
	o := &outcome{
		hash: a.hash, innerHash: a.innerHash, envelope: a.raw,
		ok: code == xdr.TransactionResultCodeTxSuccess, feeBump: a.isFeeBump(), soroban: a.soroban != nil,
		order: int32(order), ledger: a.at.ledger, closeTime: a.at.closeTime,
		charged: xdr.Int64(a.charged), inclusion: uint64(a.inclusion / max(a.ops, 1)), tx: a.transaction,
	}
	o.result = encode(a.transactionResult(code))
	if a.meta.Operations == nil {
		a.meta.Operations = []xdr.OperationMetaV2{}
	}
	o.meta = encode(xdr.TransactionMeta{V: 4, V4: &a.meta})
	o.fee, o.refund = encode(a.feeChanges), encode(a.refundChanges)
	return o
}

func (a *application) transactionResult(code xdr.TransactionResultCode) xdr.TransactionResult {
	r := xdr.TransactionResult{FeeCharged: xdr.Int64(a.charged), Result: xdr.TransactionResultResult{Code: code}}
	ran := code == xdr.TransactionResultCodeTxSuccess || code == xdr.TransactionResultCodeTxFailed
	if ran {
		r.Result.Results = &a.results
	}
	if !a.isFeeBump() {
		return r
	}
	outer := xdr.TransactionResultCodeTxFeeBumpInnerFailed
	if code == xdr.TransactionResultCodeTxSuccess {
		outer = xdr.TransactionResultCodeTxFeeBumpInnerSuccess
	}
	inner := xdr.InnerTransactionResultResult{Code: code, Results: r.Result.Results}
	r.Result = xdr.TransactionResultResult{Code: outer, InnerResultPair: &xdr.InnerTransactionResultPair{
		TransactionHash: a.innerHash, Result: xdr.InnerTransactionResult{Result: inner},
	}}
	return r
}

func (o *outcome) decodedResult() xdr.TransactionResult {
	var r xdr.TransactionResult
	mustDecode(&r, o.result)
	return r
}

func (o *outcome) decodedMeta() xdr.TransactionMetaV4 {
	var m xdr.TransactionMeta
	mustDecode(&m, o.meta)
	return *m.V4
}
