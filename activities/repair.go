package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"tenant-provisioning/internal/tenant"
)

// RepairStore repairs what is in the database. Each repair reports false when
// there was nothing to repair any more.
type RepairStore interface {
	DropLeftoverRole(ctx context.Context, role string) (bool, error)
	CloseLostAttempt(ctx context.Context, subject string) (bool, error)
	DoubtEmail(ctx context.Context, id string) (bool, error)
	DropRestoreSchema(ctx context.Context, schema string) (bool, error)
	// Mend repairs a tenant's row, or what its role was granted.
	Mend(ctx context.Context, f tenant.Finding) (bool, error)
}

// OperationReader reads operations.
type OperationReader interface {
	Find(ctx context.Context, id tenant.OperationID) (tenant.Operation, error)
}

// Releaser takes an open operation from a run that is closed; false when another
// one has it by now.
type Releaser interface {
	Release(ctx context.Context, id tenant.OperationID, run string, stopped bool) (bool, error)
}

// RepairRequest is a finding to be repaired, and who wants it: a name that
// anybody who may start a workflow can write, and that is audited as claimed.
type RepairRequest struct {
	Finding tenant.FindingID `json:"finding"`
	Actor   string           `json:"actor"`
	Reason  string           `json:"reason,omitempty"`
}

// RepairSafe repairs the open findings whose repair can lose nothing. One that
// fails does not hold up the others, and is tried again in the next round.
func (a *Reconciler) RepairSafe(ctx context.Context) error {
	var failed []error
	for after := tenant.FindingID(0); ; {
		page, err := a.Findings.Safe(ctx, after, pageRows)
		if err != nil {
			return reconcileError(ctx, errors.Join(append(failed, err)...))
		}
		for _, f := range page {
			after = f.ID
			if !f.Kind.Repairable() {
				continue
			}
			activity.RecordHeartbeat(ctx, f.ID.String())
			if err := a.repair(ctx, f, tenant.Caller{Actor: tenant.ReconcilerActor}, ""); err != nil {
				failed = append(failed, fmt.Errorf("%s: %w", f.ID, err))
			}
		}
		if len(page) < pageRows {
			return reconcileError(ctx, errors.Join(failed...))
		}
	}
}

// Repair repairs one open finding on request. One that is closed already is
// left as it is.
func (a *Reconciler) Repair(ctx context.Context, r RepairRequest) error {
	f, err := a.Findings.Find(ctx, r.Finding)
	if err != nil {
		return reconcileError(ctx, err)
	}
	if f.State != tenant.FindingOpen {
		return nil
	}
	if !f.Kind.Repairable() {
		return classify("", &tenant.StepError{Permanent: true, Class: tenant.ClassPermanent, Reason: "nothing repairs this by itself; by hand: " + f.Repair})
	}
	return reconcileError(ctx, a.repair(ctx, f, tenant.Caller{Actor: r.Actor, Claimed: true}, r.Reason))
}

// repair looks once more, repairs, and closes the finding: as repaired, or as
// gone when there was nothing to repair.
func (a *Reconciler) repair(ctx context.Context, f tenant.Finding, who tenant.Caller, reason string) error {
	done, err := a.mend(ctx, f)
	if err != nil {
		return err
	}
	to := tenant.FindingRepaired
	if !done {
		to = tenant.FindingGone
	}
	_, err = a.Findings.Resolve(ctx, f, to, who, reason)
	return err
}

func (a *Reconciler) mend(ctx context.Context, f tenant.Finding) (bool, error) {
	switch f.Kind {
	case tenant.FindingRunClosed:
		return a.takeOver(ctx, f.Operation)
	case tenant.FindingNeverStarted:
		return a.startNow(ctx, f.Operation)
	case tenant.FindingFailedWithSchema:
		return true, a.undo(ctx, f.Operation, a.Schemas.Drop, a.Schemas.Remove)
	case tenant.FindingFailedWithContract:
		return true, a.undo(ctx, f.Operation, a.terminate, a.terminateAll)
	case tenant.FindingContractStatusDiffers:
		return a.setContract(ctx, f)
	case tenant.FindingRoleWithoutTenant, tenant.FindingFailedWithRole:
		return a.Repairs.DropLeftoverRole(ctx, f.Subject)
	case tenant.FindingLostAttempt:
		return a.Repairs.CloseLostAttempt(ctx, f.Subject)
	case tenant.FindingRestoreSchema:
		return a.Repairs.DropRestoreSchema(ctx, f.Subject)
	case tenant.FindingMailInDoubt:
		return a.Repairs.DoubtEmail(ctx, f.Subject)
	case tenant.FindingStatusDiffers, tenant.FindingActiveWithoutDate, tenant.FindingContractUnknown,
		tenant.FindingContractDiffers, tenant.FindingRoleNotGranted, tenant.FindingGrantsMissing, tenant.FindingAccessNotEnded:
		return a.Repairs.Mend(ctx, f)
	default: // by hand
	}
	return false, fmt.Errorf("a finding of the kind %s has no repair", f.Kind)
}

// takeOver takes an open operation from a run that is closed and starts
// another one. When only the start fails, the operation is found again: it has
// no run then.
func (a *Reconciler) takeOver(ctx context.Context, id tenant.OperationID) (bool, error) {
	o, err := a.Operations.Find(ctx, id)
	if err != nil || o.State.Closed() {
		return false, err
	}
	run, err := a.Runs.Look(ctx, o)
	if err != nil || run == RunOpen {
		return false, err
	}
	if o.RunID != "" {
		if released, err := a.Releaser.Release(ctx, id, o.RunID, run == RunStopped); err != nil || !released {
			return false, err
		}
	}
	return true, a.Runs.Start(ctx, o)
}

func (a *Reconciler) startNow(ctx context.Context, id tenant.OperationID) (bool, error) {
	o, err := a.Operations.Find(ctx, id)
	if err != nil || o.State != tenant.StatePending {
		return false, err
	}
	return true, a.Runs.Start(ctx, o)
}

// undo runs an undo of a rolled-back operation, or removes what a purge has left.
// The fence still holds: the operation's row is locked, and must be as it was.
func (a *Reconciler) undo(ctx context.Context, id tenant.OperationID, undo, remove func(context.Context, tenant.Fence) error) error {
	o, err := a.Operations.Find(ctx, id)
	if err != nil {
		return err
	}
	if o.State == tenant.StateSucceeded && o.ToStatus == tenant.StatusDeleted {
		return remove(ctx, o.Fence())
	}
	if o.State != tenant.StateRolledBack || o.PivotPassed {
		return &tenant.StepError{
			Class: tenant.ClassConflict, Permanent: true,
			Reason: fmt.Sprintf("the operation is %s: only what a rollback or a purge left is removed here", o.State),
		}
	}
	return undo(ctx, o.Fence())
}

// setContract gives a contract the status that the tenant's newest operation has
// left, by a transaction of that operation.
func (a *Reconciler) setContract(ctx context.Context, f tenant.Finding) (bool, error) {
	o, err := a.Operations.Find(ctx, f.Operation)
	if err != nil || !o.State.Closed() {
		return false, err
	}
	to := o.Leaves().Contract()
	if is, err := a.Ledger.ContractStatus(ctx, f.Subject); err != nil || is == to || to == "" {
		return false, err
	}
	return true, a.Terminator.SetStatus(ctx, o.Fence(), f.Subject, to, heartbeat(ctx))
}

func (a *Reconciler) terminate(ctx context.Context, f tenant.Fence) error {
	started := time.Now()
	if err := a.Terminator.Terminate(ctx, f, heartbeat(ctx)); err != nil {
		return err
	}
	return a.Contracts.Terminated(ctx, f, time.Since(started))
}

func (a *Reconciler) terminateAll(ctx context.Context, f tenant.Fence) error {
	contractID, err := a.Contracts.Find(ctx, f)
	if err != nil {
		return err
	}
	return a.Terminator.TerminateAll(ctx, f, contractID, heartbeat(ctx))
}
