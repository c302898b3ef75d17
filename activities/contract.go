package activities

import (
	"context"
	"errors"
	"time"

	"tenant-provisioning/internal/tenant"
)

// ContractStore keeps the contract's address and the step's log.
type ContractStore interface {
	BeginDeployment(ctx context.Context, f tenant.Fence) (attempt tenant.AttemptID, stored string, err error)
	CompleteDeployment(ctx context.Context, f tenant.Fence, attempt tenant.AttemptID, contractID string) error
	Terminated(ctx context.Context, f tenant.Fence, took time.Duration) error
	// BeginStatus logs an attempt at a step that sets the contract's status,
	// and tells the contract; it is empty where the tenant has none, and done tells
	// that the step is done.
	BeginStatus(ctx context.Context, f tenant.Fence, step tenant.Step) (attempt tenant.AttemptID, contractID string, done bool, err error)
	CompleteStatus(ctx context.Context, f tenant.Fence, step tenant.Step, attempt tenant.AttemptID) error
	// Find is the tenant's contract; empty where it has none.
	Find(ctx context.Context, f tenant.Fence) (contractID string, err error)
	StatusUndone(ctx context.Context, f tenant.Fence, step tenant.Step, took time.Duration) error
}

// Ledger deploys contracts and sets their status. All calls may be repeated at any time;
// progress is told what they wait for, at least every few seconds.
type Ledger interface {
	Deploy(ctx context.Context, f tenant.Fence, progress func(string)) (contractID string, err error)
	Terminate(ctx context.Context, f tenant.Fence, progress func(string)) error
	// TerminateAll is Terminate for every generation of the tenant, and for the
	// contract that its row names; that is empty where it names none.
	TerminateAll(ctx context.Context, f tenant.Fence, contractID string, progress func(string)) error
	// SetStatus sets the status of a contract that is there, if it has another.
	// Terminated is final: setting another then fails for good.
	SetStatus(ctx context.Context, f tenant.Fence, contractID string, to tenant.ContractStatus, progress func(string)) error
}

// Contract covers the steps that deploy a tenant's contract and set its status.
type Contract struct {
	Store    ContractStore
	Ledger   Ledger
	Failures FailureLog
}

// DeployContract deploys the tenant's contract and stores its address. The
// address is known before anything is sent, and every transaction is
// journalled first: a repetition finds what an earlier attempt has sent.
func (a *Contract) DeployContract(ctx context.Context, f tenant.Fence, b Budget) error {
	return attempt(ctx, a.Failures, f, b, tenant.StepDeployContract, func(ctx context.Context, id *tenant.AttemptID) (err error) {
		var stored string
		*id, stored, err = a.Store.BeginDeployment(ctx, f)
		if err != nil || stored != "" {
			return err
		}
		contractID, err := a.Ledger.Deploy(ctx, f, heartbeat(ctx))
		if err != nil {
			return err
		}
		return a.Store.CompleteDeployment(ctx, f, *id, contractID)
	})
}

// TerminateContract undoes DeployContract as far as a ledger can be undone: it
// learns the fate of every transaction that was journalled, and ends the
// contract if there is one. Ending an ended contract is no error.
func (a *Contract) TerminateContract(ctx context.Context, f tenant.Fence, b Budget) error {
	return attempt(ctx, a.Failures, f, b, tenant.StepDeployContract, func(ctx context.Context, _ *tenant.AttemptID) error {
		started := time.Now()
		if err := a.Ledger.Terminate(ctx, f, heartbeat(ctx)); err != nil {
			return err
		}
		return a.Store.Terminated(ctx, f, time.Since(started))
	})
}

// SuspendContract sets the tenant's contract suspended. A tenant without one has
// nothing to suspend.
func (a *Contract) SuspendContract(ctx context.Context, f tenant.Fence, b Budget) error {
	return a.setStatus(ctx, f, b, tenant.StepSuspendContract, tenant.ContractSuspended)
}

// UnsuspendContract undoes SuspendContract, also where it never ran.
func (a *Contract) UnsuspendContract(ctx context.Context, f tenant.Fence, b Budget) error {
	return a.undoStatus(ctx, f, b, tenant.StepSuspendContract, tenant.ContractActive)
}

// ResumeContract sets the tenant's contract active.
func (a *Contract) ResumeContract(ctx context.Context, f tenant.Fence, b Budget) error {
	return a.setStatus(ctx, f, b, tenant.StepResumeContract, tenant.ContractActive)
}

// UnresumeContract undoes ResumeContract, also where it never ran.
func (a *Contract) UnresumeContract(ctx context.Context, f tenant.Fence, b Budget) error {
	return a.undoStatus(ctx, f, b, tenant.StepResumeContract, tenant.ContractSuspended)
}

// EndContracts sets every contract that the tenant ever had terminated, which is
// final.
func (a *Contract) EndContracts(ctx context.Context, f tenant.Fence, b Budget) error {
	return a.onLedger(ctx, f, b, tenant.StepTerminateContract, func(ctx context.Context, contractID string) error {
		return a.Ledger.TerminateAll(ctx, f, contractID, heartbeat(ctx))
	})
}

func (a *Contract) setStatus(ctx context.Context, f tenant.Fence, b Budget, step tenant.Step, to tenant.ContractStatus) error {
	return a.onLedger(ctx, f, b, step, func(ctx context.Context, contractID string) error {
		if contractID == "" {
			return nil
		}
		return a.Ledger.SetStatus(ctx, f, contractID, to, heartbeat(ctx))
	})
}

// onLedger does a step that changes what the ledger says, unless an earlier attempt
// has done it. do is told the tenant's contract; empty where it has none.
func (a *Contract) onLedger(ctx context.Context, f tenant.Fence, b Budget, step tenant.Step, do func(ctx context.Context, contractID string) error) error {
	return attempt(ctx, a.Failures, f, b, step, func(ctx context.Context, id *tenant.AttemptID) error {
		begun, contractID, done, err := a.Store.BeginStatus(ctx, f, step)
		*id = begun
		if err != nil || done {
			return err
		}
		if err := do(ctx, contractID); err != nil {
			return inStep(step, err)
		}
		return a.Store.CompleteStatus(ctx, f, step, begun)
	})
}

func (a *Contract) undoStatus(ctx context.Context, f tenant.Fence, b Budget, step tenant.Step, to tenant.ContractStatus) error {
	return attempt(ctx, a.Failures, f, b, step, func(ctx context.Context, _ *tenant.AttemptID) error {
		started := time.Now()
		contractID, err := a.Store.Find(ctx, f)
		if err != nil {
			return err
		}
		if contractID != "" {
			if err := a.Ledger.SetStatus(ctx, f, contractID, to, heartbeat(ctx)); err != nil {
				return inStep(step, err)
			}
		}
		return a.Store.StatusUndone(ctx, f, step, time.Since(started))
	})
}

// inStep puts a ledger's error down to the step that met it.
func inStep(step tenant.Step, err error) error {
	se, ok := errors.AsType[*tenant.StepError](err)
	if !ok {
		return err
	}
	of := *se
	of.Step = step
	return &of
}
