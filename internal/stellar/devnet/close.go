package devnet

import "context"

// CloseLedger closes one ledger now, besides those of Run: the queue is taken,
// applied over the state without blocking readers, and published at once.
func (n *Network) CloseLedger(ctx context.Context) error {
	n.closing.Lock()
	defer n.closing.Unlock()
	at := n.next()
	changes := newLayer(n.ledger.state)
	b := n.seal(at, changes, n.applyAll(ctx, at, changes, n.nominate(ctx, at)))
	n.publish(b)
	n.friendbot.closed(b)
	return nil
}
