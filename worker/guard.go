package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/client"

	"tenant-provisioning/internal/build"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/liveness"
	"tenant-provisioning/internal/operations"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/temporalclient"
	"tenant-provisioning/internal/tenant"
)

const (
	// guardPause is between two looks at what Temporal must have.
	guardPause = 10 * time.Second
	// guardTimeout bounds a look: long for a server that is busy.
	guardTimeout = 10 * time.Second
	// scheduleEvery is how many looks there are for one at the schedule, which
	// costs the server more.
	scheduleEvery = 6
	// temporalPatience is how long Temporal may be away before the worker says
	// that it waits for it.
	temporalPatience = 30 * time.Second
)

// guard knows whether this worker can work, and tells it: to its row, which
// everybody reads, and to /readyz.
type guard struct {
	beat      *liveness.Beat
	temporal  client.Client
	namespace temporalclient.Namespace
	address   string
	log       *slog.Logger
	// polling tells that all queues are polled, and missing what Temporal lacks.
	polling atomic.Bool
	missing atomic.Pointer[string]
	// noLedger is why no work on the ledger is taken; nil where it is.
	noLedger atomic.Pointer[string]
	// answered is when Temporal last was there.
	answered time.Time
}

func newGuard(c *clients) *guard {
	cfg := c.Config.Temporal
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &guard{
		beat: liveness.NewBeat(liveness.BeatConfig{
			Rows: postgres.NewWorkers(c.Pool), Polled: c.polls.Queues, Logger: c.Log,
			Worker: tenant.Worker{
				ID: uuid.NewString(), Host: host, Version: version(cfg.BuildID),
				Namespace: cfg.Namespace, TaskQueue: cfg.TaskQueue,
			},
		}),
		temporal: c.temporal, namespace: connect.Namespace(cfg), address: cfg.Address, log: c.Log, answered: time.Now(),
	}
}

// version is the build's: as it was deployed, or as it is written into it.
func version(buildID string) string { return cmp.Or(buildID, build.This().Version) }

// notReady says why the worker takes no work; empty when it takes work.
func (g *guard) notReady() string {
	if missing := g.missing.Load(); missing != nil {
		return *missing
	}
	if !g.polling.Load() {
		why, _ := g.beat.Says()
		return "not polling Temporal: " + why
	}
	if why := g.noLedger.Load(); why != nil {
		return *why
	}
	return ""
}

// awaitNamespace waits until Temporal has what runs need; with another namespace
// each start would be refused. It returns false when ctx ends before.
func (g *guard) awaitNamespace(ctx context.Context) bool {
	for attempt := 1; ctx.Err() == nil; attempt++ {
		why := g.look(ctx)
		if why == "" {
			return true
		}
		if attempt == 1 && g.missing.Load() == nil {
			g.log.Warn("Temporal is away; trying until it is there", "address", g.address)
		}
		g.beat.WaitsFor(why, "")
		pause(ctx, startPause)
	}
	return false
}

// run looks again and again, since a server may lose what it had. It ends with
// ctx.
func (g *guard) run(ctx context.Context) {
	note := ""
	for n := 0; ctx.Err() == nil; n++ {
		why := g.look(ctx)
		if time.Since(g.answered) < temporalPatience && g.missing.Load() == nil {
			why = "" // a restart of Temporal is none of a worker's troubles
		}
		if why == "" && (note != "" || n%scheduleEvery == 0) {
			note = g.lookForSchedule(ctx)
		}
		said := note
		if noLedger := g.noLedger.Load(); noLedger != nil {
			said = *noLedger
		}
		g.beat.WaitsFor(why, said)
		pause(ctx, guardPause)
	}
}

// look says what keeps runs from being started.
func (g *guard) look(ctx context.Context) string {
	asking, cancel := context.WithTimeout(ctx, guardTimeout)
	defer cancel()
	err := temporalclient.Verify(asking, g.temporal, g.namespace)
	missing, lacks := errors.AsType[*temporalclient.MissingError](err)
	switch {
	case lacks:
		g.answered = time.Now()
		text := missing.Error()
		if before := g.missing.Swap(&text); before == nil || *before != text {
			g.log.Error("no operation can be started; trying until that is mended", "says", text)
		}
		return text
	case err != nil:
		return fmt.Sprintf("Temporal does not answer at TEMPORAL_ADDRESS %s", g.address)
	}
	g.answered = time.Now()
	if g.missing.Swap(nil) != nil {
		g.log.Info("Temporal has what it lacked")
	}
	return ""
}

// lookForSchedule says whether the reconciler is missing.
func (g *guard) lookForSchedule(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, guardTimeout)
	defer cancel()
	absent, err := operations.CheckSchedule(ctx, g.temporal)
	if err != nil {
		g.log.Debug("whether the reconciler is scheduled is not known", "error", err)
	}
	return absent
}
