package capacity

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"tenant-provisioning/internal/tenant"
)

const (
	// DefaultPoll is how often a worker asks whether a reading is due: short against the
	// minute in which room that was made is to be seen.
	DefaultPoll = 10 * time.Second
	// storeTimeout bounds a question to the database: a host that has vanished answers
	// neither yes nor no.
	storeTimeout = 5 * time.Second
	// measureTimeout bounds a measurement, below the turn of a worker.
	measureTimeout = time.Minute
)

// Store keeps the readings.
type Store interface {
	// TakeTurn gives a reading that is due to one worker; false when none is.
	TakeTurn(ctx context.Context) (bool, error)
	// Save decides by readings whether provisioning waits, and tells where that has
	// changed.
	Save(ctx context.Context, readings []tenant.CapacityReading) (changed []tenant.CapacityReading, err error)
}

// Measure reads some resources. With an error it has those that could be read.
type Measure func(ctx context.Context) ([]tenant.CapacityReading, error)

// Config is what a Reader works with. Poll takes its default when zero.
type Config struct {
	Store    Store
	Measures []Measure
	Poll     time.Duration
	Logger   *slog.Logger
}

// Reader reads when it is its worker's turn. Every worker has one; they share the rows.
type Reader struct{ config Config }

// New makes a reader.
func New(c Config) *Reader {
	if c.Poll <= 0 {
		c.Poll = DefaultPoll
	}
	return &Reader{config: c}
}

// Run reads until ctx ends. Neither the database nor the ledger need be there.
func (r *Reader) Run(ctx context.Context) {
	ticker := time.NewTicker(r.config.Poll)
	defer ticker.Stop()
	for {
		if err := r.round(ctx); err != nil && ctx.Err() == nil {
			r.config.Logger.WarnContext(ctx, "the capacity is not known; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (r *Reader) round(ctx context.Context) error {
	asking, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	due, err := r.config.Store.TakeTurn(asking)
	if err != nil || !due {
		return err
	}
	var readings []tenant.CapacityReading
	var failed []error
	for _, measure := range r.config.Measures {
		found, err := within(ctx, measure)
		readings, failed = append(readings, found...), append(failed, err)
	}
	if len(readings) == 0 || ctx.Err() != nil {
		return errors.Join(failed...) // which leaves the turn to end by itself
	}
	writing, stop := context.WithTimeout(ctx, storeTimeout)
	defer stop()
	changed, err := r.config.Store.Save(writing, readings)
	for _, c := range changed {
		r.tell(ctx, c)
	}
	return errors.Join(append(failed, err)...)
}

func within(ctx context.Context, measure Measure) ([]tenant.CapacityReading, error) {
	ctx, cancel := context.WithTimeout(ctx, measureTimeout)
	defer cancel()
	return measure(ctx)
}

// tell logs what begins to be short, or has room again.
func (r *Reader) tell(ctx context.Context, c tenant.CapacityReading) {
	log := r.config.Logger.With("resource", c.Resource, "used", c.Used)
	if c.Short(false) {
		log.ErrorContext(ctx, "CAPACITY: provisioning waits in its rows, and goes on by itself when there is room", "cause", c.Cause())
		return
	}
	log.WarnContext(ctx, "there is room again: provisioning goes on")
}
