package observe

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// HTTP is what an api counts of its requests and streams.
type HTTP struct {
	// Duration is by method, the route's pattern and the status.
	Duration *prometheus.HistogramVec
	InFlight prometheus.Gauge
	Streams  prometheus.Gauge
	Sent     prometheus.Counter
	// Ended is by reason.
	Ended *prometheus.CounterVec
}

// NewHTTP registers them.
func NewHTTP(registerer prometheus.Registerer) *HTTP {
	factory := promauto.With(registerer)
	return &HTTP{
		Duration: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds",
			Help: "Time to answer a request, by method, route and status. Long polls are among them, streams are not.",
			// Up to 5 s, which no answer but a long poll exceeds, and 60 s, the
			// longest poll.
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"method", "route", "code"}),
		InFlight: factory.NewGauge(prometheus.GaugeOpts{
			Name: "http_requests_in_flight",
			Help: "Requests that are being answered.",
		}),
		Streams: factory.NewGauge(prometheus.GaugeOpts{
			Name: "event_streams",
			Help: "Streams of events that are open.",
		}),
		Sent: factory.NewCounter(prometheus.CounterOpts{
			Name: "event_streams_events_total",
			Help: "Events sent on streams, each once for each stream.",
		}),
		Ended: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "event_streams_ended_total",
			Help: "Streams that have ended. finished: its operation has; left: the client has gone; unread: the client did not read; " +
				"expired: its token has, or its hour is over; stopping: the api stops; interrupted: the events could not be read on.",
		}, []string{"reason"}),
	}
}
