// Package peer is what the peers of the benchmark have in common: the settings of the
// stack, the steps, and a server by which the benchmark asks for tenants and hears when
// they are provisioned. A peer is a program that a team could write in place of the
// product; its main function says by which engine the steps are called.
//
// Every choice favors the peer: it is a single process, it checks no token, and it
// signals the end of a run in memory.
package peer

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"tenant-provisioning/deploy/bench/steps"
	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/tenant"
)

// Engine keeps the state of runs.
type Engine interface {
	// Start begins a run. When it returns, the run goes on even if the process is
	// killed and started again.
	Start(ctx context.Context, f tenant.Fence) error
	// Succeeded counts the runs that have ended well, as the engine itself has it.
	Succeeded(ctx context.Context) (int, error)
	// Close ends what Start has begun in this process.
	Close()
}

// Setup is what an engine is made of.
type Setup struct {
	// Name is that of the program, such as peer-dbos, and of what it has on servers that
	// it shares with others.
	Name   string
	Config *config.Config
	Log    *slog.Logger
	// Steps are called one after the other, and again when they fail.
	Steps []steps.Step
}

// Opening makes an engine, with all that it needs in the database.
type Opening func(context.Context, Setup) (Engine, error)

const (
	// stopTimeout bounds the end of the server. Nobody is waited for: the benchmark stops
	// a peer when it has all answers.
	stopTimeout = 5 * time.Second
	// headerTimeout bounds how long a caller takes to say what it wants.
	headerTimeout = 10 * time.Second
)

// Run runs the peer called name until it is told to end.
func Run(ctx context.Context, name string, open Opening) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg, err := config.Load(config.Options{}, connect.NeedBySteps)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	pool, err := connect.Database(ctx, cfg.DB, name, connect.Metrics{})
	if err != nil {
		return err
	}
	defer pool.Close()
	work, err := steps.New(ctx, cfg, pool, log, name)
	if err != nil {
		return err
	}
	defer work.Close()
	ends := newEnds()
	engine, err := open(ctx, Setup{Name: name, Config: cfg, Log: log, Steps: Outspoken(ends.Tell(work.All()), log)})
	if err != nil {
		return err
	}
	defer engine.Close()
	return serve(ctx, cfg.App.Port, &server{accept: work.Accept, engine: engine, ends: ends})
}

func serve(ctx context.Context, port int, s *server) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("", strconv.Itoa(port)))
	if err != nil {
		return fmt.Errorf("listen at APP_PORT: %w", err)
	}
	h := &http.Server{Handler: s.routes(), ReadHeaderTimeout: headerTimeout}
	served := make(chan error, 1)
	go func() { served <- h.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return h.Shutdown(ending)
}
