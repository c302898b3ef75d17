package feed

import "tenant-provisioning/internal/tenant"

// maxQueue is how many events wait for a follower who is slow. With more it has to
// catch up from the database.
const maxQueue = 256

// follower gets the events that its filter picks, from start on.
type follower struct {
	feed   *Feed
	filter tenant.EventFilter
	// last is the last event that it has had.
	last tenant.EventPosition
	// joined is closed when start is known, or it is sure that it cannot be, with err.
	joined chan struct{}
	start  tenant.EventPosition
	err    error
	// news says that queue has something, or that the follower was left behind or
	// sent away.
	news chan struct{}

	// What follows is guarded by the feed's lock.

	queue []*tenant.ChangeEvent
	// behind says that there were more events than the queue holds.
	behind bool
	// sentAway says that there will be no more.
	sentAway bool
}

// join adds a follower. It gets events once its joined is closed.
func (f *Feed) join(filter tenant.EventFilter) *follower {
	one := &follower{feed: f, filter: filter, joined: make(chan struct{}), news: make(chan struct{}, 1)}
	f.mu.Lock()
	f.joining = append(f.joining, one)
	f.mu.Unlock()
	f.stir()
	return one
}

// rejoin puts a follower that fell behind back in line, with an empty queue.
func (f *Feed) rejoin(one *follower) {
	f.leave(one)
	f.mu.Lock()
	one.joined, one.behind, one.queue = make(chan struct{}), false, nil
	f.joining = append(f.joining, one)
	f.mu.Unlock()
	f.stir()
}

func (f *Feed) leave(one *follower) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, other := range f.joining {
		if other == one {
			f.joining = append(f.joining[:i:i], f.joining[i+1:]...)
			return
		}
	}
	group := f.following[one.filter]
	delete(group, one)
	if len(group) == 0 {
		delete(f.following, one.filter)
	}
}

// admit lets those follow who have joined, from the tail on.
func (f *Feed) admit() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range f.joining {
		if f.following[one.filter] == nil {
			f.following[one.filter] = map[*follower]struct{}{}
		}
		f.following[one.filter][one] = struct{}{}
		one.start = f.tail
		close(one.joined)
	}
	f.joining = nil
}

// turnAway tells those who have joined that the events cannot be read.
func (f *Feed) turnAway(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range f.joining {
		one.err = err
		close(one.joined)
	}
	f.joining = nil
}

// handOut gives events to whoever follows them.
func (f *Feed) handOut(events []*tenant.ChangeEvent) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range events {
		f.tail = e.Position
		f.give(tenant.EventFilter{}, e)
		if e.Operation != "" {
			f.give(tenant.EventFilter{Operation: e.Operation}, e)
		}
		if e.Tenant != "" {
			f.give(tenant.EventFilter{Tenant: e.Tenant}, e)
		}
	}
}

func (f *Feed) give(filter tenant.EventFilter, e *tenant.ChangeEvent) {
	for one := range f.following[filter] {
		if len(one.queue) == maxQueue {
			one.queue, one.behind = nil, true
		}
		if !one.behind {
			one.queue = append(one.queue, e)
		}
		one.wake()
	}
}

// interrupt sends all followers away.
func (f *Feed) interrupt() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, group := range f.following {
		for one := range group {
			one.sentAway = true
			one.wake()
		}
	}
}

func (one *follower) wake() {
	select {
	case one.news <- struct{}{}:
	default: // it has not looked yet
	}
}

// take empties a follower's queue.
func (f *Feed) take(one *follower) (events []*tenant.ChangeEvent, behind, sentAway bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	events, one.queue = one.queue, nil
	return events, one.behind, one.sentAway
}
