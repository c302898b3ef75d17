package devnet

import (
	"crypto/sha256"

	"github.com/stellar/go-stellar-sdk/xdr"
)

// ledger is the last closed ledger and the state after it.
type ledger struct {
	seq       uint32
	closeTime int64
	header    xdr.LedgerHeader
	hash      xdr.Hash
	state     state
	// signersChanged is the last ledger that changed anybody's signers: what was
	// admitted before has its signatures checked again.
	signersChanged uint32
}

// block is a ledger that is ready to be published.
type block struct {
	at      moment
	header  xdr.LedgerHeader
	hash    xdr.Hash
	changes *layer
	txs     []*outcome
	evicted []string // keys of temporary entries that have ended
	fillBid int64    // see Conditions
}

// seal makes the header. Its hashes chain over the headers and the changes: there
// is no bucket list.
func (n *Network) seal(at moment, changes *layer, txs []*outcome) *block {
	results := xdr.TransactionResultSet{Results: []xdr.TransactionResultPair{}}
	var fees xdr.Int64
	for _, t := range txs {
		results.Results = append(results.Results, xdr.TransactionResultPair{TransactionHash: t.hash, Result: t.decodedResult()})
		fees += t.charged
	}
	prev := n.ledger
	set := sha256.Sum256(encode(transactionSet(prev.hash, txs)))
	h := xdr.LedgerHeader{
		LedgerVersion: xdr.Uint32(n.protocol), PreviousLedgerHash: prev.hash, LedgerSeq: xdr.Uint32(at.ledger),
		ScpValue:        xdr.StellarValue{CloseTime: xdr.TimePoint(at.closeTime), TxSetHash: set},
		TxSetResultHash: sha256.Sum256(encode(results)), BucketListHash: digest(prev.header.BucketListHash, changes),
		TotalCoins: totalCoins, FeePool: prev.header.FeePool + fees,
		BaseFee: baseFee, BaseReserve: baseReserve, MaxTxSetSize: maxClassicOps,
	}
	return &block{at: at, header: h, hash: sha256.Sum256(encode(h)), changes: changes, txs: txs}
}

func digest(prev xdr.Hash, changes *layer) xdr.Hash {
	h := sha256.New()
	h.Write(prev[:])
	for _, k := range changes.order {
		h.Write([]byte(k))
		if e := changes.changed[k]; e != nil {
			h.Write(e.data)
		}
	}
	return xdr.Hash(h.Sum(nil))
}

// publish makes a block the last ledger, for readers all at once.
func (n *Network) publish(b *block) {
	n.pool.mu.Lock()
	defer n.pool.mu.Unlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.ledger
	passed := b.at.ledger - l.seq
	before := map[string]*entry{}
	l.seq, l.closeTime, l.header, l.hash = b.at.ledger, b.at.closeTime, b.header, b.hash
	for _, k := range b.changes.order {
		before[k] = nil
		if e, ok := l.state[k]; ok {
			before[k] = &e
		}
		if e := b.changes.changed[k]; e != nil {
			l.state[k] = *e
			n.expiry.note(k, *e)
		} else {
			delete(l.state, k)
		}
	}
	applied := make([]*transaction, 0, len(b.txs))
	for _, o := range b.txs {
		applied = append(applied, o.tx)
		if changesSigners(o.tx) {
			l.signersChanged = l.seq
		}
		o.tx = nil // the queue is done with it: only the bytes are kept
	}
	n.pool.closed(applied)
	for range min(passed-1, maxAge+banDepth) { // by then all is forgotten
		n.pool.closed(nil)
	}
	n.history.add(b, before)
}
