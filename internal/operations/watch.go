package operations

import (
	"context"
	"sync"
	"time"

	"tenant-provisioning/internal/tenant"
)

const (
	// waitPoll is how often a row that is waited for is read although nothing
	// was announced: announcements can be missed.
	waitPoll = time.Second
	// lookPause spaces the looks at one operation that its waiters ask for by
	// coming: a flood of them costs twenty a second, and nobody who waits notices.
	lookPause = 50 * time.Millisecond
	// lookTimeout bounds one look. It is longer than an answer of the API may
	// take, so that a caller hears of its own deadline first.
	lookTimeout = 10 * time.Second
)

// watches are the operations that somebody waits for.
type watches struct {
	look func(context.Context, tenant.OperationID) (tenant.Operation, error)

	mu sync.Mutex
	of map[tenant.OperationID]*watch
}

// watch looks at one operation for all who wait for it, as long as there are
// any.
type watch struct {
	waiters map[*waiter]struct{}
	// joined and changed ask for a look: for somebody who has just come, and
	// because something was announced. left says that nobody is there any more.
	joined, changed, left chan struct{}
	// looked is when the last look began.
	looked  time.Time
	running bool
}

// waiter is told of each look that began after it had joined: only such a look
// is sure to show what its caller has done before.
type waiter struct{ news chan sighting }

// sighting is what a look has shown.
type sighting struct {
	operation tenant.Operation
	err       error
}

func (ws *watches) join(id tenant.OperationID) *waiter {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	w := ws.of[id]
	if w == nil {
		w = &watch{
			waiters: map[*waiter]struct{}{},
			joined:  make(chan struct{}, 1), changed: make(chan struct{}, 1), left: make(chan struct{}, 1),
		}
		if ws.of == nil {
			ws.of = map[tenant.OperationID]*watch{}
		}
		ws.of[id] = w
	}
	one := &waiter{news: make(chan sighting, 1)}
	w.waiters[one] = struct{}{}
	wake(w.joined)
	if !w.running {
		w.running = true
		go ws.run(id, w)
	}
	return one
}

func (ws *watches) leave(id tenant.OperationID, one *waiter) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	w := ws.of[id]
	delete(w.waiters, one)
	if len(w.waiters) == 0 {
		wake(w.left)
	}
}

// announce has everybody look who waits for the operation; an empty id means
// any.
func (ws *watches) announce(id tenant.OperationID) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if id != "" {
		if w := ws.of[id]; w != nil {
			wake(w.changed)
		}
		return
	}
	for _, w := range ws.of {
		wake(w.changed)
	}
}

// again asks for one more look, as somebody who has just come does. The command
// line hears no announcements.
func (ws *watches) again(id tenant.OperationID) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	wake(ws.of[id].joined)
}

// run looks until nobody waits any more.
func (ws *watches) run(id tenant.OperationID, w *watch) {
	var due, missed <-chan time.Time
	for {
		select {
		case <-w.left:
			if ws.end(id, w) {
				return
			}
			continue
		case <-w.joined:
			if due == nil {
				due = time.After(time.Until(w.looked.Add(lookPause)))
			}
			continue
		case <-due:
		case <-w.changed:
		case <-missed:
		}
		due = nil
		ws.lookFor(id, w)
		missed = time.After(waitPoll)
	}
}

// lookFor looks once, for all who have come until now.
func (ws *watches) lookFor(id tenant.OperationID, w *watch) {
	ws.mu.Lock()
	drain(w.joined)
	w.looked = time.Now()
	present := make([]*waiter, 0, len(w.waiters))
	for one := range w.waiters {
		present = append(present, one)
	}
	ws.mu.Unlock()
	if len(present) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookTimeout)
	defer cancel()
	operation, err := ws.look(ctx, id)
	for _, one := range present {
		select {
		case <-one.news: // older, and not read yet
		default:
		}
		one.news <- sighting{operation, err} // this goroutine alone sends
	}
}

// end ends the watch unless somebody has come meanwhile. When it has looked
// stays known for a pause: those who come and go at once cost no more than those
// who stay.
func (ws *watches) end(id tenant.OperationID, w *watch) bool {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if len(w.waiters) > 0 {
		return false
	}
	w.running = false
	time.AfterFunc(time.Until(w.looked.Add(lookPause)), func() { ws.forget(id, w) })
	return true
}

func (ws *watches) forget(id tenant.OperationID, w *watch) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if !w.running && ws.of[id] == w {
		delete(ws.of, id)
	}
}

// wake puts a word into a channel that holds one.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is awake already
	}
}

func drain(c chan struct{}) {
	select {
	case <-c:
	default:
	}
}
