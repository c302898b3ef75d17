package redis

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	decisions *prometheus.CounterVec
	shared    prometheus.Gauge
	failures  *prometheus.CounterVec
}

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rate_limit_decisions_total",
			Help: "Requests by what the rate limiter said. Unchecked: let in by this process's own count, since Redis could not count.",
		}, []string{"decision"}),
		shared: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "rate_limit_shared",
			Help: "1 while Redis counts for all processes; 0 while this one limits by what it has seen itself.",
		}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rate_limit_redis_failures_total",
			Help: "Questions that Redis did not answer, by reason.",
		}, []string{"reason"}),
	}
	m.shared.Set(1)
	var problems []error
	for _, c := range []prometheus.Collector{m.decisions, m.shared, m.failures} {
		problems = append(problems, registerer.Register(c))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("register the metrics: %w", err)
	}
	return m, nil
}

func (m *metrics) count(d Decision) {
	switch {
	case !d.Allowed:
		m.decisions.WithLabelValues("refused").Inc()
	case d.Unchecked:
		m.decisions.WithLabelValues("unchecked").Inc()
	default:
		m.decisions.WithLabelValues("allowed").Inc()
	}
}
