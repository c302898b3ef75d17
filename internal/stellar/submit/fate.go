package submit

import (
	"context"
	"time"

	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"

	"tenant-provisioning/internal/stellar/rpc"
)

// Why a transaction without a result of the network's own is in no ledger.
const (
	// ResultForgotten stands for the result of a transaction that the server cannot
	// tell of any more. Its effect has to be looked for.
	ResultForgotten = "NOT_FOUND_OUTSIDE_RETENTION"
	// resultTryAgainLater: servers have put it off until it was too late.
	resultTryAgainLater = "TRY_AGAIN_LATER"
	// resultNotIncluded: a server took it, and no ledger did.
	resultNotIncluded = "NOT_INCLUDED"
	// resultNotTaken: no server has said that it takes it.
	resultNotTaken = "NOT_TAKEN"
)

// ask looks for the transaction in the ledgers.
func (f *flight) ask(ctx context.Context) error {
	f.progress(f.detail())
	resp, err := rpc.Call[protocol.GetTransactionResponse](ctx, f.s.rpc, protocol.GetTransactionMethodName, protocol.GetTransactionRequest{Hash: f.tx.Hash})
	if err != nil {
		return f.unanswered(ctx, err)
	}
	f.noteAnswer(resp.LatestLedger, resp.LatestLedgerCloseTime)
	f.asked = true
	if resp.Status != protocol.TransactionStatusNotFound {
		r, err := parseResult(resp.ResultXDR)
		if err != nil {
			return rpc.Garbled(protocol.GetTransactionMethodName, err)
		}
		return f.found(ctx, r, resp.Ledger)
	}
	// A ledger may hold the transaction up to the second of its max time.
	if resp.LatestLedgerCloseTime <= f.tx.MaxTime.Unix() {
		return nil
	}
	if resp.OldestLedger > f.tx.AfterLedger+1 {
		return f.settle(ctx, Outcome{State: StateExpired, ResultCode: ResultForgotten, Ledger: resp.LatestLedger})
	}
	return f.late(ctx, resp.LatestLedger)
}

// late ends a transaction that no ledger can hold any more, once its account tells
// that none does: a server may know a ledger before it knows what is in it.
func (f *flight) late(ctx context.Context, latest uint32) error {
	used, ledger, err := f.numberUsed(ctx)
	switch {
	case err != nil:
		return f.unanswered(ctx, err)
	case ledger < latest:
		return nil // another server, which is behind
	case used:
		return f.vanished(ctx, ledger)
	}
	return f.settle(ctx, Outcome{State: StateExpired, ResultCode: f.refusalName(), Ledger: ledger})
}

// numberUsed asks the account whether a transaction with our sequence number is in a
// ledger, and as of which ledger that is so.
func (f *flight) numberUsed(ctx context.Context) (used bool, ledger uint32, err error) {
	account, ledger, err := f.s.rpc.Account(ctx, f.tx.Channel, f.progress)
	f.progress(f.detail())
	return account != nil && int64(account.SeqNum) >= f.tx.Sequence, ledger, err
}

// vanished gives a server rpc.Patience to show the transaction that has used our
// number. If it never does, that was another's, or the server will not tell: the
// effect has to be looked for.
func (f *flight) vanished(ctx context.Context, ledger uint32) error {
	now := f.s.cfg.Clock()
	if f.usedSince.IsZero() {
		f.usedSince = now
	}
	if now.Sub(f.usedSince) <= rpc.Patience {
		return nil
	}
	return f.settle(ctx, Outcome{State: StateExpired, ResultCode: ResultForgotten, Ledger: ledger})
}

func (f *flight) found(ctx context.Context, r result, ledger uint32) error {
	o := Outcome{State: StateApplied, Ledger: ledger, FeeCharged: r.fee, SequenceUsed: r.sequenceUsed()}
	if !r.applied() {
		o.State, o.ResultCode = StateFailed, r.name()
	}
	return f.settle(ctx, o)
}

// refusalName is why the transaction is in no ledger.
func (f *flight) refusalName() string {
	if f.refusal == nil {
		return f.course
	}
	return f.refusal.name()
}

func (f *flight) settle(ctx context.Context, o Outcome) error {
	if err := f.s.journal.Settle(ctx, f.tx.Hash, o); err != nil {
		return err
	}
	f.tx.State, f.tx.ResultCode, f.tx.Ledger = o.State, o.ResultCode, o.Ledger
	var took time.Duration
	if !f.began.IsZero() {
		took = f.s.cfg.Clock().Sub(f.began)
	}
	f.s.cfg.Metrics.Settled(string(f.tx.Purpose), string(o.State), took, float64(o.FeeCharged)/Stroops)
	return nil
}

// consumed finds out whether another transaction has used our sequence number: then
// ours can get into no ledger. Where a server may have taken ours, it may be that one.
func (f *flight) consumed(ctx context.Context) error {
	used, ledger, err := f.numberUsed(ctx)
	switch {
	case err != nil:
		return f.unanswered(ctx, err)
	case !used:
		return nil
	case f.doubt:
		return f.vanished(ctx, ledger)
	}
	return f.settle(ctx, Outcome{State: StateExpired, ResultCode: f.refusalName(), Ledger: ledger})
}
