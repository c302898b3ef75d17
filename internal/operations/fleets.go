package operations

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows/fleet"
)

// FleetStore is the rows of fleet runs.
type FleetStore interface {
	Submit(ctx context.Context, id tenant.FleetID, r tenant.FleetRequest, who tenant.Caller) (tenant.FleetID, error)
	Act(ctx context.Context, id tenant.FleetID, a tenant.FleetAction, r tenant.ActionRequest, claimed bool) error
	Find(ctx context.Context, id tenant.FleetID) (tenant.FleetRun, error)
	List(ctx context.Context, f tenant.FleetFilter) (tenant.Page[tenant.FleetRun], error)
	Items(ctx context.Context, id tenant.FleetID, f tenant.FleetItemFilter) (tenant.Page[tenant.FleetItem], error)
	// Open lists the runs that are not over, and Unclaimed those of them that no
	// workflow has.
	Open(ctx context.Context) ([]tenant.FleetRun, error)
	Unclaimed(ctx context.Context) ([]tenant.FleetRun, error)
	Release(ctx context.Context, id tenant.FleetID, run string) (bool, error)
}

// Fleets accepts, starts, reads and steers runs on all tenants (workflows/fleet). The
// rows are the truth: an action is written there first, and Temporal only woken.
type Fleets struct {
	Store  FleetStore
	Audit  AuditLog
	Logger *slog.Logger
	// Temporal starts and wakes workflows. It may be away: rows wait for it.
	Temporal client.Client
	// TaskQueue is the main queue's name.
	TaskQueue string
}

// Submit accepts a run, and starts it where there is a client; else a worker does. A repetition with the same idempotency key
// returns the first request's run.
//
// Errors: *tenant.InvalidError, *tenant.FleetOpenError, tenant.ErrIdempotencyMismatch,
// tenant.ErrUnavailable.
func (f *Fleets) Submit(ctx context.Context, r tenant.FleetRequest, who tenant.Caller) (tenant.FleetRun, error) {
	if err := checkKey(r.IdempotencyKey); err != nil {
		return tenant.FleetRun{}, err
	}
	clean, err := tenant.ActionRequest{Actor: who.Actor, Reason: r.Reason}.Clean()
	if err != nil {
		return tenant.FleetRun{}, err
	}
	r.Reason = clean.Reason
	if err := r.Settings.Check(); err != nil {
		return tenant.FleetRun{}, err
	}
	id, err := tenant.NewFleetID()
	if err != nil {
		return tenant.FleetRun{}, err
	}
	if id, err = f.Store.Submit(ctx, id, r, who); err != nil {
		return tenant.FleetRun{}, err
	}
	run, err := f.Store.Find(ctx, id)
	if err == nil && f.Temporal != nil && run.State == tenant.FleetPending {
		starting, cancel := context.WithTimeout(ctx, startTimeout)
		defer cancel()
		if err := f.start(starting, run); err != nil {
			f.Logger.WarnContext(ctx, "a worker starts the fleet run later", "fleet", run.ID, "error", err)
		}
	}
	return run, err
}

// Find reads a run.
func (f *Fleets) Find(ctx context.Context, id tenant.FleetID) (tenant.FleetRun, error) {
	return f.Store.Find(ctx, id)
}

// List reads runs, the newest first.
func (f *Fleets) List(ctx context.Context, filter tenant.FleetFilter) (tenant.Page[tenant.FleetRun], error) {
	return f.Store.List(ctx, filter)
}

// Items reads the tenants of a run.
func (f *Fleets) Items(ctx context.Context, id tenant.FleetID, filter tenant.FleetItemFilter) (tenant.Page[tenant.FleetItem], error) {
	return f.Store.Items(ctx, id, filter)
}

// Act takes an action: pause, resume, abort or retry. It is audited whether accepted or
// refused. The same request id of the same actor acts once.
//
// Errors: *tenant.InvalidError, tenant.ErrNotFound, *tenant.FleetActionRefusedError,
// *tenant.FleetOpenError, tenant.ErrUnavailable.
func (f *Fleets) Act(ctx context.Context, id tenant.FleetID, a tenant.FleetAction, r tenant.ActionRequest, who tenant.Caller) (tenant.FleetRun, error) {
	r.Actor = who.Actor
	r, err := r.Clean()
	if err != nil {
		return tenant.FleetRun{}, err
	}
	if r.RequestID == "" {
		r.RequestID = uuid.NewString()
	}
	if err := f.Store.Act(ctx, id, a, r, who.Claimed); err != nil {
		return tenant.FleetRun{}, err
	}
	run, err := f.Store.Find(ctx, id)
	if err == nil {
		f.wake(ctx, run)
	}
	return run, err
}

// Refused has an action audited that was refused before it came to Act: its sender may
// not act at all.
func (f *Fleets) Refused(ctx context.Context, id tenant.FleetID, a tenant.FleetAction, who tenant.Caller, why string) error {
	_, err := f.Store.Find(ctx, id)
	if errors.Is(err, tenant.ErrNotFound) {
		return nil // it would have touched nothing
	}
	if err != nil {
		return err
	}
	return f.Audit.Append(ctx, tenant.AuditEntry{
		Actor: who.Actor, Claimed: who.Claimed, Action: a.AuditName(), Outcome: tenant.OutcomeRefused, Operation: tenant.OperationID(id), Detail: why,
	})
}

// wake tells the workflow of a run to look at its row. One that is not told looks within
// a minute, and one that works with its next tenants.
func (f *Fleets) wake(ctx context.Context, r tenant.FleetRun) {
	if f.Temporal == nil || r.RunID == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, signalTimeout)
	defer cancel()
	if err := f.Temporal.SignalWorkflow(ctx, r.WorkflowID(), "", fleet.SignalWake, nil); err != nil {
		f.Logger.WarnContext(ctx, "the workflow of a fleet run is not woken; it looks by itself within a minute", "fleet", r.ID, "error", err)
	}
}

// fleetPoll is how often runs that wait to be started are looked for.
const fleetPoll = 2 * time.Second

// Run starts the workflows of runs that no workflow has, until ctx ends. Every worker
// does; a start that is repeated finds the workflow that is there.
func (f *Fleets) Run(ctx context.Context) {
	tick := time.NewTicker(fleetPoll)
	defer tick.Stop()
	for {
		if err := f.startUnclaimed(ctx); err != nil && ctx.Err() == nil {
			f.Logger.WarnContext(ctx, "fleet runs wait to be started; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (f *Fleets) startUnclaimed(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, takeTimeout)
	defer cancel()
	waiting, err := f.Store.Unclaimed(ctx)
	for _, r := range waiting {
		err = errors.Join(err, f.start(ctx, r))
	}
	return err
}

func (f *Fleets) start(ctx context.Context, r tenant.FleetRun) error {
	lifecycle, known := r.Kind.Lifecycle()
	if !known {
		return fmt.Errorf("start fleet run %s: this version knows no runs of kind %q; update it", r.ID, r.Kind)
	}
	_, err := f.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: r.WorkflowID(), TaskQueue: f.TaskQueue,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		StaticSummary:            string(r.Kind) + " all tenants",
	}, lifecycle.Workflow, fleet.Input{Fleet: r.ID, Kind: r.Kind})
	if err != nil {
		return fmt.Errorf("start fleet run %s: %w", r.ID, err)
	}
	return nil
}

// TakeOver releases open runs whose workflow is closed or gone, so that another one is
// started: what was under way is done again by it. It returns how many.
func (f *Fleets) TakeOver(ctx context.Context) (int, error) {
	open, err := f.Store.Open(ctx)
	if err != nil {
		return 0, err
	}
	taken := 0
	for _, r := range open {
		if r.RunID == "" {
			continue
		}
		closed, err := f.closed(ctx, r)
		if err != nil {
			return taken, err
		}
		if !closed {
			continue
		}
		released, err := f.Store.Release(ctx, r.ID, r.RunID)
		if err != nil {
			return taken, err
		}
		if released {
			taken++
			f.Logger.WarnContext(ctx, "the workflow of a fleet run was closed before its end; another one takes it over", "fleet", r.ID, "kind", r.Kind)
		}
	}
	return taken, nil
}

// closed tells whether the newest workflow of a run does nothing more.
func (f *Fleets) closed(ctx context.Context, r tenant.FleetRun) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	answer, err := f.Temporal.DescribeWorkflowExecution(ctx, r.WorkflowID(), "")
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask Temporal for the workflow of fleet run %s: %w", r.ID, err)
	}
	switch answer.GetWorkflowExecutionInfo().GetStatus() {
	case enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED, enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED,
		enumspb.WORKFLOW_EXECUTION_STATUS_FAILED, enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		return true, nil
	default:
		return false, nil
	}
}
