package submit

import (
	"context"
	"errors"
	"fmt"
	"time"

	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/xdr"

	"tenant-provisioning/internal/stellar/rpc"
)

// queueAge is after how many ledgers a node forgets a transaction that none of
// them took (TransactionQueue.cpp: 4). Sending it once more costs nothing.
const queueAge = 5

// flight is one journalled transaction on its way to its fate. Any process may
// fly the same transaction at the same time: all send the same bytes.
type flight struct {
	s        *Submitter
	tx       Transaction
	progress func(string)
	// sends tells to send the bytes. Without it the flight only waits for the
	// transaction to be found, or to expire.
	sends bool
	// asked tells that the transaction was looked for before it is sent again.
	asked bool
	// ledger is the newest that the server has named.
	ledger uint32
	// sendAt is the ledger from which the bytes are sent again; 0 is now.
	sendAt uint32
	// bidAt is the ledger at which this bid was first answered; 0 is not yet.
	bidAt uint32
	// refusal is the newest reason for which a server did not take the bytes;
	// empty when it did, or has only put it off.
	refusal *result
	// course is what is known of the sending otherwise: resultTryAgainLater,
	// resultNotIncluded or resultNotTaken.
	course string
	// sendTrouble is what the server did instead of answering to the last sending.
	sendTrouble string
	// doubt tells that a server may have taken the bytes: it has said so, or has not
	// answered, or an earlier flight has sent them.
	doubt bool
	// usedSince is since when the account's number is known to be used, and the
	// transaction not to be found.
	usedSince time.Time
	// silentSince is when the server stopped answering what was asked; zero while
	// it does. trouble is what it does instead.
	silentSince time.Time
	trouble     string
	// asksAfter is when the server wants to be asked again.
	asksAfter time.Time
	// began is when it was first sent; zero where an earlier flight has sent it.
	began time.Time
}

// fly brings an open transaction to its end, and journals it. fresh tells that
// it was never sent. An error leaves it open, to be gone on with by the next
// call.
func (s *Submitter) fly(ctx context.Context, tx Transaction, fresh, sends bool, progress func(string)) (_ Transaction, err error) {
	if tx.Network != s.cfg.Passphrase {
		return tx, s.otherNetwork(tx)
	}
	f := &flight{s: s, tx: tx, sends: sends, asked: fresh, doubt: !fresh, progress: progress, course: resultNotTaken}
	if tx.State == StateSent {
		f.course = resultNotIncluded
	}
	if fresh {
		f.began = s.cfg.Clock()
	}
	defer func() {
		if err != nil && f.tx.State.Open() {
			s.note(ctx, f.tx.Hash, f.detail())
		}
	}()
	p := s.rpc.NewPace()
	for {
		if f.due() {
			if err := f.send(ctx); err != nil {
				return f.tx, err
			}
			if err := f.wait(ctx, p); err != nil {
				return f.tx, err
			}
		}
		if err := f.ask(ctx); err != nil || !f.tx.State.Open() {
			return f.tx, err
		}
		if err := f.judge(ctx); err != nil || !f.tx.State.Open() {
			return f.tx, err
		}
		if f.due() {
			continue
		}
		if err := f.wait(ctx, p); err != nil {
			return f.tx, err
		}
	}
}

// wait pauses between two questions, for as long as the server asked for.
func (f *flight) wait(ctx context.Context, p *rpc.Pace) error {
	for {
		if err := p.Wait(ctx); err != nil || !f.s.cfg.Clock().Before(f.asksAfter) {
			return err
		}
		f.progress(f.detail())
	}
}

// note keeps the last that was known of a transaction that is left open, also when the
// caller has been cancelled.
func (s *Submitter) note(ctx context.Context, hash, detail string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.ReleaseTimeout)
	defer cancel()
	if err := s.journal.Note(ctx, hash, detail); err != nil {
		s.cfg.Logger.WarnContext(ctx, "what is known of an open transaction is not in the journal", "transaction", hash, "error", err)
	}
}

func (f *flight) due() bool {
	return f.sends && f.asked && f.ledger >= f.sendAt
}

func (f *flight) detail() string {
	switch {
	case !f.silentSince.IsZero():
		return "the Stellar RPC server " + f.trouble + "; transaction " + f.tx.Hash + " is journalled"
	case f.refusal != nil:
		return fmt.Sprintf("transaction %s: %s, ledger %d", f.tx.Hash, f.refusal.name(), f.ledger)
	case f.sendTrouble != "":
		return fmt.Sprintf("transaction %s: the Stellar RPC server %s when it is sent, ledger %d", f.tx.Hash, f.sendTrouble, f.ledger)
	case f.course == resultTryAgainLater:
		return fmt.Sprintf("transaction %s: the Stellar RPC server says TRY_AGAIN_LATER, ledger %d", f.tx.Hash, f.ledger)
	}
	return fmt.Sprintf("transaction %s is on its way, ledger %d", f.tx.Hash, f.ledger)
}

// send offers the bytes to the network. Whether they arrived may stay unknown.
func (f *flight) send(ctx context.Context) error {
	f.progress(f.detail())
	resp, err := rpc.Call[protocol.SendTransactionResponse](ctx, f.s.rpc, protocol.SendTransactionMethodName, protocol.SendTransactionRequest{Transaction: f.tx.Envelope})
	if err != nil {
		f.sendAt, f.doubt = f.ledger+1, true
		if ctx.Err() == nil { // else nobody has waited for the answer
			f.sendTrouble = rpc.Trouble(err)
		}
		return f.unanswered(ctx, err)
	}
	f.sendTrouble = ""
	f.noteAnswer(resp.LatestLedger, resp.LatestLedgerCloseTime)
	if f.bidAt == 0 {
		f.bidAt = f.ledger
	}
	envelope, err := f.s.open(f.tx.Envelope)
	if err != nil {
		return err
	}
	if resp.Hash != envelope.hash {
		// The network's name is part of every hash. Unless the server says that
		// it is of another one, this was the answer to somebody else.
		if _, err := f.s.rpc.Network(ctx); err != nil {
			return err
		}
		return rpc.Garbled(protocol.SendTransactionMethodName, errors.New("it is about another transaction"))
	}
	switch resp.Status {
	case statusPending, statusDuplicate:
		f.refusal, f.course, f.doubt = nil, resultNotIncluded, true
		f.sendAt = f.ledger + queueAge
		return f.s.journal.MarkSent(ctx, f.tx.Hash)
	case statusError:
		r, err := parseResult(resp.ErrorResultXDR)
		if err != nil {
			return rpc.Garbled(protocol.SendTransactionMethodName, err)
		}
		// What kept it out until it was too late is the better reason.
		if r.code != xdr.TransactionResultCodeTxTooLate || f.refusal == nil && f.course == resultNotTaken {
			f.refusal = &r
		}
	default:
		f.refusal, f.course = nil, resultTryAgainLater
	}
	// TRY_AGAIN_LATER, and whatever a later version may say: no ledger has
	// closed yet that could change the answer.
	f.sendAt = f.ledger + 1
	return nil
}

// What sendTransaction says, beside TRY_AGAIN_LATER.
const (
	statusPending   = "PENDING"
	statusDuplicate = "DUPLICATE"
	statusError     = "ERROR"
)

// noteAnswer notes that the server answered, and how far it is.
func (f *flight) noteAnswer(ledger uint32, closeTime int64) {
	f.silentSince = time.Time{}
	f.ledger = max(f.ledger, ledger)
	f.s.sawClose(closeTime)
}

// unanswered puts up with a server that does not answer what was asked, for as long
// as rpc.Patience lasts. What a server refuses to read it will always refuse.
func (f *flight) unanswered(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if e, ok := errors.AsType[*rpc.Error](err); ok && e.Unreadable() {
		return err
	}
	f.trouble = rpc.Trouble(err)
	now := f.s.cfg.Clock()
	if f.silentSince.IsZero() {
		f.silentSince = now
	}
	f.asksAfter = now.Add(rpc.RetryAfter(err))
	if now.Sub(f.silentSince) > rpc.Patience || rpc.RetryAfter(err) > rpc.Patience {
		return err
	}
	return nil
}
