package devnet

// vantage is the ledger as the RPC shows it: the last one, or with
// Conditions.Lag an earlier one.
type vantage struct {
	history
	view view
}

// seen is valid while the caller holds mu.
func (n *Network) seen() *vantage {
	v := &vantage{history: *n.history, view: n.ledger.state}
	last := len(v.ledgers) - 1
	behind := last
	for last-behind < int(n.conditions.get().Lag) && behind > 0 && v.ledgers[behind].before != nil {
		behind--
	}
	if behind < last {
		v.view = past{since: v.ledgers[behind+1:], now: n.ledger.state}
		v.ledgers = v.ledgers[:behind+1]
	}
	return v
}

// past is the state before some ledgers.
type past struct {
	since []*closedLedger // the oldest first
	now   state
}

func (p past) lookup(key string) (entry, bool) {
	for _, l := range p.since {
		if e, changed := l.before[key]; changed {
			if e == nil {
				return entry{}, false
			}
			return *e, true
		}
	}
	return p.now.lookup(key)
}
