package answers

import "time"

// floors are the latest changes that are known, by subject. Those that are older than
// any answer that may be kept are forgotten.
type floors struct {
	// every is how long a floor is remembered at least.
	every time.Duration

	recent, before map[Subject]uint64
	since          time.Time
	// all is the floor of every subject.
	all uint64
}

// clear forgets them all: another database may follow, with numbers of its own.
func (f *floors) clear() { f.all, f.recent, f.before = 0, nil, nil }

// raiseAll raises the floor of every subject.
func (f *floors) raiseAll(transaction uint64) { f.all = max(f.all, transaction) }

// of is the floor of a subject.
func (f *floors) of(s Subject) uint64 { return max(f.all, f.recent[s], f.before[s]) }

// raise raises the floor of a subject.
func (f *floors) raise(s Subject, transaction uint64) {
	if transaction <= f.of(s) {
		return
	}
	if now := time.Now(); f.recent == nil || now.Sub(f.since) > f.every {
		f.before, f.recent, f.since = f.recent, map[Subject]uint64{}, now
	}
	f.recent[s] = transaction
}
