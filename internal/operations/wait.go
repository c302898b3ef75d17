package operations

import (
	"context"
	"errors"
	"sync"
	"time"

	"tenant-provisioning/internal/tenant"
)

// waitPoll is how often a waiting caller reads the row although nothing was
// announced: announcements can be missed.
const waitPoll = time.Second

// Wait returns as soon as the operation is closed or waits for a person, or
// with what it is after atMost.
func (s *Service) Wait(ctx context.Context, id tenant.OperationID, atMost time.Duration) (tenant.Operation, error) {
	changed, stop := s.changes.watch(id)
	defer stop()
	end := time.NewTimer(atMost)
	defer end.Stop()
	poll := time.NewTicker(waitPoll)
	defer poll.Stop()
	for {
		o, err := s.config.Store.Operation(ctx, id)
		if err != nil || o.State.Settled() {
			return o, err
		}
		select {
		case <-changed:
		case <-poll.C:
		case <-end.C:
			return o, nil
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return o, nil // the caller is gone, or the process is stopping
			}
			return o, ctx.Err()
		}
	}
}

// Announce tells waiting callers that an operation has changed. An empty id
// means that any may have.
func (s *Service) Announce(id tenant.OperationID, _ tenant.State) { s.changes.announce(id) }

// changes wakes who waits for an operation.
type changes struct {
	mu       sync.Mutex
	watchers map[tenant.OperationID]map[chan struct{}]struct{}
}

func (c *changes) watch(id tenant.OperationID) (<-chan struct{}, func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watchers == nil {
		c.watchers = map[tenant.OperationID]map[chan struct{}]struct{}{}
	}
	if c.watchers[id] == nil {
		c.watchers[id] = map[chan struct{}]struct{}{}
	}
	ch := make(chan struct{}, 1)
	c.watchers[id][ch] = struct{}{}
	return ch, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.watchers[id], ch)
		if len(c.watchers[id]) == 0 {
			delete(c.watchers, id)
		}
	}
}

func (c *changes) announce(id tenant.OperationID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for watched, channels := range c.watchers {
		if id != "" && id != watched {
			continue
		}
		for ch := range channels {
			select {
			case ch <- struct{}{}:
			default: // it is awake already
			}
		}
	}
}
