package liveness

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"tenant-provisioning/internal/tenant"
)

const (
	// watchPoll is how often workers are looked for.
	watchPoll = 5 * time.Second
	// steady is how many looks in a row must find no trouble before an outage is
	// over: a worker that ends again and again is not back.
	steady = 4
	// believed is how long a look is told of: after that nobody knows.
	believed = 6 * watchPoll
)

// Outages keeps what people are told of.
type Outages interface {
	// OpenOutage reports false when one is open already.
	OpenOutage(ctx context.Context, o tenant.WorkerOutage) (opened bool, err error)
	// CloseOutage reports false when none was open.
	CloseOutage(ctx context.Context) (closed bool, err error)
}

// WatchConfig is what a Watch works with.
type WatchConfig struct {
	// Look tells how it stands with the workers.
	Look    func(context.Context) (tenant.Workforce, error)
	Outages Outages
	Logger  *slog.Logger
	// Poll takes its default when zero.
	Poll time.Duration
}

// Watch looks after the workers. Every api has one; they share the rows.
type Watch struct {
	config WatchConfig
	calm   int

	mu     sync.Mutex
	last   tenant.Workforce
	looked time.Time
}

// NewWatch makes a watch.
func NewWatch(c WatchConfig) *Watch {
	if c.Poll <= 0 {
		c.Poll = watchPoll
	}
	return &Watch{config: c}
}

// Run looks until ctx ends. The database need not be there.
func (w *Watch) Run(ctx context.Context) {
	ticker := time.NewTicker(w.config.Poll)
	defer ticker.Stop()
	for ctx.Err() == nil {
		if err := w.round(ctx); err != nil && ctx.Err() == nil {
			w.config.Logger.DebugContext(ctx, "cannot look for workers; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

func (w *Watch) round(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	now, err := w.config.Look(ctx)
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.last, w.looked = now, time.Now()
	w.mu.Unlock()
	switch {
	case now.Grave && now.Outage.ID == 0:
		w.calm = 0
		return w.open(ctx, now)
	case now.Trouble != "" || now.Working == 0:
		w.calm = 0
	default:
		if w.calm++; w.calm >= steady && now.Outage.ID != 0 {
			return w.close(ctx)
		}
	}
	return nil
}

func (w *Watch) open(ctx context.Context, now tenant.Workforce) error {
	opened, err := w.config.Outages.OpenOutage(ctx, tenant.WorkerOutage{Cause: now.Says, Waiting: now.Waiting(), OpenedAt: now.Since})
	if opened {
		w.config.Logger.ErrorContext(ctx, "NO WORKER takes work", "says", now.Says, "waiting", now.Waiting(), "since", now.Since, "runbook", now.Runbook)
	}
	return err
}

func (w *Watch) close(ctx context.Context) error {
	closed, err := w.config.Outages.CloseOutage(ctx)
	if closed {
		w.config.Logger.InfoContext(ctx, "a worker takes work again")
	}
	return err
}

// Last is what the last look has found; false when it is too long ago to be
// believed.
func (w *Watch) Last() (tenant.Workforce, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last, time.Since(w.looked) < believed
}
