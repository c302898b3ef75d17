package devnet

import (
	"bytes"
	"maps"
	"slices"
	"sync"

	"github.com/stellar/go-stellar-sdk/xdr"
)

// How long the queue holds on to things, in ledgers, as in stellar-core.
const (
	maxAge   = 4  // a transaction that was not included in so many is dropped
	banDepth = 10 // for so many a dropped or applied one is not taken again
)

// replacementFactor is how many times the inclusion fee of a fee bump must be
// that of the transaction that it replaces.
const replacementFactor = 10

// queued is a pending transaction.
type queued struct {
	tx      *transaction
	age     int
	checked uint32 // ledger against which its signatures were checked
	closing bool   // it is in the ledger that is being closed
}

// mempool holds at most one pending transaction for each source account. Its
// lock is taken before Network.mu.
type mempool struct {
	mu       sync.Mutex
	bySource map[xdr.Uint256]*queued
	fees     map[xdr.Uint256]int64 // what each fee source has bid in all
	banned   []map[xdr.Hash]bool   // the newest ledger first
}

func newMempool() *mempool {
	p := &mempool{bySource: map[xdr.Uint256]*queued{}, fees: map[xdr.Uint256]int64{}}
	for range banDepth {
		p.banned = append(p.banned, map[xdr.Hash]bool{})
	}
	return p
}

func (p *mempool) isBanned(h xdr.Hash) bool {
	return slices.ContainsFunc(p.banned, func(m map[xdr.Hash]bool) bool { return m[h] })
}

func (p *mempool) ban(t *transaction) { p.banned[0][t.hash] = true }

// add puts a transaction that was found valid, in place of the one it replaces.
func (p *mempool) add(t *transaction, checked uint32) {
	if old := p.bySource[*t.source.Ed25519]; old != nil {
		p.remove(old.tx)
	}
	p.bySource[*t.source.Ed25519] = &queued{tx: t, checked: checked}
	p.fees[*t.feeSource.Ed25519] += t.bid
}

func (p *mempool) remove(t *transaction) {
	delete(p.bySource, *t.source.Ed25519)
	if p.fees[*t.feeSource.Ed25519] -= t.bid; p.fees[*t.feeSource.Ed25519] <= 0 {
		delete(p.fees, *t.feeSource.Ed25519)
	}
}

// duplicates tells whether t is the pending transaction again, or the inner one
// of a pending fee bump.
func (q *queued) duplicates(t *transaction) bool {
	return q.tx.hash == t.hash || !t.isFeeBump() && q.tx.innerHash == t.hash
}

// pending returns the queue in the order in which a ledger takes from it: the
// highest inclusion fee per operation first.
func (p *mempool) pending() []*queued {
	return slices.SortedFunc(maps.Values(p.bySource), func(a, b *queued) int {
		switch {
		case below(b.tx.inclusionBid(), b.tx.ops, a.tx.inclusionBid(), a.tx.ops):
			return -1
		case below(a.tx.inclusionBid(), a.tx.ops, b.tx.inclusionBid(), b.tx.ops):
			return 1
		}
		return bytes.Compare(a.tx.hash[:], b.tx.hash[:])
	})
}

// closed makes room after a ledger: the applied ones go and may not come back,
// the others grow older.
func (p *mempool) closed(applied []*transaction) {
	p.banned = append([]map[xdr.Hash]bool{{}}, p.banned[:banDepth-1]...)
	for _, t := range applied {
		p.ban(t)
		if q := p.bySource[*t.source.Ed25519]; q != nil && q.tx.hash == t.hash {
			p.remove(t)
		}
	}
	for _, q := range p.pending() {
		q.closing = false
		if q.age++; q.age >= maxAge {
			p.remove(q.tx)
			p.ban(q.tx)
		}
	}
}
