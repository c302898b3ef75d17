package main

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"tenant-provisioning/internal/probe"
	"tenant-provisioning/internal/tenant"
)

// overview shows at each scrape what is open in the whole installation, as it
// was counted within the last second. Every worker shows the same: an alert
// takes the maximum over them.
type overview struct {
	counts *probe.Shared[tenant.Overview]
}

func newOverview(count func(context.Context) (tenant.Overview, error), log *slog.Logger) *overview {
	return &overview{probe.Share(probeTimeout, func(ctx context.Context) (tenant.Overview, error) {
		counts, err := count(ctx)
		if err != nil {
			// Here, where it is once a second, and not where everybody hears of it.
			log.WarnContext(ctx, "cannot count what is open for /metrics", "error", err)
		}
		return counts, err
	})}
}

var (
	openOperations = prometheus.NewDesc("provisioning_operations", "Operations that have not ended, by state.", []string{"state"}, nil)
	oldestPending  = prometheus.NewDesc("provisioning_oldest_pending_seconds", "How long the oldest operation has waited to be started.", nil, nil)
	openIncidents  = prometheus.NewDesc("provisioning_incidents", "Open incidents, by dependency.", []string{"dependency"}, nil)
	openFindings   = prometheus.NewDesc("provisioning_findings", "Findings of the reconciler that nobody has settled.", nil, nil)
)

// Describe implements prometheus.Collector.
func (o *overview) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{openOperations, oldestPending, openIncidents, openFindings} {
		descs <- d
	}
}

// Collect implements prometheus.Collector. While the database is away the
// numbers are missing, and nothing else is.
func (o *overview) Collect(metrics chan<- prometheus.Metric) {
	now, err := o.counts.Get(context.Background()) // the question has a bound of its own
	if err != nil {
		return // and is in the log
	}
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	for state, n := range now.Open {
		gauge(openOperations, float64(n), string(state))
	}
	gauge(oldestPending, now.OldestPending.Seconds())
	for dependency, n := range now.Incidents {
		gauge(openIncidents, float64(n), string(dependency))
	}
	gauge(openFindings, float64(now.Findings))
}
