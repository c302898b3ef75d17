package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"tenant-provisioning/internal/tenant"
)

// FleetStore holds the rows of fleet runs.
type FleetStore interface {
	Next(ctx context.Context, f tenant.FleetFence) (tenant.FleetStep, error)
	Act(ctx context.Context, id tenant.FleetID, a tenant.FleetAction, r tenant.ActionRequest, claimed bool) error
}

// Fleet writes the state of a fleet run for its workflow.
type Fleet struct {
	Store FleetStore
}

// NextOfFleet says what a run has to do next. Asked twice it answers the same.
func (a *Fleet) NextOfFleet(ctx context.Context, f tenant.FleetFence) (tenant.FleetStep, error) {
	s, err := a.Store.Next(ctx, f)
	return s, fleetError(ctx, err)
}

// FleetRequest is an action that came to the workflow of a run.
type FleetRequest struct {
	Fleet   tenant.FleetID       `json:"fleet"`
	Action  tenant.FleetAction   `json:"action"`
	Request tenant.ActionRequest `json:"request"`
}

// ErrTypeFleetActionRefused is the type of the error that answers a refused action; its
// details are a tenant.FleetActionRefusedError.
const ErrTypeFleetActionRefused = "FleetActionRefused"

// ActOnFleet takes an action and audits it. Its sender is claimed: whoever may signal a
// workflow can write any name. With a request id it acts once, however often it runs;
// without one a repetition finds a state that refuses it.
func (a *Fleet) ActOnFleet(ctx context.Context, r FleetRequest) error {
	err := a.Store.Act(ctx, r.Fleet, r.Action, r.Request, true)
	if refused, ok := errors.AsType[*tenant.FleetActionRefusedError](err); ok {
		return temporal.NewApplicationErrorWithOptions(refused.Error(), ErrTypeFleetActionRefused, temporal.ApplicationErrorOptions{
			NonRetryable: true, Details: []any{*refused},
		})
	}
	return fleetError(ctx, err)
}

// fleetError explains a failed write of a run's state, which is always worth repeating.
func fleetError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if !errors.Is(err, tenant.ErrSuperseded) {
		activity.GetLogger(ctx).Warn("the state of a fleet run cannot be written", "error", err)
		err = &tenant.StepError{Reason: "the run's state cannot be written; check that PostgreSQL runs and is migrated", Err: err}
	}
	return classify("", err)
}

// FleetChunk is what one activity of a run does: some tenants, one after the other.
type FleetChunk struct {
	Fence   tenant.FleetFence `json:"fence"`
	Tenants []tenant.ID       `json:"tenants"`
}

// FleetItemStore holds what has become of the tenants of a run.
type FleetItemStore interface {
	// Left picks the tenants that are still to be done; tenant.ErrSuperseded when the
	// run is paused, over, or has another workflow.
	Left(ctx context.Context, f tenant.FleetFence, among []tenant.ID) ([]tenant.ID, error)
	Fail(ctx context.Context, e tenant.FleetFailure) error
	Wait(ctx context.Context, f tenant.FleetFence, what string) error
}

// FleetItems does chunks for the kinds: each has one, and gives it what is done to a
// tenant.
type FleetItems struct {
	Store   FleetItemStore
	Breaker Breaker
}

const (
	// fleetPause is how long a chunk leaves alone what fails for everybody.
	fleetPause = 5 * time.Second
)

// Each does the tenants of a chunk that are still to be done. do does one, and marks it
// done in the transaction of its effect, which begins with the run's fence
// (internal/postgres/fleet.go): so a chunk may be repeated, and a late one changes
// nothing.
//
// What do returns decides. Nothing: done. tenant.ErrSuperseded: the run is paused or has
// gone on, the chunk ends. tenant.ErrUnavailable, or a failure of something that all
// tenants share: nobody's failure, the chunk waits and is repeated. Anything else is the
// tenant's own: it is tried again later, or has failed, and the next one is done.
func (w FleetItems) Each(ctx context.Context, c FleetChunk, do func(context.Context, tenant.FleetFence) error) error {
	ctx, stop := alive(ctx)
	defer stop()
	if in := mustWait(ctx, w.Breaker, tenant.StepCreateSchema); in != nil {
		return w.wait(ctx, c.Fence, in.String())
	}
	left, err := w.Store.Left(ctx, c.Fence, c.Tenants)
	if err != nil {
		return w.ended(ctx, c.Fence, err)
	}
	for _, id := range left {
		select {
		case <-activity.GetWorkerStopChannel(ctx):
			return temporal.NewApplicationErrorWithOptions("the worker stops; another one goes on", ErrTypeWaiting, temporal.ApplicationErrorOptions{
				Category: temporal.ApplicationErrorCategoryBenign, NextRetryDelay: time.Second,
			})
		default:
		}
		fence := c.Fence.Of(id)
		err := safely(func() error { return do(ctx, fence) })
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, tenant.ErrSuperseded) || everybodys(err) {
			return w.ended(ctx, c.Fence, err)
		}
		activity.GetLogger(ctx).Error("a tenant of a fleet run failed", "fleet", fence.Fleet, "tenant", id, "error", err)
		f := describe("", err)
		if err := w.Store.Fail(ctx, tenant.FleetFailure{Fence: fence, Class: f.Class, Reason: f.Reason, Permanent: f.Permanent}); err != nil {
			return w.ended(ctx, c.Fence, err)
		}
	}
	return nil
}

// everybodys tells a failure that the next tenant would have as well.
func everybodys(err error) bool {
	if errors.Is(err, tenant.ErrUnavailable) {
		return true
	}
	se, ok := errors.AsType[*tenant.StepError](err)
	return ok && !se.Alone && !se.Permanent && (se.Queued || se.Class == tenant.ClassCapacity || se.Class == tenant.ClassAuth)
}

// ended ends a chunk before all its tenants were done.
func (w FleetItems) ended(ctx context.Context, f tenant.FleetFence, err error) error {
	if errors.Is(err, tenant.ErrSuperseded) {
		return nil // the workflow asks what is next
	}
	if errors.Is(err, tenant.ErrUnavailable) {
		outage(ctx, w.Breaker, tenant.StepCreateSchema, err)
	}
	activity.GetLogger(ctx).Warn("a fleet run waits", "fleet", f.Fleet, "error", err)
	reason := describe("", err).Reason
	if reason == unexplained && errors.Is(err, tenant.ErrUnavailable) {
		reason = databaseCause(err)
	}
	return w.wait(ctx, f, reason)
}

// wait has a chunk repeated. Where the row can be written it says why.
func (w FleetItems) wait(ctx context.Context, f tenant.FleetFence, what string) error {
	note, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	if err := w.Store.Wait(note, f, "waits: "+what); err != nil {
		activity.GetLogger(ctx).Debug("what a fleet run waits for is not written down", "error", err)
	}
	return temporal.NewApplicationErrorWithOptions(what, ErrTypeWaiting, temporal.ApplicationErrorOptions{
		Category: temporal.ApplicationErrorCategoryBenign, NextRetryDelay: fleetPause,
	})
}
