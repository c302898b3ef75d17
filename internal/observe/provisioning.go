package observe

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"tenant-provisioning/internal/tenant"
)

// Timing is how long a provisioning took.
type Timing struct {
	// Steps are those that were done, with the time that each took.
	Steps map[tenant.Step]time.Duration
	// ToActive is from the acceptance until the tenant was active; zero where it is
	// not. Ledger is how much of it was the contract's step, with the attempts that
	// failed and the pauses between them.
	ToActive, Ledger time.Duration
}

// Provisioning is what a process counts of the provisionings that it has brought to
// their end.
type Provisioning struct {
	jobs   *prometheus.CounterVec
	steps  *prometheus.HistogramVec
	active prometheus.Histogram

	look func(context.Context, tenant.OperationID) (Timing, error)
	log  *slog.Logger
	// waiting are provisionings whose times are still to be read.
	waiting chan passed
}

// passed is a provisioning that has come to a point at which times are read.
type passed struct {
	operation tenant.OperationID
	ended     bool
}

const (
	// maxWaiting bounds what waits for its times to be read; more is left out.
	maxWaiting = 1024
	success    = "success"
	failure    = "failure"
)

// NewProvisioning registers it. look reads the times of a provisioning.
func NewProvisioning(registerer prometheus.Registerer, look func(context.Context, tenant.OperationID) (Timing, error), log *slog.Logger) *Provisioning {
	factory := promauto.With(registerer)
	p := &Provisioning{
		jobs: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "provisioning_jobs_total",
			Help: "Provisionings that this process has brought to their end. success: SUCCEEDED; failure: ROLLED_BACK, whoever wanted it. One that waits for a person is neither. " +
				"One that starter itself has ended is counted nowhere: rolled back before a run had taken it, or its mail given up for a later operation.",
		}, []string{"status"}),
		steps: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "provisioning_duration_seconds",
			Help:    "Time of the attempt that did a step of a provisioning, by step, as the log has it; read when the provisioning has ended.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120},
		}, []string{"step"}),
		active: factory.NewHistogram(prometheus.HistogramOpts{
			Name:    "provisioning_active_seconds",
			Help:    "Time from the acceptance of a provisioning until its tenant was active, less the time of the contract's step: what the objective of 60 s is about.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 20, 30, 45, 60, 120, 300, 1800, 7200},
		}),
		look: look, log: log, waiting: make(chan passed, maxWaiting),
	}
	for _, status := range []string{success, failure} {
		p.jobs.WithLabelValues(status) // a rate wants the zero before the first
	}
	return p
}

// Active notes that a provisioning has made its tenant active. A nil *Provisioning
// notes and counts nothing.
func (p *Provisioning) Active(id tenant.OperationID) {
	if p != nil {
		p.later(passed{id, false})
	}
}

// Ended counts a provisioning that has ended.
func (p *Provisioning) Ended(id tenant.OperationID, as tenant.State) {
	if p == nil {
		return
	}
	status := success
	if as == tenant.StateRolledBack {
		status = failure
	}
	p.jobs.WithLabelValues(status).Inc()
	p.later(passed{id, true})
}

// GaveWay counts a provisioning whose mail was given up for a later operation.
func (p *Provisioning) GaveWay() {
	if p != nil {
		p.jobs.WithLabelValues(success).Inc()
	}
}

// later leaves the reading of times to Run, which holds nobody up.
func (p *Provisioning) later(o passed) {
	select {
	case p.waiting <- o:
	default:
		p.log.Warn("the times of a provisioning are left out of the metrics: too many wait to be read", "operation", o.operation)
	}
}

// Run reads times until ctx ends.
func (p *Provisioning) Run(ctx context.Context) {
	for {
		select {
		case o := <-p.waiting:
			p.observe(ctx, o)
		case <-ctx.Done():
			return
		}
	}
}

func (p *Provisioning) observe(ctx context.Context, o passed) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	t, err := p.look(ctx, o.operation)
	switch {
	case err != nil:
		p.log.WarnContext(ctx, "the times of a provisioning are missing in the metrics", "operation", o.operation, "error", err)
	case o.ended:
		for step, took := range t.Steps {
			p.steps.WithLabelValues(string(step)).Observe(took.Seconds())
		}
	case t.ToActive > 0:
		p.active.Observe(max(t.ToActive-t.Ledger, 0).Seconds())
	}
}
