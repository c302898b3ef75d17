package main

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/workflows"
	"tenant-provisioning/workflows/runner"
)

const (
	// stopTimeout is how long running activities may go on after a stop was
	// asked for: a database step or a mail ends in it, a contract step is
	// handed back and goes on in another worker by its journal. Below the 30 s
	// that Kubernetes and Docker wait before they kill.
	stopTimeout = 20 * time.Second
	// startPause spaces the attempts to start while Temporal is away.
	startPause = time.Second
	// heartbeatThrottle bounds how long the SDK keeps a heartbeat to itself,
	// and so how late an activity learns of a cancel.
	heartbeatThrottle = 3 * time.Second
)

// workers are those of this process, one for each queue.
type workers []worker.Worker

// startWorkers starts a worker for each queue, waiting for the database and Temporal as
// long as they are away, and for what the latter must have. That of the ledger's queue
// is ledger's. It returns nil when ctx ends before.
func startWorkers(ctx context.Context, c *clients, steps connect.Steps, g *guard, ledger *ledgerWork) workers {
	if !awaitDatabase(ctx, c.Health.Ready, c.Log) || !g.awaitNamespace(ctx) {
		return nil
	}
	var started workers
	queues := runner.QueuesOf(c.Config.Temporal.TaskQueue)
	for _, queue := range []string{queues.Main, queues.Email} {
		w := startWorker(ctx, c, queue, steps)
		if w == nil {
			started.stop()
			return nil
		}
		started = append(started, w)
		c.polls.Began(queue)
	}
	if steps.Opening != nil {
		w := startWorker(ctx, c, runner.RestoreQueue(queues.Main), steps)
		if w == nil {
			started.stop()
			return nil
		}
		started = append(started, w)
	}
	ledger.look(ctx)
	g.polling.Store(true)
	g.beat.WaitsFor("", "")
	return started
}

// startWorker tries until it succeeds: a worker that has failed to start
// cannot be started again, so each attempt has a new one.
func startWorker(ctx context.Context, c *clients, queue string, steps connect.Steps) worker.Worker {
	for attempt := 1; ctx.Err() == nil; attempt++ {
		w := worker.New(c.temporal, queue, workerOptions(ctx, c.Config))
		register(w, steps, queue, c.Config.Temporal.TaskQueue)
		err := w.Start()
		if err == nil {
			c.Log.Info("polling", "queue", queue)
			return w
		}
		if attempt == 1 {
			c.Log.Warn("Temporal is away, or its namespace is missing (run: starter setup); trying until it is there", "queue", queue, "error", err)
		}
		pause(ctx, startPause)
	}
	return nil
}

func workerOptions(ctx context.Context, cfg *config.Config) worker.Options {
	o := worker.Options{
		WorkerStopTimeout:            stopTimeout,
		MaxHeartbeatThrottleInterval: heartbeatThrottle,
		BackgroundActivityContext:    context.WithoutCancel(ctx),
		Interceptors:                 []interceptor.WorkerInterceptor{&subjects{}},
	}
	if cfg.Temporal.Versioning == config.VersioningOff {
		return o
	}
	behavior := workflow.VersioningBehaviorAutoUpgrade
	if cfg.Temporal.Versioning == config.VersioningPinned {
		behavior = workflow.VersioningBehaviorPinned
	}
	o.DeploymentOptions = worker.DeploymentOptions{
		UseVersioning:             true,
		Version:                   worker.WorkerDeploymentVersion{DeploymentName: cfg.Temporal.DeploymentName, BuildID: cfg.Temporal.BuildID},
		DefaultVersioningBehavior: behavior,
	}
	return o
}

// register tells a worker what it can do. The main one runs the workflows, and
// with them the first, local attempt at most steps.
func register(w worker.Worker, s connect.Steps, queue, main string) {
	if queue == runner.RestoreQueue(main) {
		w.RegisterActivity(s.Opening)
		return
	}
	if queue == main {
		workflows.Register(w)
		w.RegisterActivity(s.Operation)
		w.RegisterActivity(s.Reconciler)
		w.RegisterActivity(s.Schema)
		w.RegisterActivity(s.Access)
		w.RegisterActivity(s.Activation)
		w.RegisterActivity(s.Purge)
		w.RegisterActivity(s.Fleet)
		w.RegisterActivity(s.Migration)
		w.RegisterActivity(s.Maintenance)
		w.RegisterActivity(s.Backup)
		w.RegisterActivity(s.Restore)
		w.RegisterActivity(s.Logs)
	}
	w.RegisterActivity(s.Contract)
	w.RegisterActivity(s.Keeper)
	w.RegisterActivity(s.Email)
	w.RegisterActivity(s.WindowNotices)
}

func (ws workers) stop() {
	var all sync.WaitGroup
	for _, w := range ws {
		all.Go(w.Stop)
	}
	all.Wait()
}
