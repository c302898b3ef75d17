package temporalclient

import (
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/opentelemetry"
)

// latencyBuckets go from a request on the same machine to an activity that
// waits for a ledger. OpenTelemetry's own are for milliseconds, and the SDK
// measures in seconds.
var latencyBuckets = []float64{0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800}

// metricsHandler hands the SDK's metrics to the registerer. Names are those of
// the SDK with the suffixes of Prometheus, as Temporal's dashboards for Go and
// OpenTelemetry expect: temporal_request_total, temporal_request_latency_seconds.
func metricsHandler(registerer prometheus.Registerer, logger *slog.Logger) (client.MetricsHandler, error) {
	exporter, err := otelprom.New(
		otelprom.WithRegisterer(registerer),
		otelprom.WithoutScopeInfo(),
		otelprom.WithoutTargetInfo(),
	)
	if err != nil {
		return nil, fmt.Errorf("register the SDK's metrics: %w", err)
	}
	provider := metric.NewMeterProvider(
		metric.WithReader(exporter),
		metric.WithView(metric.NewView(
			metric.Instrument{Kind: metric.InstrumentKindHistogram},
			metric.Stream{Aggregation: metric.AggregationExplicitBucketHistogram{Boundaries: latencyBuckets}},
		)),
	)
	return opentelemetry.NewMetricsHandler(opentelemetry.MetricsHandlerOptions{
		Meter:                provider.Meter("temporal-sdk-go"),
		UseMonotonicCounters: true,
		// A metric that cannot be made is no reason to stop a worker, which is
		// what the default, a panic, would do.
		OnError: func(err error) { logger.Error("make a metric of the Temporal SDK", "error", err) },
	}), nil
}
