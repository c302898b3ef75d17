package redis

import (
	"context"
	"fmt"
	"time"

	"tenant-provisioning/internal/observe"
)

// Limiter decides about requests.
type Limiter struct {
	own    *local
	shared *shared
	seen   *observe.RateLimit
	now    func() time.Time
}

// NewLimiter makes a limiter. It connects when it is first asked: its error is
// about the configuration and never about the server.
func NewLimiter(config Config) (*Limiter, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, fmt.Errorf("rate limiter: %w", err)
	}
	seen, err := observe.NewRateLimit(config.Registerer)
	if err != nil {
		return nil, fmt.Errorf("rate limiter: %w", err)
	}
	now := config.Now
	if now == nil {
		now = time.Now
	}
	return &Limiter{own: newLocal(maxLocalKeys), shared: newShared(config, seen), seen: seen, now: now}, nil
}

// Allow counts a request against every check, or against none of them when one
// refuses: first those that this process has seen, then, in one round trip,
// those of all. It answers within twice Timeout, at once to whoever is over the
// limit already, and never fails: while Redis cannot count, this process limits
// alone. Without checks everything is allowed. In a Redis Cluster the keys of
// one call must share a hash tag.
func (l *Limiter) Allow(ctx context.Context, checks ...Check) Decision {
	if len(checks) == 0 {
		return Decision{Allowed: true}
	}
	decision := l.decide(ctx, checks)
	l.count(decision)
	return decision
}

func (l *Limiter) decide(ctx context.Context, checks []Check) Decision {
	now := l.now()
	own := l.own.take(now, checks)
	if !own.Allowed {
		return own
	}
	shared, err := l.shared.take(ctx, checks)
	if err != nil {
		own.Unchecked = true
		return own
	}
	l.own.learn(now, checks, shared.Allowed, shared.ahead)
	return shared.Decision
}

// Ping says whether Redis counts. Its error has a method Public, which says why
// not to anybody.
func (l *Limiter) Ping(ctx context.Context) error {
	if err := l.shared.ping(ctx); err != nil {
		return fmt.Errorf("ask Redis at %s: %w", l.shared.config.Addr, err)
	}
	return nil
}

// Close ends the connections.
func (l *Limiter) Close() error {
	if err := l.shared.end(); err != nil {
		return fmt.Errorf("close the connections to Redis: %w", err)
	}
	return nil
}
