package devnet

import (
	"context"

	"github.com/stellar/go-stellar-sdk/xdr"
)

// admission is the answer to a submitted transaction.
type admission string

const (
	pendingStatus  admission = "PENDING"
	duplicate      admission = "DUPLICATE"
	tryAgainLater  admission = "TRY_AGAIN_LATER"
	admissionError admission = "ERROR"
)

// verdict is what a sender is told. The result, and the fault that may explain
// it, stand beside ERROR only.
type verdict struct {
	status admission
	result *xdr.TransactionResult
	fault  *fault
}

// submit puts a transaction into the queue, or says why not. The error is a
// failure of this process.
func (n *Network) submit(ctx context.Context, t *transaction) (verdict, error) {
	n.pool.mu.Lock()
	defer n.pool.mu.Unlock()
	n.mu.RLock()
	defer n.mu.RUnlock()

	if n.conditions.take(func(c *Conditions) *uint32 { return &c.RefuseSends }) || n.pool.isBanned(t.hash) {
		return verdict{status: tryAgainLater}, nil
	}
	old := n.pool.bySource[*t.source.Ed25519]
	if old != nil {
		if status, r := againstPending(old, t); status != pendingStatus {
			return verdict{status: status, result: r}, nil
		}
	}
	v := &validator{view: n.ledger.state, at: n.next(), minResourceFee: n.minResourceFee}
	r, err := v.check(ctx, t)
	if err != nil {
		return verdict{}, err
	}
	if r == nil {
		r = n.checkSummedFees(t, old)
	}
	if r != nil {
		return verdict{admissionError, r, v.fault}, nil
	}
	if !n.conditions.take(func(c *Conditions) *uint32 { return &c.LoseSends }) {
		n.pool.add(t, n.ledger.seq)
	}
	return verdict{status: pendingStatus}, nil
}

// againstPending judges a transaction whose source account has one pending.
func againstPending(old *queued, t *transaction) (admission, *xdr.TransactionResult) {
	seq, oldSeq := t.inner.Tx.SeqNum, old.tx.inner.Tx.SeqNum
	switch {
	case old.duplicates(t):
		return duplicate, nil
	case seq < oldSeq:
		return admissionError, t.refusedInner(xdr.TransactionResultCodeTxBadSeq)
	case !t.isFeeBump() || seq > oldSeq || old.closing:
		return tryAgainLater, nil
	}
	bid := old.tx.inclusionBid() * replacementFactor
	if below(t.inclusionBid(), t.ops, bid, old.tx.ops) {
		return admissionError, t.refused(xdr.TransactionResultCodeTxInsufficientFee, ceilMulDiv(bid, t.ops, old.tx.ops)+t.resourceFee())
	}
	return pendingStatus, nil
}

// checkSummedFees makes sure that the fee source can pay for everything that it
// has bid for, without the transaction that this one replaces.
func (n *Network) checkSummedFees(t *transaction, old *queued) *xdr.TransactionResult {
	sum := n.pool.fees[*t.feeSource.Ed25519] + t.bid
	if old != nil && old.tx.feeSource.Equals(t.feeSource) {
		sum -= old.tx.bid
	}
	if available(account(n.ledger.state, t.feeSource)) < sum {
		return t.refused(xdr.TransactionResultCodeTxInsufficientBalance, sum)
	}
	return nil
}
