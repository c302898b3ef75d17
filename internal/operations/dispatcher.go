package operations

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"go.temporal.io/sdk/client"

	"tenant-provisioning/internal/logging"
	"tenant-provisioning/internal/tenant"
)

const (
	// dispatchBatch is how many operations are taken at a time. They are
	// started at once, each in some milliseconds.
	dispatchBatch = 16
	// DefaultMaxRunning bounds the running operations of an installation. More
	// would not be faster, they would wait inside for a database connection or
	// a channel instead of in their rows, where they are taken fairly.
	DefaultMaxRunning = 200
	// dispatchLease is how long an operation that was taken stays hidden from
	// other dispatchers; long against a start, short against a person's
	// patience when the one that took it was killed.
	dispatchLease = 15 * time.Second
	// startTimeout bounds one start.
	startTimeout = 5 * time.Second
	// takeTimeout bounds a look at the rows.
	takeTimeout = 5 * time.Second
	// dispatchPoll is how often rows are looked for although nothing was
	// announced.
	dispatchPoll   = 2 * time.Second
	incidentOpened = tenant.IncidentOpened // the same wherever it is noticed
	// awayPause is how long a dispatcher leaves Temporal alone that did not
	// answer.
	awayPause = 2 * time.Second
)

// Queue is the rows that wait to be started.
type Queue interface {
	Take(ctx context.Context, limit int, most tenant.Bounds, lease time.Duration) ([]tenant.Operation, error)
	Release(ctx context.Context, id tenant.OperationID, delay time.Duration) error
}

// DispatcherConfig is what a Dispatcher works with.
type DispatcherConfig struct {
	Queue Queue
	// Temporal must be the client of a worker in the same process: only then
	// is a start eager, which saves a third of all that a run costs.
	Temporal client.Client
	// TaskQueue is the main queue's name.
	TaskQueue string
	// MaxRunning bounds the running operations of the whole installation;
	// 0 takes DefaultMaxRunning.
	MaxRunning int
	// MaxAhead bounds those of them whose tenants have no contract yet: AheadOf the
	// channel accounts. 0 is MaxRunning.
	MaxAhead int
	// DetectOutage, if not nil, is asked when the database has refused to hand out
	// what waits: on a full disk nothing is started, and no step could say so.
	DetectOutage func(ctx context.Context, refused error) (i tenant.Incident, opened bool, err error)
	// Dispatched, if not nil, is called when a run was started.
	Dispatched func()
	Logger     *slog.Logger
}

// Dispatcher starts the workflows of operations that wait in PENDING. Every
// worker has one; they share the rows.
type Dispatcher struct {
	config DispatcherConfig
	wake   chan struct{}
}

// NewDispatcher makes a dispatcher.
func NewDispatcher(c DispatcherConfig) *Dispatcher {
	if c.MaxRunning <= 0 {
		c.MaxRunning = DefaultMaxRunning
	}
	return &Dispatcher{config: c, wake: make(chan struct{}, 1)}
}

// AheadOf is how many tenants may be on their way to their contract: one on each
// channel account, and one ready to follow it. Schemas made earlier than that would
// take the CPU from contracts of tenants that are ready, and leave channels idle. There
// are always enough for an incident: those who fail alike must be seen to.
func AheadOf(channels int) int { return 2 * max(channels, tenant.IncidentThreshold) }

// Announce wakes the dispatcher: for a new operation, or for one that has left
// RUNNING and made room.
func (d *Dispatcher) Announce(_ tenant.OperationID, state tenant.State) {
	if state == tenant.StateRunning {
		return
	}
	select {
	case d.wake <- struct{}{}:
	default: // it is awake already
	}
}

// Run dispatches until ctx ends. Neither the database nor Temporal need be
// there.
func (d *Dispatcher) Run(ctx context.Context) {
	for ctx.Err() == nil {
		pause := dispatchPoll
		taken, err := d.take(ctx)
		switch {
		case err != nil:
			if ctx.Err() == nil {
				d.config.Logger.WarnContext(ctx, "cannot look for pending operations; trying again", "error", err)
				d.report(ctx, err)
			}
		case d.start(ctx, taken) != nil:
			pause = awayPause
			d.drain()
		case len(taken) == dispatchBatch:
			pause = 0
		}
		d.sleep(ctx, pause)
	}
}

// report has an outage of the database written down, and tells the operator of it,
// once.
func (d *Dispatcher) report(ctx context.Context, refused error) {
	if d.config.DetectOutage == nil || !errors.Is(refused, tenant.ErrUnavailable) {
		return
	}
	i, opened, err := d.config.DetectOutage(ctx, refused)
	if err != nil {
		d.config.Logger.WarnContext(ctx, "the outage of the database cannot be written down", "error", err)
	}
	if opened {
		d.config.Logger.ErrorContext(ctx, incidentOpened, "incident", i.ID, "dependency", i.Dependency, "cause", i.Cause, "affected", i.Affected)
	}
}

// take looks for what waits. A host that has vanished answers neither yes nor
// no, for many minutes.
func (d *Dispatcher) take(ctx context.Context) ([]tenant.Operation, error) {
	ctx, cancel := context.WithTimeout(ctx, takeTimeout)
	defer cancel()
	return d.config.Queue.Take(ctx, dispatchBatch, tenant.Bounds{Running: d.config.MaxRunning, Ahead: d.config.MaxAhead}, dispatchLease)
}

func (d *Dispatcher) sleep(ctx context.Context, pause time.Duration) {
	if pause == 0 {
		return
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-d.wake:
	}
}

// drain forgets wake-ups while Temporal is away: they would only ask it more
// often.
func (d *Dispatcher) drain() {
	select {
	case <-d.wake:
	default:
	}
}

// start starts what was taken, all at once. What can't be started is given
// back; the first reason is returned.
func (d *Dispatcher) start(ctx context.Context, taken []tenant.Operation) error {
	var wg sync.WaitGroup
	failed := make(chan error, len(taken))
	for _, o := range taken {
		wg.Go(func() {
			about := logging.With(ctx, subject(o)...)
			if err := d.startOne(about, o); err != nil {
				failed <- err
				d.release(about, o)
			}
		})
	}
	wg.Wait()
	close(failed)
	err := <-failed
	if err != nil {
		d.config.Logger.WarnContext(ctx, "operations wait: Temporal does not start their runs; trying again",
			"waiting", len(failed)+1, "error", err)
	}
	return err
}

func (d *Dispatcher) release(ctx context.Context, o tenant.Operation) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTimeout)
	defer cancel()
	if err := d.config.Queue.Release(ctx, o.ID, awayPause); err != nil {
		d.config.Logger.WarnContext(ctx, "an operation waits for the end of its lease", "error", err)
	}
}

// subject is what the log says of an operation.
func subject(o tenant.Operation) []slog.Attr {
	return []slog.Attr{
		slog.String(logging.KeyTenant, string(o.TenantID)), slog.String(logging.KeyOperation, string(o.ID)),
		slog.String(logging.KeyWorkflow, o.WorkflowID()),
	}
}

func (d *Dispatcher) startOne(ctx context.Context, o tenant.Operation) error {
	err := startRun(ctx, d.config.Temporal, d.config.TaskQueue, o)
	if errors.Is(err, errRunIsOpen) { // nothing is wrong; if the run is not its own, it is soon taken again
		d.release(ctx, o)
		return nil
	}
	if err == nil && d.config.Dispatched != nil {
		d.config.Dispatched()
	}
	return err
}
