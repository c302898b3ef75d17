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
// answer to all who come within a second of it.
type Shared[T any] struct {
	within time.Duration
	ask    func(context.Context) (T, error)

	mu     sync.Mutex
	answer answer[T]
	// asking is closed when the question that is under way is answered; nil:
	// there is none.
	asking chan struct{}
}

type answer[T any] struct {
	value T
	err   error
	at    time.Time
}

// Share makes the question cheap. It may take as long as within each time.
func Share[T any](within time.Duration, ask func(context.Context) (T, error)) *Shared[T] {
	return &Shared[T]{within: within, ask: ask}
}

// Get gives an answer that is at most a second old. The error is that of the
// question, or of ctx when it ends before.
func (s *Shared[T]) Get(ctx context.Context) (T, error) {
	s.mu.Lock()
	last := s.answer
	if !last.at.IsZero() && time.Since(last.at) < fresh {
		s.mu.Unlock()
		return last.value, last.err
	}
	if s.asking == nil {
		s.asking = make(chan struct{})
		// The question is everybody's: the end of one caller's patience must
		// not be the answer to the others.
		go s.refresh(context.WithoutCancel(ctx), s.asking)
	}
	asking := s.asking
	s.mu.Unlock()
	select {
	case <-asking:
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.answer.value, s.answer.err
	case <-ctx.Done():
		return last.value, ctx.Err()
	}
}

func (s *Shared[T]) refresh(ctx context.Context, asking chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, s.within)
	defer cancel()
	value, err := s.ask(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer[T]{value: value, err: err, at: time.Now()}
	s.asking = nil
	close(asking)
}
