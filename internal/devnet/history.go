package devnet

import (
	"cmp"
	"slices"

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
	fillBid   int64    // see Conditions
	// before is what the ledger has changed, as it was: nil where there was
	// nothing. Only the last MaxLag ledgers have it.
	before map[string]*entry
}

// history holds the last ledgers and their transactions, for the RPC.
type history struct {
	retention uint32
	ledgers   []*closedLedger // the oldest first; Network.Advance leaves gaps
	byHash    map[xdr.Hash]*outcome
}

func newHistory(retention uint32) *history {
	return &history{retention: retention, byHash: map[xdr.Hash]*outcome{}}
}

func (h *history) add(b *block, before map[string]*entry) {
	h.append(&closedLedger{
		seq: b.at.ledger, closeTime: b.at.closeTime, hash: b.hash, header: b.header, txs: b.txs, evicted: b.evicted,
		fillBid: b.fillBid, before: before,
	})
	if last := len(h.ledgers) - 1; last >= MaxLag {
		h.ledgers[last-MaxLag].before = nil
	}
}

func (h *history) append(l *closedLedger) {
	h.ledgers = append(h.ledgers, l)
	for _, o := range l.txs {
		// Both hashes of a fee bump find it.
		h.byHash[o.hash], h.byHash[o.innerHash] = o, o
	}
	for l.seq-h.ledgers[0].seq >= h.retention {
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
	at, _ := slices.BinarySearchFunc(h.ledgers, seq, func(l *closedLedger, seq uint32) int { return cmp.Compare(l.seq, seq) })
	return h.ledgers[at:]
}

// find returns the transaction with a hash, or nil.
func (h *history) find(hash xdr.Hash) *outcome {
	if o := h.byHash[hash]; o != nil && o.ledger <= h.latest().seq {
		return o
	}
	return nil
}

func (h *history) span() protocol.LedgerSeqRange {
	return protocol.LedgerSeqRange{FirstLedger: h.oldest().seq, LastLedger: h.latest().seq}
}
