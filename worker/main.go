// Command worker runs the provisioning: it starts the workflows of operations
// that wait, and does their steps. Any number of workers may run; none needs
// Temporal, PostgreSQL, the ledger or the mail provider to be there when it
// starts.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/incident"
	"tenant-provisioning/internal/logging"
	"tenant-provisioning/internal/operations"
	"tenant-provisioning/internal/postgres"
)

func main() {
	err := noArguments(os.Args[1:])
	if err == nil {
		err = run(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

func noArguments(args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%q is not understood: it takes no arguments, only settings from the environment, which docs/OPERATIONS.md lists", args[0])
	}
	return nil
}

func run(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg, err := config.Load(config.Options{}, connect.NeedBySteps)
	if err != nil {
		return err
	}
	log, logFile, err := logging.New("worker", cfg.Log.Level, cfg.Log.Dir)
	if err != nil {
		return err
	}
	defer logFile.Close() //nolint:errcheck // the last line is written
	for _, w := range cfg.Warnings {
		log.Warn("a setting is not what it seems", "says", w)
	}
	c, err := open(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer c.close()
	if err := postgres.Confirm(ctx, c.pool); err != nil {
		return err
	}
	steps, err := connect.NewSteps(ctx, cfg, c.pool, log)
	if err != nil {
		return err
	}
	defer steps.Close()
	if err := checkNetwork(ctx, cfg.Environment, steps.ConfirmNetwork, log); err != nil {
		return err
	}
	steps.Reconciler.Runs = &operations.Runs{Temporal: c.temporal, TaskQueue: cfg.Temporal.TaskQueue}
	notifier, err := connect.Notifier(cfg, c.pool, log)
	if err != nil {
		return err
	}
	g := newGuard(c, cfg, log)
	observer, err := c.observe(cfg, g.notReady, log)
	if err != nil {
		return err
	}
	defer observer.stop()
	var background sync.WaitGroup
	background.Go(func() { g.beat.Run(ctx) })

	workers := startWorkers(ctx, c, cfg, steps, g, log)
	incidents := postgres.NewIncidents(c.pool)
	dispatcher := operations.NewDispatcher(operations.DispatcherConfig{
		DetectOutage: incidents.DetectOutage,
		Queue:        postgres.NewQueue(c.pool), Temporal: c.temporal, TaskQueue: cfg.Temporal.TaskQueue, Dispatched: g.beat.Dispatched, Logger: log,
	})
	background.Go(func() { g.run(ctx) })
	background.Go(func() { dispatcher.Run(ctx) })
	background.Go(func() { postgres.Listen(ctx, c.pool, log, dispatcher.Announce) })
	background.Go(func() { notifier.Run(ctx) })
	background.Go(func() {
		incident.New(incident.Config{Store: incidents, Probes: steps.Probes, Logger: log}).Run(ctx)
	})
	<-ctx.Done()
	stop() // a second signal ends the process at once
	finish(observer, &background, workers, log)
	return nil
}

// finish lets what is under way come to its end.
func finish(observer *observer, background *sync.WaitGroup, workers workers, log *slog.Logger) {
	log.Info("stopping: running activities have time to finish", "at most", stopTimeout)
	observer.stopping.Store(true)
	background.Wait()
	began := time.Now()
	workers.stop()
	log.Info("stopped", "took", time.Since(began).Round(time.Millisecond).String())
}
