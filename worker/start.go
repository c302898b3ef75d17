package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/tenant"
)

// refuseNetwork asks the ledger whether it is of the configured network: production
// refuses to start a worker that is set to another one. A server that is away denies
// nothing.
func refuseNetwork(ctx context.Context, environment config.Environment, ask func(context.Context) error) error {
	if environment != config.Production {
		return nil // it does the rest of the work: ledgerWork
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	if denied, ok := errors.AsType[*tenant.StepError](ask(ctx)); ok && errors.Is(denied, stellar.ErrOtherNetwork) {
		return errors.New(denied.Reason)
	}
	return nil
}

// awaitDatabase waits until the control tables are there, as far as this build
// needs them. A worker without them would take tasks that another one can do,
// and, where a table or column is missing, fail them for good. It returns false
// when ctx ends before.
func awaitDatabase(ctx context.Context, ping func(context.Context) error, log *slog.Logger) bool {
	for said := ""; ctx.Err() == nil; {
		asking, cancel := context.WithTimeout(ctx, probeTimeout)
		err := ping(asking)
		cancel()
		if err == nil {
			return true
		}
		if said != err.Error() {
			said = err.Error()
			log.Warn("no work is taken before the database is ready; trying until it is", "error", err)
		}
		pause(ctx, startPause)
	}
	return false
}

// pause waits, unless ctx ends before.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
