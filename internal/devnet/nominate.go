package devnet

import (
	"context"
	"slices"

	"github.com/stellar/go-stellar-sdk/xdr"
)

// nominee is a transaction with the inclusion fee that it pays, in stroops.
type nominee struct {
	tx        *transaction
	inclusion int64
}

// nominate picks what goes into the next ledger, highest bid first within the
// ledger's limits. What has become invalid while it waited is dropped.
func (n *Network) nominate(ctx context.Context, at moment) []nominee {
	n.pool.mu.Lock()
	defer n.pool.mu.Unlock()
	v := &validator{view: n.ledger.state, at: at, minResourceFee: n.minResourceFee}
	fill := n.conditions.get().FillBid
	classic, contracts := &lane{fits: fitsClassic, fillBid: fill}, &lane{fits: fitsSoroban, fillBid: fill}
	for _, q := range n.pool.pending() {
		if !n.stillValid(ctx, v, q) {
			n.pool.remove(q.tx)
			n.pool.ban(q.tx)
			continue
		}
		if q.tx.soroban != nil {
			contracts.offer(q)
		} else {
			classic.offer(q)
		}
	}
	all := append(classic.nominees(), contracts.nominees()...)
	if t := n.friendbot.transaction(n.ledger.state); t != nil {
		all = append(all, nominee{t, t.bid})
	}
	slices.SortFunc(all, func(a, b nominee) int { return slices.Compare(a.tx.hash[:], b.tx.hash[:]) })
	return all
}

// stillValid repeats what can have changed since the transaction was admitted.
func (n *Network) stillValid(ctx context.Context, v *validator, q *queued) bool {
	if q.checked < n.ledger.signersChanged {
		r, err := v.check(ctx, q.tx)
		if err != nil {
			n.cfg.Logger.Error("check a pending transaction again", "hash", q.tx.hash.HexString(), "error", err)
		}
		q.checked = n.ledger.seq
		return r == nil && err == nil
	}
	if v.checkBounds(q.tx, nil) != nil || v.checkSequence(q.tx, nil) != nil {
		return false
	}
	payer := account(v.view, q.tx.feeSource)
	return payer != nil && available(payer) >= q.tx.bid
}

// lane is the part of a ledger with limits of its own: classic or Soroban.
type lane struct {
	fits    func(used *usage, t *transaction) bool
	fillBid int64 // see Conditions
	used    usage
	taken   []*transaction
	full    bool
}

// usage sums what the transactions of a lane declare.
type usage struct {
	ops, txs, instructions, reads, readBytes, writes, writeBytes, size int64
}

func (l *lane) offer(q *queued) {
	if l.fillBid > 0 && !below(l.fillBid, 1, q.tx.inclusionBid(), q.tx.ops) {
		return
	}
	if !l.fits(&l.used, q.tx) {
		l.full = true
		return
	}
	q.closing = true
	l.taken = append(l.taken, q.tx)
}

// nominees fixes what everybody in the lane pays per operation: the base fee, or
// the lowest bid that got in when not all did.
func (l *lane) nominees() []nominee {
	var out []nominee
	for _, t := range l.taken {
		fee := max(baseFee, l.fillBid) * t.ops
		if l.full {
			last := l.taken[len(l.taken)-1]
			fee = max(fee, ceilMulDiv(last.inclusionBid(), t.ops, last.ops))
		}
		out = append(out, nominee{t, min(fee, t.inclusionBid())})
	}
	return out
}

func fitsClassic(u *usage, t *transaction) bool {
	if u.ops+t.ops > maxClassicOps {
		return false
	}
	u.ops += t.ops
	return true
}

// fitsSoroban counts all instructions as one after another, as they are executed
// here; the network runs transactions that share nothing side by side.
func fitsSoroban(u *usage, t *transaction) bool {
	r := t.soroban.Resources
	sum := usage{
		txs: u.txs + 1, instructions: u.instructions + int64(r.Instructions),
		reads: u.reads + int64(diskReads(t)), readBytes: u.readBytes + int64(r.DiskReadBytes),
		writes: u.writes + int64(len(r.Footprint.ReadWrite)), writeBytes: u.writeBytes + int64(r.WriteBytes),
		size: u.size + int64(len(t.raw)),
	}
	if sum.txs > ledgerMaxTxs || sum.instructions > ledgerMaxInstrs ||
		sum.reads > ledgerMaxDiskReads || sum.readBytes > ledgerMaxReadBytes ||
		sum.writes > ledgerMaxWrites || sum.writeBytes > ledgerMaxWriteBytes || sum.size > ledgerMaxTxsSize {
		return false
	}
	*u = sum
	return true
}

func changesSigners(t *transaction) bool {
	return slices.ContainsFunc(t.inner.Tx.Operations, func(o xdr.Operation) bool { return o.Body.Type == xdr.OperationTypeSetOptions })
}
