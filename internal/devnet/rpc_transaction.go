package devnet

import (
	"context"
	"encoding/hex"
	"errors"
	"strconv"

	"github.com/stellar/go-stellar-sdk/network"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/toid"
	"github.com/stellar/go-stellar-sdk/xdr"
)

func (n *Network) sendTransaction(ctx context.Context, q protocol.SendTransactionRequest) (protocol.SendTransactionResponse, error) {
	var res protocol.SendTransactionResponse
	if err := checkFormat(q.Format); err != nil {
		return res, err
	}
	var env xdr.TransactionEnvelope
	if err := xdr.SafeUnmarshalBase64(q.Transaction, &env); err != nil {
		return res, invalidParams("invalid_xdr")
	}
	hash, err := network.HashTransactionInEnvelope(env, n.cfg.Passphrase)
	if err != nil {
		return res, invalidParams("invalid_hash")
	}
	res.Hash = hex.EncodeToString(hash[:])
	told, err := n.admit(ctx, env)
	if err != nil {
		return res, err
	}
	res.Status = string(told.status)
	if told.result != nil {
		res.ErrorResultXDR = b64(encode(told.result))
	}
	if told.fault != nil {
		res.DiagnosticEventsXDR = []string{b64(encode(told.fault.event()))}
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	latest := n.seen().latest()
	res.LatestLedger, res.LatestLedgerCloseTime = latest.seq, latest.closeTime
	return res, nil
}

func (n *Network) admit(ctx context.Context, env xdr.TransactionEnvelope) (verdict, error) {
	t, err := newTransaction(env, n.cfg.Passphrase)
	if errors.Is(err, errEnvelopeType) {
		return verdict{status: admissionError, result: &xdr.TransactionResult{Result: xdr.TransactionResultResult{Code: xdr.TransactionResultCodeTxNotSupported}}}, nil
	}
	if err != nil {
		return verdict{}, invalidParams("invalid_hash")
	}
	return n.submit(ctx, t)
}

func (n *Network) getTransaction(_ context.Context, q protocol.GetTransactionRequest) (protocol.GetTransactionResponse, error) {
	var res protocol.GetTransactionResponse
	if err := checkFormat(q.Format); err != nil {
		return res, err
	}
	hash, err := parseHash(q.Hash)
	if err != nil {
		return res, err
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	seen := n.seen()
	oldest, latest := seen.oldest(), seen.latest()
	res.LatestLedger, res.LatestLedgerCloseTime = latest.seq, latest.closeTime
	res.OldestLedger, res.OldestLedgerCloseTime = oldest.seq, oldest.closeTime
	o := seen.find(hash)
	if o == nil {
		res.TransactionDetails = protocol.TransactionDetails{Status: protocol.TransactionStatusNotFound, TransactionHash: q.Hash}
		return res, nil
	}
	res.TransactionDetails, res.LedgerCloseTime = o.details(), o.closeTime
	return res, nil
}

func (o *outcome) details() protocol.TransactionDetails {
	d := protocol.TransactionDetails{
		Status: protocol.TransactionStatusSuccess, TransactionHash: o.hash.HexString(), ApplicationOrder: o.order, FeeBump: o.feeBump,
		EnvelopeXDR: b64(o.envelope), ResultXDR: b64(o.result), ResultMetaXDR: b64(o.meta), Ledger: o.ledger,
	}
	if !o.ok {
		d.Status = protocol.TransactionStatusFailed
	}
	meta := o.decodedMeta()
	d.DiagnosticEventsXDR = encodeAll(meta.DiagnosticEvents)
	d.Events = protocol.Events{TransactionEventsXDR: encodeAll(meta.Events), ContractEventsXDR: [][]string{}}
	for _, op := range meta.Operations {
		d.Events.ContractEventsXDR = append(d.Events.ContractEventsXDR, encodeAll(op.Events))
	}
	if len(d.Events.ContractEventsXDR) == 0 {
		// Clients iterate over the operations: there is always one.
		d.Events.ContractEventsXDR = [][]string{{}}
	}
	return d
}

func (n *Network) getTransactions(_ context.Context, q protocol.GetTransactionsRequest) (protocol.GetTransactionsResponse, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	seen := n.seen()
	oldest, latest := seen.oldest(), seen.latest()
	res := protocol.GetTransactionsResponse{
		Transactions: []protocol.TransactionInfo{}, LatestLedger: latest.seq, LatestLedgerCloseTime: latest.closeTime,
		OldestLedger: oldest.seq, OldestLedgerCloseTime: oldest.closeTime,
	}
	if err := q.IsValid(maxTransactionsPage, seen.span()); err != nil {
		return res, invalidRequest(err)
	}
	if err := checkFormat(q.Format); err != nil {
		return res, err
	}
	start, after, limit := q.StartLedger, int32(0), uint(defaultTxsPage)
	if p := q.Pagination; p != nil {
		if p.Cursor != "" {
			id, err := strconv.ParseInt(p.Cursor, 10, 64)
			if err != nil {
				return res, invalidParams("invalid cursor %q", p.Cursor)
			}
			at := toid.Parse(id)
			start, after = uint32(at.LedgerSequence), at.TransactionOrder
		}
		if p.Limit > 0 {
			limit = p.Limit
		}
	}
	for _, l := range seen.from(start) {
		for _, o := range l.txs {
			if l.seq == start && o.order <= after {
				continue
			}
			if uint(len(res.Transactions)) == limit {
				return res, nil
			}
			res.Transactions = append(res.Transactions, protocol.TransactionInfo{TransactionDetails: o.details(), LedgerCloseTime: o.closeTime})
			res.Cursor = toid.New(int32(l.seq), o.order, 0).String()
		}
		if len(l.txs) == 0 {
			res.Cursor = toid.New(int32(l.seq), 0, 0).String()
		}
	}
	return res, nil
}
