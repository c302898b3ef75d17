package rest

import (
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are what the API counts of itself. Labels are routes, never tenants
// or clients.
type metrics struct {
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	streams  prometheus.Gauge
	sent     prometheus.Counter
	ended    *prometheus.CounterVec
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	factory := promauto.With(registerer)
	return &metrics{
		duration: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds",
			Help: "Time to answer a request, by method, route and status. Long polls are among them, streams are not.",
			// Up to 5 s, which no answer but a long poll exceeds, and 60 s, the
			// longest poll.
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"method", "route", "code"}),
		inFlight: factory.NewGauge(prometheus.GaugeOpts{
			Name: "http_requests_in_flight",
			Help: "Requests that are being answered.",
		}),
		streams: factory.NewGauge(prometheus.GaugeOpts{
			Name: "event_streams",
			Help: "Streams of events that are open.",
		}),
		sent: factory.NewCounter(prometheus.CounterOpts{
			Name: "event_streams_events_total",
			Help: "Events sent on streams, each once for each stream.",
		}),
		ended: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "event_streams_ended_total",
			Help: "Streams that have ended. finished: its operation has; left: the client has gone; unread: the client did not read; " +
				"expired: its token has, or its hour is over; stopping: the api stops; interrupted: the events could not be read on.",
		}, []string{"reason"}),
	}
}

func (m *metrics) observe(c echo.Context, took time.Duration) {
	if c.Get(keyStream) != nil {
		return
	}
	m.duration.WithLabelValues(methodLabel(c.Request().Method), routeLabel(c), strconv.Itoa(c.Response().Status)).Observe(took.Seconds())
}

// routeLabel is the pattern of the route; all that has none are one.
func routeLabel(c echo.Context) string {
	if path := c.Path(); path != "" {
		return path
	}
	return "unmatched"
}

// methodLabel keeps made-up methods from making labels.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}
