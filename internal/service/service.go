package service

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"tenant-provisioning/internal/build"
	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/logging"
	"tenant-provisioning/internal/observe"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tracing"
)

// Service is a process that runs until it is told to stop, with what each of them
// has.
type Service struct {
	Config *config.Config
	Log    *slog.Logger
	// Metrics has those of the process already.
	Metrics *prometheus.Registry
	// Counts are those that clients are given.
	Counts connect.Metrics
	// Pool and Health are the database, which may be away: nothing is dialled before
	// it is needed.
	Pool   *pgxpool.Pool
	Health *postgres.Health
}

// Run does the work of the process called name, with the settings that it needs,
// until that ends; does says in a line what that is. SIGINT and SIGTERM end its
// context, and a second one the process at once. With an argument it does one of
// the other commands instead, which read their settings themselves.
//
// It fails without work when an argument is unknown, when settings are wrong, and
// when the database cannot be used whatever one waits for; otherwise as do does.
func Run(ctx context.Context, name, does string, args []string, needs config.Section, do func(context.Context, *Service) error, others ...*cobra.Command) error {
	root := command(name, does, func(cmd *cobra.Command) error { return run(cmd.Context(), name, needs, do) }, others)
	root.SetArgs(args)
	root.SetOut(os.Stdout)
	return root.ExecuteContext(ctx)
}

func run(ctx context.Context, name string, needs config.Section, do func(context.Context, *Service) error) error {
	ctx, release := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer release()
	context.AfterFunc(ctx, release)
	cfg, err := config.Load(config.Options{}, needs)
	if err != nil {
		return err
	}
	log, logFiles := logging.New(name, cfg.Log.Level, cfg.Log.Dir)
	defer logFiles.Close() //nolint:errcheck // it has said itself what is missing
	log.Info("starting", "build", build.This())
	for _, w := range cfg.Warnings {
		log.Warn("a setting is not what it seems", "says", w)
	}
	stopTraces, err := tracing.Start(ctx, tracing.Config{
		Endpoint: cfg.Traces.Endpoint, Headers: cfg.Traces.Headers.Reveal(), Service: "tenant-provisioning-" + name,
		Version: build.This().Version, Logger: log,
	})
	if err != nil {
		return err
	}
	defer stopTraces()
	s := &Service{Config: cfg, Log: log, Metrics: observe.New()}
	s.Metrics.MustRegister(build.Metric())
	s.Counts = connect.NewMetrics(s.Metrics)
	if s.Pool, err = connect.Database(ctx, cfg.DB, name, s.Counts); err != nil {
		return err
	}
	defer s.Pool.Close()
	if s.Health, err = postgres.NewHealth(s.Pool); err != nil {
		return err
	}
	if err := postgres.Confirm(ctx, s.Pool); err != nil {
		return err
	}
	return do(ctx, s)
}
