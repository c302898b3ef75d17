package observe

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// RateLimit is what a limiter counts.
type RateLimit struct {
	// Decisions is by what was decided: allowed, refused, unchecked.
	Decisions *prometheus.CounterVec
	Shared    prometheus.Gauge
	// Failures is by reason.
	Failures *prometheus.CounterVec
}

// NewRateLimit registers them.
func NewRateLimit(registerer prometheus.Registerer) (*RateLimit, error) {
	l := &RateLimit{
		Decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rate_limit_decisions_total",
			Help: "Requests by what the rate limiter said. Unchecked: let in by this process's own count, since Redis could not count.",
		}, []string{"decision"}),
		Shared: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "rate_limit_shared",
			Help: "1 while Redis counts for all processes; 0 while this one limits by what it has seen itself.",
		}),
		Failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rate_limit_redis_failures_total",
			Help: "Questions that Redis did not answer, by reason.",
		}, []string{"reason"}),
	}
	l.Shared.Set(1)
	return l, register(registerer, l.Decisions, l.Shared, l.Failures)
}

// NewAnswers registers the counter of a cache's answers, by where they came from.
func NewAnswers(registerer prometheus.Registerer) (*prometheus.CounterVec, error) {
	asked := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "answer_cache_total",
		Help: "Answers by where they came from. hit: kept; joined: another request had just asked the database; miss: from the database; off: the cache was not used.",
	}, []string{"from"})
	return asked, register(registerer, asked)
}

func register(registerer prometheus.Registerer, all ...prometheus.Collector) error {
	var problems []error
	for _, c := range all {
		problems = append(problems, registerer.Register(c))
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("register the metrics: %w", err)
	}
	return nil
}
