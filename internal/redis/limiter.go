package redis

import (
	"context"
	_ "embed" // the script
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	goredis "github.com/redis/go-redis/v9"
)

//go:embed gcra.lua
var gcra string

// Limiter decides about requests.
type Limiter struct {
	config    Config
	client    *goredis.Client
	script    *goredis.Script
	circuit   *circuit
	decisions *prometheus.CounterVec
}

// NewLimiter makes a limiter. It connects when it is first asked: its error is
// about the configuration and never about the server.
func NewLimiter(config Config) (*Limiter, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, fmt.Errorf("rate limiter: %w", err)
	}
	decisions := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rate_limit_decisions_total",
		Help: "Requests by what the rate limiter said. Unchecked: Redis could not be asked, the request was let in.",
	}, []string{"decision"})
	if err := config.Registerer.Register(decisions); err != nil {
		return nil, fmt.Errorf("rate limiter: register its metric: %w", err)
	}
	return &Limiter{
		config:    config,
		client:    goredis.NewClient(config.options()),
		script:    goredis.NewScript(gcra),
		circuit:   &circuit{cooldown: config.Cooldown, now: time.Now},
		decisions: decisions,
	}, nil
}

// Allow counts a request against every check, or against none of them when one
// refuses, in one round trip. It answers within Timeout, and at once for a
// Cooldown after Redis did not answer; it never fails, but lets the request in
// unchecked. Without checks everything is allowed. In a Redis Cluster the keys
// of one call must share a hash tag.
func (l *Limiter) Allow(ctx context.Context, checks ...Check) Decision {
	if len(checks) == 0 {
		return Decision{Allowed: true}
	}
	decision := l.decide(ctx, checks)
	switch {
	case decision.Unchecked:
		l.decisions.WithLabelValues("unchecked").Inc()
	case decision.Allowed:
		l.decisions.WithLabelValues("allowed").Inc()
	default:
		l.decisions.WithLabelValues("refused").Inc()
	}
	return decision
}

func (l *Limiter) decide(ctx context.Context, checks []Check) Decision {
	unchecked := Decision{Allowed: true, Unchecked: true}
	if !l.circuit.closed() {
		return unchecked
	}
	bounded, cancel := context.WithTimeout(ctx, l.config.Timeout)
	defer cancel()
	decision, err := l.ask(bounded, checks)
	if err != nil && ctx.Err() != nil {
		// The caller went away: that says nothing about Redis.
		l.circuit.abandon()
		return unchecked
	}
	switch l.circuit.report(err) {
	case opened:
		l.config.Logger.WarnContext(ctx, "rate limits are off: Redis does not answer",
			"addr", l.config.Addr, "again_in", l.config.Cooldown, "error", err)
	case closedAgain:
		l.config.Logger.InfoContext(ctx, "rate limits are on again: Redis answers", "addr", l.config.Addr)
	case unchanged:
	}
	if err != nil {
		return unchecked
	}
	return decision
}

func (l *Limiter) ask(ctx context.Context, checks []Check) (Decision, error) {
	keys := make([]string, len(checks))
	args := make([]any, 1, 1+2*len(checks))
	args[0] = int64(0)
	if l.config.Now != nil {
		args[0] = l.config.Now().UnixMicro()
	}
	for i, check := range checks {
		keys[i] = l.config.Prefix + "limit:" + check.Key
		args = append(args, check.Limit.interval(), check.Limit.Burst)
	}
	answer, err := l.script.Run(ctx, l.client, keys, args...).Int64Slice()
	if err != nil {
		return Decision{}, fmt.Errorf("run the rate limit script: %w", err)
	}
	if len(answer) != 3 {
		return Decision{}, errors.New("run the rate limit script: unexpected answer")
	}
	return Decision{
		Allowed:    answer[0] == 1,
		Remaining:  int(answer[1]),
		RetryAfter: time.Duration(answer[2]) * time.Microsecond,
	}, nil
}
