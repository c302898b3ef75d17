package redis

import (
	"container/list"
	"hash/maphash"
	"math"
	"sync"
	"time"
)

// maxLocalKeys bounds what one process remembers: some 10 MB. With more clients
// than that at a time the ones that were quiet for longest are forgotten, and
// begin anew.
const maxLocalKeys = 1 << 16

// local counts the requests of this process alone: the same algorithm as
// gcra.lua, in memory.
type local struct {
	mostKeys int
	seed     maphash.Seed

	mu sync.Mutex
	// Keys are hashes: a subject may be long, and a rare collision makes two
	// clients share a limit.
	entries map[uint64]*list.Element
	// order has the entry that was used last in front.
	order *list.List
}

// entry is the theoretical arrival time of a key.
type entry struct {
	key     uint64
	arrival time.Time
}

func newLocal(mostKeys int) *local {
	return &local{mostKeys: mostKeys, seed: maphash.MakeSeed(), entries: map[uint64]*list.Element{}, order: list.New()}
}

// take counts a request against every check, or against none of them when one
// refuses.
func (l *local) take(now time.Time, checks []Check) Decision {
	now = now.Truncate(time.Microsecond) // as Redis counts
	l.mu.Lock()
	defer l.mu.Unlock()
	decision := Decision{Allowed: true, Remaining: math.MaxInt}
	arrivals := make([]time.Time, len(checks))
	for i, check := range checks {
		next := l.next(now, check)
		room := now.Add(check.Limit.whole()).Sub(next)
		if room < 0 {
			decision.Allowed = false
			decision.RetryAfter = max(decision.RetryAfter, (-room + time.Microsecond - 1).Truncate(time.Microsecond))
		}
		decision.Remaining = min(decision.Remaining, int(max(0, room)/check.Limit.pause()))
		arrivals[i] = next
	}
	if !decision.Allowed {
		decision.Remaining = 0
		return decision
	}
	for i, check := range checks {
		l.put(l.hash(check), arrivals[i])
	}
	return decision
}

// rounding is more than what Redis rounds.
const rounding = time.Millisecond

// next is the arrival time of a key when one more request of it is counted. One
// that is further away than a whole burst is of a clock that was set back, and
// says nothing.
func (l *local) next(now time.Time, check Check) time.Time {
	arrival := now
	if e, ok := l.entries[l.hash(check)]; ok {
		l.order.MoveToFront(e) // whoever is refused is not quiet
		known := e.Value.(*entry).arrival
		if known.After(now) && !known.After(now.Add(check.Limit.whole()+rounding)) {
			arrival = known
		}
	}
	return arrival.Add(check.Limit.pause())
}

// learn takes over what Redis knows of the keys: how far ahead of now their
// arrival times are. A request that Redis has refused is taken back.
func (l *local) learn(now time.Time, checks []Check, allowed bool, ahead []time.Duration) {
	now = now.Truncate(time.Microsecond)
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, check := range checks {
		known := now
		key := l.hash(check)
		if e, ok := l.entries[key]; ok {
			known = e.Value.(*entry).arrival
		}
		if !allowed {
			known = known.Add(-check.Limit.pause())
		}
		if told := now.Add(ahead[i]); known.Before(told) {
			known = told
		}
		l.put(key, known)
	}
}

func (l *local) put(key uint64, arrival time.Time) {
	if e, ok := l.entries[key]; ok {
		e.Value.(*entry).arrival = arrival
		l.order.MoveToFront(e)
		return
	}
	l.entries[key] = l.order.PushFront(&entry{key, arrival})
	if l.order.Len() > l.mostKeys {
		oldest := l.order.Back()
		l.order.Remove(oldest)
		delete(l.entries, oldest.Value.(*entry).key)
	}
}

func (l *local) hash(check Check) uint64 { return maphash.String(l.seed, check.Key) }
