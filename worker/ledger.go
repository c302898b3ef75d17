package main

import (
	"context"
	"errors"

	"go.temporal.io/sdk/worker"

	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows/runner"
)

// ledgerWork takes the work on the ledger, unless the RPC server is of another network
// than the configured one: each deployment would fail, and another worker can do it.
// A server that is away changes nothing: at the start the work is taken, since each step
// asks again.
type ledgerWork struct {
	clients *clients
	steps   connect.Steps
	guard   *guard
	worker  worker.Worker
}

// run begins and ends the work until ctx ends. It was looked at before.
func (w *ledgerWork) run(ctx context.Context) {
	for ctx.Err() == nil {
		pause(ctx, guardPause)
		w.look(ctx)
	}
}

// look begins or ends the work, as the network is.
func (w *ledgerWork) look(ctx context.Context) { w.follow(ctx, w.denied(ctx)) }

// denied is why the work cannot be done; empty when it can, or nobody knows.
func (w *ledgerWork) denied(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	err := w.steps.ConfirmNetwork(ctx)
	if denied, ok := errors.AsType[*tenant.StepError](err); ok && errors.Is(err, stellar.ErrOtherNetwork) {
		return "taking no work on the ledger: " + denied.Reason
	}
	if before := w.guard.noLedger.Load(); err != nil && before != nil {
		return *before
	}
	return ""
}

func (w *ledgerWork) follow(ctx context.Context, denied string) {
	queue := runner.QueuesOf(w.clients.Config.Temporal.TaskQueue).Stellar
	switch {
	case denied == "" && w.worker == nil:
		if w.worker = startWorker(ctx, w.clients, queue, w.steps); w.worker != nil {
			w.clients.polls.Began(queue)
		}
	case denied != "" && w.worker != nil:
		w.worker.Stop()
		w.worker = nil
		w.clients.polls.Ended(queue)
	}
	switch before := w.guard.noLedger.Load(); {
	case denied == "" && before != nil:
		w.guard.noLedger.Store(nil)
		w.clients.Log.Info("taking work on the ledger again")
	case denied != "" && before == nil:
		w.guard.noLedger.Store(&denied)
		w.clients.Log.Error("taking no work on the ledger, and all other work", "says", denied)
	}
}

// running is the worker that has to be stopped when run has ended.
func (w *ledgerWork) running() workers {
	if w.worker == nil {
		return nil
	}
	return workers{w.worker}
}
