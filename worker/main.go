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
	"sync"
	"time"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/incident"
	"tenant-provisioning/internal/observe"
	"tenant-provisioning/internal/operations"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/service"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	return service.Run(ctx, "worker", "Do the steps of operations.", args, connect.NeedBySteps, work, service.Healthcheck(config.WorkerAddr))
}

// work does what a worker does until ctx ends.
func work(ctx context.Context, s *service.Service) error {
	c, err := open(s)
	if err != nil {
		return err
	}
	defer c.temporal.Close()
	steps, err := connect.NewSteps(ctx, s.Config, s.Pool, s.Log, s.Counts)
	if err != nil {
		return err
	}
	defer steps.Close()
	s.Metrics.MustRegister(
		observe.Accounts(steps.Balances, s.Log), observe.Purses(steps.Purse, s.Log),
		observe.Pools{"main": func() observe.PoolStat { return s.Pool.Stat() }, "schemas": steps.SchemaPool},
	)
	if err := refuseNetwork(ctx, s.Config.Environment, steps.ConfirmNetwork); err != nil {
		return err
	}
	taskQueue := s.Config.Temporal.TaskQueue
	fleets := connect.Fleets(s.Pool, c.temporal, taskQueue, s.Log)
	steps.Backup.Starter = fleets
	steps.Reconciler.Runs, steps.Reconciler.Fleets = &operations.Runs{Temporal: c.temporal, TaskQueue: taskQueue}, fleets
	notifier, err := connect.Notifier(s.Config, s.Pool, s.Log, s.Counts)
	if err != nil {
		return err
	}
	g := newGuard(c)
	observer, err := listen(s, g.notReady)
	if err != nil {
		return err
	}
	defer observer.stop()
	var background sync.WaitGroup
	background.Go(func() { g.beat.Run(ctx) })

	ledger := &ledgerWork{clients: c, steps: steps, guard: g}
	started := startWorkers(ctx, c, steps, g, ledger)
	incidents := postgres.NewIncidents(s.Pool)
	dispatcher := operations.NewDispatcher(operations.DispatcherConfig{
		Queue: postgres.NewQueue(s.Pool), Temporal: c.temporal, TaskQueue: taskQueue, Dispatched: g.beat.Dispatched, Logger: s.Log,
		DetectOutage: incidents.DetectOutage, MaxAhead: operations.AheadOf(s.Config.Soroban.Channels),
	})
	capacity := connect.Capacity(s.Config, s.Pool, steps.Balances, s.Log)
	prober := incident.New(incident.Config{Store: incidents, Probes: steps.Probes, Logger: s.Log})
	background.Go(func() { g.run(ctx) })
	background.Go(func() { ledger.run(ctx) })
	background.Go(func() { dispatcher.Run(ctx) })
	background.Go(func() { fleets.Run(ctx) })
	background.Go(func() { postgres.Listen(ctx, s.Pool, s.Log, dispatcher.Announce) })
	background.Go(func() { notifier.Run(ctx) })
	background.Go(func() { prober.Run(ctx) })
	background.Go(func() { capacity.Run(ctx) })
	background.Go(func() { s.Counts.Provisioning.Run(ctx) })
	<-ctx.Done()
	finish(observer, &background, func() workers { return append(started, ledger.running()...) }, s.Log)
	return nil
}

// finish lets what is under way come to its end. Who works is known once the
// background has ended.
func finish(observer *observer, background *sync.WaitGroup, working func() workers, log *slog.Logger) {
	log.Info("stopping: running activities have time to finish", "at most", stopTimeout)
	observer.stopping.Store(true)
	background.Wait()
	began := time.Now()
	working().stop()
	log.Info("stopped", "took", time.Since(began).Round(time.Millisecond).String())
}
