package feed

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"tenant-provisioning/internal/tenant"
)

const (
	// poll is how often events are read although none was announced:
	// announcements can be missed.
	poll = time.Second
	// pace spaces reads. Of a thousand changes in a second it makes fifty reads,
	// and nobody who follows them notices.
	pace = 20 * time.Millisecond
	// readTimeout bounds one read: less than an answer of the API may take, so that who
	// joins hears why there is nothing to follow.
	readTimeout = 4 * time.Second
	// maxRead is how many events are read at a time.
	maxRead = 500
)

// Store is where the events are. *postgres.Events is one.
type Store interface {
	// Read reads events whose order is settled.
	Read(ctx context.Context, q tenant.EventQuery) (tenant.EventBatch, error)
	// Last is the position of the newest of them; zero when there is none.
	Last(ctx context.Context) (tenant.EventPosition, error)
	// Locate finds an event; tenant.ErrEventGone when it is not there.
	Locate(ctx context.Context, id tenant.EventID) (tenant.EventPosition, error)
}

// Feed reads events for all who follow them, as long as there are any.
type Feed struct {
	store Store
	log   *slog.Logger
	wake  chan struct{}

	mu sync.Mutex
	// announced is the latest transaction whose events have been announced.
	announced uint64
	joining   []*follower
	// following are the followers by what they follow.
	following map[tenant.EventFilter]map[*follower]struct{}

	// What follows is known to Run alone.

	// tail is the last event that was handed out, on server; known is false while
	// nobody follows.
	tail   tenant.EventPosition
	server string
	known  bool
	// failed says that the last read failed, which is said once.
	failed bool
}

// New makes a feed of a store. It does nothing until Run.
func New(store Store, log *slog.Logger) *Feed {
	return &Feed{store: store, log: log, wake: make(chan struct{}, 1), following: map[tenant.EventFilter]map[*follower]struct{}{}}
}

// Announce tells that events of a transaction can be read, now or when older
// transactions have ended. Zero tells that some may have been missed.
func (f *Feed) Announce(transaction uint64) {
	f.mu.Lock()
	f.announced = max(f.announced, transaction)
	f.mu.Unlock()
	f.stir()
}

// count is how many follow or have joined.
func (f *Feed) count() int {
	n := len(f.joining)
	for _, group := range f.following {
		n += len(group)
	}
	return n
}

func (f *Feed) stir() {
	select {
	case f.wake <- struct{}{}:
	default: // it is awake already
	}
}

// Run reads until ctx ends.
func (f *Feed) Run(ctx context.Context) {
	retry := pace
	for ctx.Err() == nil {
		waiting, err := f.advance(ctx)
		pause := poll
		switch {
		case err != nil:
			f.complain(ctx, err)
		case waiting: // for an older transaction to end
			pause = retry
			retry = min(2*retry, poll)
		default:
			retry = pace
		}
		f.rest(ctx, pause)
	}
	f.interrupt()
}

// rest waits until there may be something new, or for so long.
func (f *Feed) rest(ctx context.Context, pause time.Duration) {
	select {
	case <-ctx.Done():
		return
	case <-f.wake:
	case <-time.After(pause):
	}
	select {
	case <-ctx.Done():
	case <-time.After(pace):
	}
}

func (f *Feed) complain(ctx context.Context, err error) {
	if !f.failed && ctx.Err() == nil {
		f.log.WarnContext(ctx, "events cannot be read; streams wait", "error", err)
	}
	f.failed = true
	f.turnAway(err)
}

// advance hands out what is new. It reports whether something was announced whose
// order is not settled yet.
func (f *Feed) advance(ctx context.Context) (waiting bool, err error) {
	f.mu.Lock()
	idle, announced := f.count() == 0, f.announced
	f.mu.Unlock()
	if idle {
		f.known = false
		return false, nil
	}
	var horizon uint64
	for more := true; more; {
		batch, err := f.read(ctx)
		if err != nil || !f.known {
			return true, err
		}
		f.admit() // each time: there may always be more
		more, horizon = len(batch.Events) == maxRead, batch.Horizon
	}
	f.failed = false
	return announced >= horizon, nil
}

// read hands out the next events after the tail, or none and forgets the tail when the
// database was replaced.
func (f *Feed) read(ctx context.Context) (batch tenant.EventBatch, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if !f.known {
		if f.tail, err = f.store.Last(ctx); err != nil {
			return batch, err
		}
		f.known, f.server = true, ""
	}
	if batch, err = f.store.Read(ctx, tenant.EventQuery{After: f.tail, Limit: maxRead}); err != nil {
		return batch, err
	}
	goesOn, err := f.goesOn(ctx, batch)
	if goesOn {
		f.handOut(batch.Events)
	}
	return batch, err
}

// goesOn makes sure that what was read follows what was handed out: a database that
// was replaced, by a backup or by a standby that lacked the last commits, begins
// another story. Then everybody is sent away, to come back with the last event that
// they have.
func (f *Feed) goesOn(ctx context.Context, batch tenant.EventBatch) (bool, error) {
	replaced := batch.Next <= f.tail.Transaction
	if !replaced && f.server != "" && batch.Server != f.server && f.tail.ID != 0 {
		found, err := f.store.Locate(ctx, f.tail.ID)
		if err != nil && !isGone(err) {
			return false, err
		}
		replaced = found != f.tail
	}
	if replaced {
		f.log.WarnContext(ctx, "the database was replaced by one without the latest events; its followers are disconnected")
		f.known = false
		f.interrupt()
		return false, nil
	}
	f.server = batch.Server
	return true, nil
}
