package liveness

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"tenant-provisioning/internal/tenant"
)

// storeTimeout bounds what is asked of the database: a host that has vanished
// answers neither yes nor no.
const storeTimeout = 5 * time.Second

// Rows keeps what workers tell of themselves.
type Rows interface {
	Beat(ctx context.Context, b tenant.Beat) error
	Stops(ctx context.Context, id string) error
}

// BeatConfig is what a Beat works with.
type BeatConfig struct {
	Rows Rows
	// Worker is who it is: id, host, version, namespace, task queue.
	Worker tenant.Worker
	// Polled lists the task queues whose polls Temporal has answered of late.
	Polled func() []string
	Logger *slog.Logger
}

// Beat tells that one worker lives, and what it waits for.
type Beat struct {
	config BeatConfig
	// changed has the row written at once.
	changed chan struct{}

	mu         sync.Mutex
	waitsFor   string
	note       string
	dispatched time.Time
}

// NewBeat makes the beat of a worker that is starting.
func NewBeat(c BeatConfig) *Beat {
	return &Beat{config: c, changed: make(chan struct{}, 1), waitsFor: tenant.WorkerStarting}
}

// WaitsFor says why the worker takes no work, in plain words; empty when it
// takes work. note is what is to be mended all the same.
func (b *Beat) WaitsFor(why, note string) {
	b.mu.Lock()
	changed := why != b.waitsFor || note != b.note
	b.waitsFor, b.note = why, note
	b.mu.Unlock()
	if changed {
		select {
		case b.changed <- struct{}{}:
		default: // it is about to be written
		}
	}
}

// Says is what WaitsFor was last told.
func (b *Beat) Says() (why, note string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waitsFor, b.note
}

// Dispatched tells that the worker has started a run.
func (b *Beat) Dispatched() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dispatched = time.Now()
}

// Run writes the row until ctx ends, and then that the worker ends in order. The
// database need not be there.
func (b *Beat) Run(ctx context.Context) {
	ticker := time.NewTicker(tenant.WorkerBeat)
	defer ticker.Stop()
	failing := false
	for ctx.Err() == nil {
		err := b.write(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			b.config.Logger.WarnContext(ctx, "cannot tell that this worker lives; trying again", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
		case <-ticker.C:
		case <-b.changed:
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if err := b.config.Rows.Stops(last, b.config.Worker.ID); err != nil {
		b.config.Logger.WarnContext(last, "cannot tell that this worker ends in order; it will count as gone", "error", err)
	}
}

func (b *Beat) write(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return b.config.Rows.Beat(ctx, b.present())
}

func (b *Beat) present() tenant.Beat {
	b.mu.Lock()
	defer b.mu.Unlock()
	beat := tenant.Beat{Worker: b.config.Worker, Dispatched: -1}
	beat.WaitsFor, beat.Note = b.waitsFor, b.note
	beat.Queues = append([]string{}, b.config.Polled()...)
	if !b.dispatched.IsZero() {
		beat.Dispatched = time.Since(b.dispatched)
	}
	return beat
}
