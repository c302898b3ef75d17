package devnet

import "context"

// CloseLedger closes one ledger now, besides those of Run: the queue is taken,
// applied over the state without blocking readers, and published at once.
func (n *Network) CloseLedger(ctx context.Context) error {
	n.closing.Lock()
	defer n.closing.Unlock()
	at := n.next()
	changes := newLayer(n.ledger.state)
	evicted := n.expiry.evict(changes, at)
	b := n.seal(at, changes, n.applyAll(ctx, at, changes, n.nominate(ctx, at)))
	b.evicted = evicted
	// Stored first: what a client has seen, a crash must not take back.
	if err := n.store.save(b, n.history.oldestAfter(b)); err != nil {
		return err
	}
	n.publish(b)
	n.friendbot.closed(b)
	return nil
}
