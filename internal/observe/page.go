package observe

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tenant-provisioning/internal/probe"
)

const (
	// within bounds what is asked of another system at a scrape. All are asked at the
	// same time, so that the page is there in less than three seconds whatever is away.
	within = 2 * time.Second
	// kept is how long what was counted is shown to others.
	kept = 5 * time.Second
)

// New makes a registry that has the metrics of Go and of the process.
func New() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Page shows what is registered. What cannot be had now is missing, and nothing else.
func Page(g prometheus.Gatherer) http.Handler {
	return promhttp.HandlerFor(g, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

// reading is a collector of what somebody else is asked for.
type reading[T any] struct {
	shared *probe.Shared[T]
	descs  []*prometheus.Desc
	show   func(T, func(d *prometheus.Desc, value float64, labels ...string))
}

// read makes a collector of what ask answers, at most so old. what is the thing's name
// for the log.
func read[T any](what string, fresh time.Duration, ask func(context.Context) (T, error), log *slog.Logger,
	descs []*prometheus.Desc, show func(T, func(*prometheus.Desc, float64, ...string)),
) *reading[T] {
	missing := false
	return &reading[T]{descs: descs, show: show, shared: probe.Keep(fresh, within, func(ctx context.Context) (T, error) {
		answer, err := ask(ctx)
		switch {
		case err != nil && !missing:
			log.WarnContext(ctx, "missing in /metrics until it can be read", "what", what, "error", err)
		case err == nil && missing:
			log.InfoContext(ctx, "in /metrics again", "what", what)
		}
		missing = err != nil
		return answer, err
	})}
}

// Describe implements prometheus.Collector.
func (r *reading[T]) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range r.descs {
		descs <- d
	}
}

// Collect implements prometheus.Collector.
func (r *reading[T]) Collect(metrics chan<- prometheus.Metric) {
	answer, err := r.shared.Get(context.Background()) // the question has a bound of its own
	if err != nil {
		return // and is in the log
	}
	r.show(answer, gauges(metrics))
}

// gauges sends what it is given.
func gauges(metrics chan<- prometheus.Metric) func(*prometheus.Desc, float64, ...string) {
	return func(d *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}
