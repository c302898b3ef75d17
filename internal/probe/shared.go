package probe

import (
	"context"
	"sync"
	"time"
)

// fresh is how long an answer is given to others: probes come every few
// seconds, so that none of them learns of an outage noticeably later.
const fresh = time.Second

// Shared asks one question at a time, whoever wants to know, and gives the
// answer to all who come within a second of it, or as long as it was told to keep it.
type Shared[T any] struct {
	within time.Duration
	keep   time.Duration
	ask    func(context.Context) (T, error)

	mu sync.Mutex
	// last is the question that is under way, or was answered last; nil: there
	// is none.
	last *question[T]
}

// question is one that was asked. What follows answered is read only when that
// is closed.
type question[T any] struct {
	answered chan struct{}
	value    T
	err      error
	at       time.Time
}

// Share makes the question cheap. It may take as long as within each time.
func Share[T any](within time.Duration, ask func(context.Context) (T, error)) *Shared[T] {
	return Keep(fresh, within, ask)
}

// Keep is Share for an answer that may be older than a second: it is kept so long. An
// error is kept for a second all the same.
func Keep[T any](keep, within time.Duration, ask func(context.Context) (T, error)) *Shared[T] {
	return &Shared[T]{within: within, keep: keep, ask: ask}
}

// Get gives an answer that is at most as old as it may be. The error is that of the
// question, or of ctx when it ends before.
func (s *Shared[T]) Get(ctx context.Context) (T, error) {
	q := s.current(ctx)
	select {
	case <-q.answered:
		return q.value, q.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// Forget has the next caller ask anew, whatever is under way.
func (s *Shared[T]) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = nil
}

// current is the question whose answer counts now; it is asked if need be.
func (s *Shared[T]) current(ctx context.Context) *question[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil || s.last.stale(s.keep) {
		s.last = &question[T]{answered: make(chan struct{})}
		// The question is everybody's: the end of one caller's patience must
		// not be the answer to the others.
		go s.answer(context.WithoutCancel(ctx), s.last)
	}
	return s.last
}

func (s *Shared[T]) answer(ctx context.Context, q *question[T]) {
	ctx, cancel := context.WithTimeout(ctx, s.within)
	defer cancel()
	defer close(q.answered)
	q.value, q.err = s.ask(ctx)
	q.at = time.Now()
}

// stale tells whether the answer is too old to be given.
func (q *question[T]) stale(keep time.Duration) bool {
	select {
	case <-q.answered:
		if q.err != nil {
			keep = fresh
		}
		return time.Since(q.at) >= keep
	default:
		return false
	}
}
