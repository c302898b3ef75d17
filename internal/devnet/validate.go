package devnet

import (
	"context"
	"fmt"
	"math/bits"

	"github.com/stellar/go-stellar-sdk/xdr"
)

// moment is when a transaction is judged: the ledger that it would be part of.
type moment struct {
	ledger    uint32
	closeTime int64 // seconds since 1970
}

// validator decides, as stellar-core's checkValid does and in its order,
// whether a transaction may enter the queue or a ledger.
type validator struct {
	view view
	at   moment
	// minResourceFee asks the host for the non-refundable fee of what is declared.
	minResourceFee func(context.Context, view, *transaction) (int64, error)
	// fault says more about a refused Soroban transaction; nil where its code says
	// it all.
	fault *fault
}

// check returns nil when the transaction is valid. The error is for failures of
// this process, not of the transaction.
func (v *validator) check(ctx context.Context, t *transaction) (*xdr.TransactionResult, error) {
	if t.isFeeBump() {
		if r := v.checkFeeBump(t); r != nil {
			return r, nil
		}
	}
	if r := v.checkForm(t); r != nil {
		return r, nil
	}
	if r, err := v.checkResources(ctx, t); r != nil || err != nil {
		return r, err
	}
	sigs := newSignatures(t.innerHash, t.inner.Signatures)
	for _, rule := range []func(*transaction, *signatures) *xdr.TransactionResult{
		v.checkBounds, v.checkFee, v.checkSequence, v.checkSignatures, v.checkBalance, v.checkOperations,
	} {
		if r := rule(t, sigs); r != nil {
			return r, nil
		}
	}
	return nil, nil
}

func (v *validator) checkFeeBump(t *transaction) *xdr.TransactionResult {
	if least := minFee(t, t.ops); t.bid < least {
		return t.refused(xdr.TransactionResultCodeTxInsufficientFee, least)
	}
	// The outer rate must not be below the inner one: outer/ops >= inner/innerOps.
	inner, innerOps := int64(t.inner.Tx.Fee)-t.resourceFee(), t.ops-1
	if below(t.inclusionBid(), t.ops, inner, innerOps) {
		return t.refused(xdr.TransactionResultCodeTxInsufficientFee, ceilMulDiv(inner, t.ops, innerOps)+t.resourceFee())
	}
	payer := account(v.view, t.feeSource)
	if payer == nil {
		return t.refused(xdr.TransactionResultCodeTxNoAccount, 0)
	}
	sigs := newSignatures(t.hash, t.envelope.FeeBump.Signatures)
	switch {
	case !sigs.authorize(payer, thresholdLow):
		return t.refused(xdr.TransactionResultCodeTxBadAuth, 0)
	case available(payer) < t.bid:
		return t.refused(xdr.TransactionResultCodeTxInsufficientBalance, t.bid)
	case !sigs.allUsed():
		return t.refused(xdr.TransactionResultCodeTxBadAuthExtra, 0)
	}
	return nil
}

func (v *validator) checkBounds(t *transaction, _ *signatures) *xdr.TransactionResult {
	if tb := t.inner.Tx.TimeBounds(); tb != nil {
		if int64(tb.MinTime) > v.at.closeTime {
			return t.refusedInner(xdr.TransactionResultCodeTxTooEarly)
		}
		if tb.MaxTime != 0 && int64(tb.MaxTime) < v.at.closeTime {
			return t.refusedInner(xdr.TransactionResultCodeTxTooLate)
		}
	}
	if lb := t.inner.Tx.LedgerBounds(); lb != nil {
		if uint32(lb.MinLedger) > v.at.ledger {
			return t.refusedInner(xdr.TransactionResultCodeTxTooEarly)
		}
		if lb.MaxLedger != 0 && uint32(lb.MaxLedger) <= v.at.ledger {
			return t.refusedInner(xdr.TransactionResultCodeTxTooLate)
		}
	}
	return nil
}

func (v *validator) checkFee(t *transaction, _ *signatures) *xdr.TransactionResult {
	if t.isFeeBump() {
		return nil // the outer transaction pays
	}
	if least := minFee(t, t.ops); t.bid < least {
		return t.refused(xdr.TransactionResultCodeTxInsufficientFee, least)
	}
	return nil
}

func (v *validator) checkSequence(t *transaction, _ *signatures) *xdr.TransactionResult {
	a := account(v.view, t.source)
	if a == nil {
		return t.refusedInner(xdr.TransactionResultCodeTxNoAccount)
	}
	if code := v.sequence(t, a); code != xdr.TransactionResultCodeTxSuccess {
		return t.refusedInner(code)
	}
	return nil
}

func (v *validator) checkBalance(t *transaction, _ *signatures) *xdr.TransactionResult {
	if !t.isFeeBump() && available(account(v.view, t.source)) < t.bid {
		return t.refused(xdr.TransactionResultCodeTxInsufficientBalance, t.bid)
	}
	return nil
}

func (v *validator) sequence(t *transaction, a *xdr.AccountEntry) xdr.TransactionResultCode {
	tx := &t.inner.Tx
	next := a.SeqNum+1 == tx.SeqNum
	if p := tx.Cond.V2; p != nil {
		if p.MinSeqNum != nil {
			next = a.SeqNum >= *p.MinSeqNum && a.SeqNum < tx.SeqNum
		}
		ledger, closed := sequenceSet(a)
		tooYoung := uint64(v.at.closeTime) < closed+uint64(p.MinSeqAge)
		if next && (tooYoung || v.at.ledger < ledger+uint32(p.MinSeqLedgerGap)) {
			return xdr.TransactionResultCodeTxBadMinSeqAgeOrGap
		}
	}
	if !next {
		return xdr.TransactionResultCodeTxBadSeq
	}
	return xdr.TransactionResultCodeTxSuccess
}

// checkSignatures judges those of the transaction as a whole.
func (v *validator) checkSignatures(t *transaction, sigs *signatures) *xdr.TransactionResult {
	if !sigs.authorize(account(v.view, t.source), thresholdLow) {
		return t.refusedInner(xdr.TransactionResultCodeTxBadAuth)
	}
	if p := t.inner.Tx.Cond.V2; p != nil {
		for _, key := range p.ExtraSigners {
			if !sigs.signed(key) {
				return t.refusedInner(xdr.TransactionResultCodeTxBadAuth)
			}
		}
	}
	return nil
}

// checkOperations judges signatures and form of every operation, and last that
// no signature is too much.
func (v *validator) checkOperations(t *transaction, sigs *signatures) *xdr.TransactionResult {
	if ops, ok := v.operationFaults(t, sigs); !ok {
		return t.refusedInner(xdr.TransactionResultCodeTxFailed, ops...)
	}
	if !sigs.allUsed() {
		return t.refusedInner(xdr.TransactionResultCodeTxBadAuthExtra)
	}
	return nil
}

// operationFaults returns one result for each operation, and whether all passed.
func (v *validator) operationFaults(t *transaction, sigs *signatures) ([]xdr.OperationResult, bool) {
	ok := true
	var results []xdr.OperationResult
	for _, op := range t.inner.Tx.Operations {
		r := v.checkOperation(t, op)
		id := t.opSource(op)
		a := account(v.view, id)
		switch {
		case a != nil && !sigs.authorize(a, needs(op)), a == nil && !sigs.authorizeKey(id):
			r = xdr.OperationResult{Code: xdr.OperationResultCodeOpBadAuth}
		case a == nil:
			r = xdr.OperationResult{Code: xdr.OperationResultCodeOpNoAccount}
		}
		ok = ok && succeeded(r)
		results = append(results, r)
	}
	return results, ok
}

// minFee is the least bid, in stroops, at the base fee.
func minFee(t *transaction, ops int64) int64 {
	return t.resourceFee() + baseFee*max(ops, 1)
}

// below tells whether fee1/ops1 < fee2/ops2, without overflow.
func below(fee1, ops1, fee2, ops2 int64) bool {
	h1, l1 := bits.Mul64(uint64(max(fee1, 0)), uint64(max(ops2, 1)))
	h2, l2 := bits.Mul64(uint64(max(fee2, 0)), uint64(max(ops1, 1)))
	return h1 < h2 || h1 == h2 && l1 < l2
}

// ceilMulDiv is a*b/c rounded up, at most the largest int64.
func ceilMulDiv(a, b, c int64) int64 {
	h, l := bits.Mul64(uint64(max(a, 0)), uint64(b))
	if h >= uint64(c) {
		return int64(^uint64(0) >> 1)
	}
	q, r := bits.Div64(h, l, uint64(c))
	if r > 0 {
		q++
	}
	return int64(min(q, ^uint64(0)>>1))
}

func (n *Network) minResourceFee(ctx context.Context, v view, t *transaction) (int64, error) {
	fee, err := n.engine.MinResourceFee(ctx, hostView{v}, encode(t.soroban.Resources), len(t.restored()), len(t.raw))
	if err != nil {
		return 0, fmt.Errorf("compute the resource fee of %x: %w", t.hash, err)
	}
	return fee, nil
}
