package postgres

import (
	"context"
	"sync"
	"time"
)

const (
	// sharedFresh is how long a shared answer is believed: every attempt asks,
	// and one question serves all of a second.
	sharedFresh = time.Second
	// sharedTimeout bounds that question. A database that does not answer in it
	// is away as far as the attempt is concerned.
	sharedTimeout = 2 * time.Second
)

// shared is what was last known of something that everybody in this process
// asks the database.
type shared[T any] struct {
	mu     sync.Mutex
	asked  time.Time
	answer T
	err    error
}

// get asks, or gives the answer that somebody has just got. One caller's cancel
// must not be the others' answer.
func (s *shared[T]) get(ctx context.Context, ask func(context.Context) (T, error)) (T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.asked) > sharedFresh {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sharedTimeout)
		defer cancel()
		s.answer, s.err = ask(ctx)
		s.asked = time.Now()
	}
	return s.answer, s.err
}

// forget has the next caller ask anew.
func (s *shared[T]) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = time.Time{}
}
