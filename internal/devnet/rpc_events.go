package devnet

import (
	"context"
	"fmt"
	"time"

	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/strkey"
	"github.com/stellar/go-stellar-sdk/xdr"
)

const (
	maxEventsPage     = 10_000
	defaultEventsPage = 100
	// eventsScan bounds how many ledgers one request looks at, as Stellar RPC.
	eventsScan = 10_000
)

// eventsPage is the span and the limit of a getEvents.
type eventsPage struct {
	after      protocol.Cursor // exclusive
	start, end uint32          // ledgers, end exclusive
	limit      uint
}

func (n *Network) getEvents(_ context.Context, q protocol.GetEventsRequest) (protocol.GetEventsResponse, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	seen := n.seen()
	oldest, latest := seen.oldest(), seen.latest()
	res := protocol.GetEventsResponse{
		Events: []protocol.EventInfo{}, LatestLedger: latest.seq, LatestLedgerCloseTime: latest.closeTime,
		OldestLedger: oldest.seq, OldestLedgerCloseTime: oldest.closeTime,
	}
	if err := q.Valid(maxEventsPage); err != nil {
		return res, invalidParams("%v", err)
	}
	if err := checkFormat(q.Format); err != nil {
		return res, err
	}
	page, err := newEventsPage(q, seen.span())
	if err != nil {
		return res, err
	}
	for _, l := range seen.from(page.start) {
		if l.seq >= page.end {
			break
		}
		for _, o := range l.txs {
			if res.Events = o.matching(res.Events, &q, page); uint(len(res.Events)) == page.limit {
				res.Cursor = res.Events[page.limit-1].ID
				return res, nil
			}
		}
	}
	// The cursor stands at the end of what was searched, found or not.
	end := protocol.MaxCursor
	end.Ledger = page.end - 1
	res.Cursor = end.String()
	return res, nil
}

func newEventsPage(q protocol.GetEventsRequest, span protocol.LedgerSeqRange) (eventsPage, error) {
	p := eventsPage{start: q.StartLedger, limit: defaultEventsPage}
	if q.Pagination != nil {
		if q.Pagination.Limit > 0 {
			p.limit = q.Pagination.Limit
		}
		if c := q.Pagination.Cursor; c != nil {
			p.after, p.start = *c, c.Ledger
		}
	}
	if !protocol.IsLedgerWithinRange(p.start, span) {
		return p, invalidRequest(fmt.Errorf("startLedger must be within the ledger range: %d - %d", span.FirstLedger, span.LastLedger))
	}
	p.end = min(p.start+eventsScan, span.LastLedger+1)
	if q.EndLedger != 0 {
		p.end = min(p.end, q.EndLedger)
	}
	return p, nil
}

// matching appends the transaction's events that the request asks for.
func (o *outcome) matching(found []protocol.EventInfo, q *protocol.GetEventsRequest, page eventsPage) []protocol.EventInfo {
	if !o.ok || !o.soroban {
		return found
	}
	for opIndex, op := range o.decodedMeta().Operations {
		for i, e := range op.Events {
			at := protocol.Cursor{Ledger: o.ledger, Tx: uint32(o.order), Op: uint32(opIndex), Event: uint32(i)}
			if at.Cmp(page.after) <= 0 || !q.Matches(xdr.DiagnosticEvent{InSuccessfulContractCall: true, Event: e}) {
				continue
			}
			found = append(found, o.eventInfo(at, e))
			if uint(len(found)) == page.limit {
				return found
			}
		}
	}
	return found
}

func (o *outcome) eventInfo(at protocol.Cursor, e xdr.ContractEvent) protocol.EventInfo {
	info := protocol.EventInfo{
		EventType: protocol.GetEventTypeFromEventTypeXDR()[e.Type], Ledger: int32(o.ledger),
		LedgerClosedAt: time.Unix(o.closeTime, 0).UTC().Format(time.RFC3339), ID: at.String(),
		OpIndex: at.Op, TxIndex: at.Tx, TransactionHash: o.hash.HexString(),
		InSuccessfulContractCall: true, //nolint:staticcheck // deprecated, and still sent
	}
	if e.ContractId != nil {
		info.ContractID = strkey.MustEncode(strkey.VersionByteContract, e.ContractId[:])
	}
	if v0, ok := e.Body.GetV0(); ok {
		info.TopicXDR, info.ValueXDR = encodeAll(v0.Topics), b64(encode(v0.Data))
	}
	return info
}
