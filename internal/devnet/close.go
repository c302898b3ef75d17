package devnet

import (
	"context"
	"fmt"
	"math"

	"github.com/stellar/go-stellar-sdk/xdr"
)

// CloseLedger closes one ledger now, besides those of Run: the queue is taken,
// applied over the state without blocking readers, and published at once.
func (n *Network) CloseLedger(ctx context.Context) error { return n.closeLedger(ctx) }

// closeLedger also takes settings that hold from the next ledger on.
func (n *Network) closeLedger(ctx context.Context, settings ...xdr.ConfigSettingEntry) error {
	n.closing.Lock()
	defer n.closing.Unlock()
	at := n.next()
	changes := newLayer(n.ledger.state)
	evicted := n.expiry.evict(changes, n.ledger.seq, at.ledger)
	txs := n.applyAll(ctx, at, changes, n.nominate(ctx, at))
	upgrade(changes, settings, at.ledger)
	return n.finish(at, changes, txs, evicted)
}

// Advance moves the number of the ledger on by count, which takes seconds for
// years: one ledger is closed as by CloseLedger, the others pass as a single
// empty one. Entries live and die by the number, so they age. The close time is
// the clock's as ever: time bounds and whoever compares with a clock see no time
// pass, and the pace of ledgers over such a gap means nothing. History does not
// have the numbers between; what is older than the retention is forgotten, and
// what was pending after the first ledger is dropped.
func (n *Network) Advance(ctx context.Context, count uint32) error {
	if count == 0 {
		return nil
	}
	// The identifiers of transactions have 31 bits for the ledger.
	if seq := n.sequence(); uint64(seq)+uint64(count) > math.MaxInt32 {
		return fmt.Errorf("advance ledger %d by %d: the last one that can be is %d", seq, count, math.MaxInt32)
	}
	if err := n.closeLedger(ctx); err != nil || count == 1 {
		return err
	}
	n.closing.Lock()
	defer n.closing.Unlock()
	at := n.next()
	at.ledger += count - 2
	changes := newLayer(n.ledger.state)
	evicted := n.expiry.evict(changes, n.ledger.seq, at.ledger)
	return n.finish(at, changes, nil, evicted)
}

// finish publishes a ledger. It is stored first: what a client has seen, a crash
// must not take back.
func (n *Network) finish(at moment, changes *layer, txs []*outcome, evicted []string) error {
	b := n.seal(at, changes, txs)
	b.evicted, b.fillBid = evicted, n.conditions.get().FillBid
	if err := n.store.save(b, n.history.oldestAfter(b)); err != nil {
		return err
	}
	n.publish(b)
	n.friendbot.closed(b)
	return nil
}

func (n *Network) sequence() uint32 {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.ledger.seq
}
