package submit

import (
	"context"
	"time"

	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"

	"tenant-provisioning/internal/stellar/rpc"
)

// ResultForgotten stands for the result of a transaction that the server cannot
// tell of any more. Its effect has to be looked for.
const ResultForgotten = "NOT_FOUND_OUTSIDE_RETENTION"

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
	return f.settle(ctx, Outcome{State: StateExpired, ResultCode: f.refusalName(), Ledger: resp.LatestLedger})
}

func (f *flight) found(ctx context.Context, r result, ledger uint32) error {
	o := Outcome{State: StateApplied, Ledger: ledger, FeeCharged: r.fee, SequenceUsed: r.sequenceUsed()}
	if !r.applied() {
		o.State, o.ResultCode = StateFailed, r.name()
	}
	return f.settle(ctx, o)
}

func (f *flight) refusalName() string {
	if f.refusal == nil {
		return ""
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

// consumed finds out whether another transaction has used our sequence number:
// then ours, which is in no ledger up to that one, can get into none.
func (f *flight) consumed(ctx context.Context) error {
	account, ledger, err := f.s.rpc.Account(ctx, f.tx.Channel, f.progress)
	if err != nil {
		return f.unanswered(ctx, err)
	}
	f.progress(f.detail())
	if account == nil || int64(account.SeqNum) < f.tx.Sequence {
		return nil
	}
	resp, err := rpc.Call[protocol.GetTransactionResponse](ctx, f.s.rpc, protocol.GetTransactionMethodName, protocol.GetTransactionRequest{Hash: f.tx.Hash})
	if err != nil {
		return f.unanswered(ctx, err)
	}
	if resp.Status != protocol.TransactionStatusNotFound || resp.LatestLedger < ledger || resp.OldestLedger > f.tx.AfterLedger+1 {
		return nil // found by the next question, or not known yet
	}
	return f.settle(ctx, Outcome{State: StateExpired, ResultCode: f.refusalName(), Ledger: resp.LatestLedger})
}
