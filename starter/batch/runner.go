package batch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tenant-provisioning/internal/tenant"
)

// Control is what a batch needs of the control plane.
type Control interface {
	Create(ctx context.Context, n tenant.Spec, who tenant.Caller, idempotencyKey string) (tenant.Operation, error)
	Wait(ctx context.Context, id tenant.OperationID, atMost time.Duration) (tenant.Operation, error)
	Tenant(ctx context.Context, id tenant.ID) (tenant.Tenant, error)
}

// Watcher is told what happens, one call at a time.
type Watcher interface {
	// Row is called once for each row that was reached, when nothing more is
	// done about it.
	Row(o Outcome)
	// Notice is something that the person who waits should know.
	Notice(text string)
}

// Config says how tenants are provisioned.
type Config struct {
	Control Control
	Caller  tenant.Caller
	// Concurrency is how many rows are in flight, at least 1.
	Concurrency int
	// Wait follows each row to its end. Otherwise a row is done once accepted.
	Wait bool
	// Timeout is how long a row is followed; it goes on by itself afterwards.
	Timeout time.Duration
	// Again provisions anew what an earlier run of the file rolled back.
	Again bool
	// Patience is how long the database may be away before the run ends.
	Patience time.Duration
	Watcher  Watcher
}

// Defaults of Config.
const (
	// DefaultConcurrency keeps a handful of workers busy; more only lengthens
	// the line before the dispatcher.
	DefaultConcurrency = 16
	// DefaultTimeout is a little more than the default STEP_RETRY_BUDGET, after
	// which an operation asks for attention by itself.
	DefaultTimeout = 40 * time.Minute
	// DefaultPatience outlasts a failover of the database.
	DefaultPatience = 2 * time.Minute
)

const (
	// pollSlice is how long one wait for an operation lasts. After the first
	// slice of an operation that no worker has taken, the person is told.
	pollSlice = 15 * time.Second
	// callTimeout bounds one call to the control plane.
	callTimeout = 15 * time.Second
	// firstRetry and lastRetry space the attempts while the database is away.
	firstRetry = 250 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// Runner provisions tenants.
type Runner struct {
	Config
	unclaimed sync.Once
}

// NewRunner makes a runner.
func NewRunner(c Config) *Runner { return &Runner{Config: c} }

// Create asks for a tenant. Once begun it is not interrupted, so that whoever
// interrupts knows what was created.
func (r *Runner) Create(ctx context.Context, n tenant.Spec, key string) (op tenant.Operation, err error) {
	err = r.patiently(ctx, func(ctx context.Context) error {
		op, err = r.Control.Create(ctx, n, r.Caller, key)
		return err
	})
	return op, err
}

func (r *Runner) tenant(ctx context.Context, id tenant.ID) (t tenant.Tenant, err error) {
	err = r.patiently(ctx, func(ctx context.Context) error {
		t, err = r.Control.Tenant(ctx, id)
		return err
	})
	return t, err
}

// Follow waits until the operation is settled or the timeout is over, and
// returns how far it has come in any case.
func (r *Runner) Follow(ctx context.Context, op tenant.Operation) (tenant.Operation, error) {
	limited, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	for !op.State.Settled() {
		var next tenant.Operation
		err := r.patiently(limited, func(context.Context) (err error) {
			next, err = r.Control.Wait(limited, op.ID, pollSlice)
			return err
		})
		switch {
		case ctx.Err() != nil:
			return op, ctx.Err()
		case limited.Err() != nil:
			return op, nil
		case err != nil:
			return op, fmt.Errorf("follow operation %s: %w", op.ID, err)
		}
		op = next
		if op.State == tenant.StatePending {
			r.unclaimed.Do(func() {
				r.Watcher.Notice("No worker has taken what was accepted yet. Is bin/worker running, and does Temporal answer it? Nothing is lost meanwhile.")
			})
		}
	}
	return op, nil
}

// patiently makes a call, again and again while the control plane is
// unavailable. The call's context outlives an interruption.
func (r *Runner) patiently(ctx context.Context, call func(context.Context) error) error {
	until := time.Now().Add(r.Patience)
	for delay := firstRetry; ; delay = min(2*delay, lastRetry) {
		attempt, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
		err := call(attempt)
		cancel()
		if !errors.Is(err, tenant.ErrUnavailable) || time.Now().After(until) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(delay):
		}
	}
}
