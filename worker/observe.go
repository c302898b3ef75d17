package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"tenant-provisioning/internal/observe"
	"tenant-provisioning/internal/probe"
	"tenant-provisioning/internal/service"
)

const (
	// probeTimeout bounds what a readiness probe asks.
	probeTimeout = 2 * time.Second
	// idleTimeout is how long a connection may wait for its next request: longer
	// than the usual minute between two scrapes.
	idleTimeout = 2 * time.Minute
	// maxHeader is more than any probe sends, in bytes.
	maxHeader = 32 << 10
)

// observer is the worker's listener: /livez, /readyz and /metrics.
type observer struct {
	server *http.Server
	// stopping tells that the process has been asked to end.
	stopping atomic.Bool
}

// listen starts the listener on METRICS_ADDR; notReady says what keeps the worker
// from work, empty when nothing does.
func listen(s *service.Service, notReady func() string) (*observer, error) {
	o := &observer{}
	why := func() string {
		if o.stopping.Load() {
			return "not polling Temporal: the worker is stopping"
		}
		return notReady()
	}
	handler := probes(s.Health.Ready, why, s.Health.Note, observe.Page(s.Metrics))
	o.server = &http.Server{Handler: handler, ReadHeaderTimeout: probeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader}
	listener, err := net.Listen("tcp", s.Config.Metrics.Addr)
	if err != nil {
		return nil, fmt.Errorf("METRICS_ADDR: listen on %s: %w (another worker on this machine needs another address)", s.Config.Metrics.Addr, err)
	}
	go func() {
		if err := o.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.Log.Error("the metrics listener has ended", "error", err)
		}
	}()
	return o, nil
}

// probes are the routes that anybody may ask. /livez asks nobody; /readyz asks
// what the worker can't work without, at most once a second, and tells the note,
// which decides nothing.
func probes(ping func(context.Context) error, notReady, note func() string, metrics http.Handler) http.Handler {
	database := probe.Share(probeTimeout, func(ctx context.Context) (struct{}, error) { return struct{}{}, ping(ctx) })
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		_, err := database.Get(r.Context())
		var told interface{ Told() string }
		why := notReady()
		switch {
		case errors.As(err, &told):
			answer(w, http.StatusServiceUnavailable, told.Told())
		case err != nil:
			answer(w, http.StatusServiceUnavailable, "the database does not answer")
		case why != "":
			answer(w, http.StatusServiceUnavailable, why)
		default:
			answer(w, http.StatusOK, cmp.Or(note(), "ok"))
		}
	})
	mux.Handle("GET /metrics", metrics)
	return mux
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
