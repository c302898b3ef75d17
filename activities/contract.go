package activities

import (
	"context"
	"time"

	"tenant-provisioning/internal/tenant"
)

// ContractStore keeps the contract's address and the step's log.
type ContractStore interface {
	BeginDeployment(ctx context.Context, f tenant.Fence) (attempt tenant.AttemptID, stored string, err error)
	CompleteDeployment(ctx context.Context, f tenant.Fence, attempt tenant.AttemptID, contractID string) error
	Terminated(ctx context.Context, f tenant.Fence, took time.Duration) error
}

// Ledger deploys and ends contracts. Both calls may be repeated at any time;
// progress is told what they wait for, at least every few seconds.
type Ledger interface {
	Deploy(ctx context.Context, f tenant.Fence, progress func(string)) (contractID string, err error)
	Terminate(ctx context.Context, f tenant.Fence, progress func(string)) error
}

// Contract covers DEPLOY_SOROBAN_CONTRACT and STORE_CONTRACT_ADDRESS.
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
