package incident

import (
	"context"
	"log/slog"
	"time"

	"tenant-provisioning/internal/tenant"
)

const (
	// DefaultInterval spaces the probes of one incident, over all workers.
	DefaultInterval = 3 * time.Second
	// longestInterval bounds what the interval grows to for a dependency that
	// answers probes and fails at work.
	longestInterval = time.Minute
	// probeTimeout bounds a probe.
	probeTimeout = 5 * time.Second
	// storeTimeout bounds a question to the database: a host that has vanished
	// answers neither yes nor no.
	storeTimeout = 5 * time.Second
)

// Store keeps the incidents.
type Store interface {
	// TakeProbe gives the next probe that is due to one worker; false when none
	// is.
	TakeProbe(ctx context.Context, interval, longest time.Duration) (tenant.Incident, bool, error)
	// Probed notes how it went, and tells whether that has closed the incident.
	Probed(ctx context.Context, id int64, success bool) (closed bool, err error)
}

// Probe asks a dependency whether it works. nil is yes.
type Probe func(ctx context.Context) error

// Config is what a Prober works with. Interval takes its default when zero.
type Config struct {
	Store    Store
	Probes   map[tenant.Dependency]Probe
	Interval time.Duration
	Logger   *slog.Logger
}

// Prober closes incidents. Every worker has one; they share the rows.
type Prober struct{ config Config }

// New makes a prober.
func New(c Config) *Prober {
	if c.Interval <= 0 {
		c.Interval = DefaultInterval
	}
	return &Prober{config: c}
}

// Run probes until ctx ends. The database need not be there.
func (p *Prober) Run(ctx context.Context) {
	ticker := time.NewTicker(p.config.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := p.round(ctx); err != nil && ctx.Err() == nil {
			p.config.Logger.WarnContext(ctx, "cannot look for incidents; trying again", "error", err)
		}
	}
}

// round makes every probe that is due.
func (p *Prober) round(ctx context.Context) error {
	for ctx.Err() == nil {
		i, due, err := p.take(ctx)
		if err != nil || !due {
			return err
		}
		if err := p.probe(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

func (p *Prober) take(ctx context.Context) (tenant.Incident, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return p.config.Store.TakeProbe(ctx, p.config.Interval, longestInterval)
}

func (p *Prober) probe(ctx context.Context, i tenant.Incident) error {
	log := p.config.Logger.With("incident", i.ID, "dependency", i.Dependency)
	asking, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	probe, known := p.config.Probes[i.Dependency]
	if !known {
		log.WarnContext(ctx, "a newer worker has opened the incident, and has to close it")
		return nil
	}
	failed := probe(asking)
	if ctx.Err() != nil {
		return nil // this worker stops: its probe tells nothing
	}
	if failed != nil {
		log.InfoContext(ctx, "the incident goes on", "since", i.OpenedAt, "error", failed)
	}
	writing, stop := context.WithTimeout(ctx, storeTimeout)
	defer stop()
	closed, err := p.config.Store.Probed(writing, i.ID, failed == nil)
	if closed {
		log.WarnContext(ctx, "the incident is over: work resumes", "opened", i.OpenedAt, "affected", i.Affected)
	}
	return err
}
