package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/tenant"
)

// checkNetwork asks the ledger whether it is of the configured network. A worker
// that is set to another one fails every tenant that it takes, for good:
// production refuses to start it. A server that is away denies nothing; each
// step asks again.
func checkNetwork(ctx context.Context, environment config.Environment, ask func(context.Context) error, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	err := ask(ctx)
	if err == nil {
		return nil
	}
	if denied, ok := errors.AsType[*tenant.StepError](err); ok && denied.Permanent {
		if environment == config.Production {
			return errors.New(denied.Reason)
		}
		log.Error("every deployment by this worker will fail", "error", err)
		return nil
	}
	log.Warn("the network is not confirmed yet; each step asks again", "error", err)
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
