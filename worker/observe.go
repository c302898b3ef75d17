package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tenant-provisioning/internal/config"
)

// probeTimeout bounds what a readiness probe asks.
const probeTimeout = 2 * time.Second

// observer is the worker's listener: /livez, /readyz and /metrics.
type observer struct {
	server *http.Server
	// ready tells that all queues are polled.
	ready atomic.Bool
}

// observe starts the listener on METRICS_ADDR. /livez asks nobody; /readyz
// asks what the worker can't work without.
func (c *clients) observe(cfg *config.Config, log *slog.Logger) (*observer, error) {
	o := &observer{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), probeTimeout)
		defer cancel()
		switch {
		case c.store.Ping(ctx) != nil:
			answer(w, http.StatusServiceUnavailable, "the database does not answer, or is not migrated")
		case !o.ready.Load():
			answer(w, http.StatusServiceUnavailable, "not polling Temporal")
		default:
			answer(w, http.StatusOK, "ok")
		}
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(c.metrics, promhttp.HandlerOpts{}))
	o.server = &http.Server{Handler: mux, ReadHeaderTimeout: probeTimeout}
	listener, err := net.Listen("tcp", cfg.Metrics.Addr)
	if err != nil {
		return nil, fmt.Errorf("METRICS_ADDR: listen on %s: %w (another worker on this machine needs another address)", cfg.Metrics.Addr, err)
	}
	go func() {
		if err := o.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the metrics listener has ended", "error", err)
		}
	}()
	return o, nil
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintln(w, text)
}

func (o *observer) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	_ = o.server.Shutdown(ctx) // the process ends next
}
