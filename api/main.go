// Command api is the HTTP face of the control plane. It needs neither Temporal
// nor Redis nor PostgreSQL to be there when it starts: it says so at /readyz
// and works as soon as they come.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"time"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/service"
)

func main() {
	drained := func() <-chan time.Time { return time.After(drainDelay) }
	if err := run(context.Background(), os.Args[1:], drained); err != nil {
		fmt.Fprintln(os.Stderr, "api:", err)
		os.Exit(1)
	}
}

// run is the program. drained tells when load balancers must have heard of its
// end.
func run(ctx context.Context, args []string, drained func() <-chan time.Time) error {
	return service.Run(ctx, "api", "Answer the HTTP API of the control plane.", args, config.NeedByAPI, func(ctx context.Context, s *service.Service) error {
		return answer(ctx, s, drained)
	}, service.Healthcheck(listens), service.Drain(listens))
}

// listens is where the api of this container is asked.
func listens(opts config.Options) (string, error) {
	port, err := config.APIPort(opts)
	return at(port), err
}

// at is every address of this machine.
func at(port int) string { return ":" + strconv.Itoa(port) }

// answer makes the API and serves it until ctx ends.
func answer(ctx context.Context, s *service.Service, drained func() <-chan time.Time) error {
	c, err := open(s)
	if err != nil {
		return err
	}
	defer c.close()
	handler, err := c.handler(ctx)
	if err != nil {
		return err
	}
	notifier, err := connect.Notifier(s.Config, s.Pool, s.Log, s.Counts) // as workers have one: when none works, nobody else could say so
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", at(s.Config.App.Port))
	if err != nil {
		return fmt.Errorf("listen on APP_PORT: %w (another process has the port; choose another one)", err)
	}
	listening, stopListening := context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	background.Go(func() { postgres.ListenToEvents(listening, s.Pool, s.Log, c.heard, c.listening) })
	background.Go(func() { c.feed.Run(listening) })
	background.Go(func() { s.Counts.Provisioning.Run(listening) })
	background.Go(func() { c.watch.Run(listening) })
	background.Go(func() { c.status.Run(listening) })
	background.Go(func() { notifier.Run(listening) })
	defer background.Wait()
	defer stopListening()

	s.Log.Info("ready to answer", "address", listener.Addr().String(), "url", s.Config.App.URL)
	return serve(ctx, listener, handler, drained, s.Log)
}

// drainer is a handler that can be told that the end is near.
type drainer interface {
	http.Handler
	Drain()
}

const (
	// drainDelay is how long requests are still taken after /readyz has begun
	// to fail: load balancers and Kubernetes need about a second to see it.
	drainDelay = 2 * time.Second
	// stopTimeout is how long running requests may take then; the longest,
	// long polls, are answered at once.
	stopTimeout = 10 * time.Second
	// headerTimeout bounds how long a request's head may take to arrive, and
	// idleTimeout how long a connection may wait for its next request: longer
	// than a proxy's, so that the proxy is the one to close it.
	headerTimeout = 5 * time.Second
	idleTimeout   = 2 * time.Minute
	// maxHeader leaves room for a token and little else, in bytes.
	maxHeader = 32 << 10
)

// serve answers until ctx ends, and then stops in order. Before that a signal may
// tell that the end is near.
func serve(ctx context.Context, listener net.Listener, handler drainer, drained func() <-chan time.Time, log *slog.Logger) error {
	told, forget := signal.NotifyContext(ctx, service.DrainSignal)
	defer forget()
	server := &http.Server{
		Handler: parting(told, handler), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-told.Done():
	}
	handler.Drain()
	heard := drained()
	log.Info("draining: load balancers hear of the end before it comes")
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	log.Info("stopping: requests that have begun are answered", "at most", (drainDelay + stopTimeout).String())
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-heard:
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := server.Shutdown(last); err != nil {
		return fmt.Errorf("stop: requests took longer than %s: %w", stopTimeout, err)
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	log.Info("stopped")
	return nil
}

// parting has the connections on which requests still come end with their answer
// once the end is near: a proxy that kept one would send its next request just
// when it is closed.
func parting(told context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if told.Err() != nil {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
