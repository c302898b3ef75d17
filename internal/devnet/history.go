package devnet

import (
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/xdr"
)

// closedLedger is what is kept of a ledger.
type closedLedger struct {
	seq       uint32
	closeTime int64
	hash      xdr.Hash
	header    xdr.LedgerHeader
	txs       []*outcome
	evicted   []string // keys of temporary entries that have ended
}

// history holds the last ledgers and their transactions, for the RPC.
type history struct {
	retention uint32
	ledgers   []*closedLedger // consecutive, the oldest first
	byHash    map[xdr.Hash]*outcome
}

func newHistory(retention uint32) *history {
	return &history{retention: retention, byHash: map[xdr.Hash]*outcome{}}
}

func (h *history) add(b *block) {
	h.append(&closedLedger{seq: b.at.ledger, closeTime: b.at.closeTime, hash: b.hash, header: b.header, txs: b.txs, evicted: b.evicted})
}

func (h *history) append(l *closedLedger) {
	h.ledgers = append(h.ledgers, l)
	for _, o := range l.txs {
		// Both hashes of a fee bump find it.
		h.byHash[o.hash], h.byHash[o.innerHash] = o, o
	}
	for uint32(len(h.ledgers)) > h.retention {
		for _, o := range h.ledgers[0].txs {
			delete(h.byHash, o.hash)
			delete(h.byHash, o.innerHash)
		}
		h.ledgers[0] = nil
		h.ledgers = h.ledgers[1:]
	}
}

// oldestAfter is the oldest ledger that is kept once b is added.
func (h *history) oldestAfter(b *block) uint32 {
	return b.at.ledger - min(h.retention, b.at.ledger) + 1
}

func (h *history) oldest() *closedLedger { return h.ledgers[0] }

func (h *history) latest() *closedLedger { return h.ledgers[len(h.ledgers)-1] }

// from returns the ledgers from seq onward.
func (h *history) from(seq uint32) []*closedLedger {
	if first := h.oldest().seq; seq > first {
		return h.ledgers[min(int(seq-first), len(h.ledgers)):]
	}
	return h.ledgers
}

func (h *history) span() protocol.LedgerSeqRange {
	return protocol.LedgerSeqRange{FirstLedger: h.oldest().seq, LastLedger: h.latest().seq}
}
