package stellar

import (
	"context"
	"errors"
	"fmt"

	"github.com/stellar/go-stellar-sdk/txnbuild"

	"tenant-provisioning/internal/tenant"
)

// Deploy makes the tenant's contract and returns its address (C…). It may be
// repeated, and run twice at the same time: one contract is made, and never is
// a second transaction under way that could make it too. progress hears at
// least every few seconds what is being waited for; it may be nil.
//
// Failures that an operator can understand are *tenant.StepError.
// tenant.ErrSuperseded is an attempt that comes too late.
func (d *Deployer) Deploy(ctx context.Context, f tenant.Fence, progress func(detail string)) (string, error) {
	id, err := d.ContractID(f.Tenant, f.Generation)
	if err != nil {
		return "", err
	}
	w := &deployment{d: d, f: f, id: id, progress: orSilent(progress)}
	for {
		done, err := w.round(ctx)
		if err != nil {
			return "", d.explain(err)
		}
		if done {
			return id, nil
		}
	}
}

func orSilent(progress func(string)) func(string) {
	if progress == nil {
		return func(string) {}
	}
	return progress
}

// deployment is one call of Deploy.
type deployment struct {
	d        *Deployer
	f        tenant.Fence
	id       string
	progress func(string)
	tally    tally
	uploaded bool
}

// round goes on from what the journal knows: to the end of the transaction
// that is under way, or to one of its own.
func (w *deployment) round(ctx context.Context) (done bool, err error) {
	rows, err := w.d.journal.Transactions(ctx, w.f.Tenant, w.f.Generation)
	if err != nil {
		return false, err
	}
	past, err := w.d.settleAll(ctx, rows, PurposeDeploy, w.progress)
	if err != nil {
		return false, err
	}
	for _, tx := range past.txs {
		if tx.ContractID != w.id && (tx.State == StateApplied || tx.ResultCode == outsideRetention) {
			return false, w.d.otherAddress(tx)
		}
		if tx.Purpose == PurposeDeploy && tx.State == StateApplied {
			return true, nil
		}
	}
	if len(past.txs) > 0 {
		// None is known to have made the contract: the ledger has the last word.
		if done, err = w.present(ctx, past.floor); done || err != nil {
			return done, err
		}
	}
	for _, tx := range past.ended {
		if err := w.tally.after(tx); err != nil {
			return false, err
		}
	}
	return w.create(ctx, past.floor)
}

func (w *deployment) create(ctx context.Context, floor uint32) (done bool, err error) {
	tx, err := w.d.transact(ctx, order{
		purpose: PurposeDeploy, fence: w.f, contract: w.id, floor: floor,
		operations: func(context.Context, uint32) ([]txnbuild.Operation, error) {
			return []txnbuild.Operation{w.d.createCall(w.f.Tenant, w.f.Generation)}, nil
		},
	}, w.progress)
	if e, ok := errors.AsType[*simulationError](err); ok {
		return w.afterSimulation(ctx, e)
	}
	switch {
	case errors.Is(err, ErrInFlight) || errors.Is(err, ErrLeaseLost):
		return false, nil
	case err != nil:
		return false, err
	case tx.State == StateApplied:
		return true, nil
	case tx.ResultCode == resultTrapped || tx.ResultCode == outsideRetention:
		if done, err = w.present(ctx, tx.Ledger); done || err != nil {
			return done, err
		}
	}
	return false, w.tally.after(tx)
}

// afterSimulation: a contract that exists is looked at; code that is missing
// is uploaded, once.
func (w *deployment) afterSimulation(ctx context.Context, e *simulationError) (done bool, err error) {
	switch {
	case e.exists():
		done, err = w.present(ctx, e.ledger)
		if err == nil && !done {
			err = fmt.Errorf("the Stellar RPC server says that the contract exists and does not show it")
		}
		return done, err
	case e.missing() && !w.uploaded:
		w.uploaded = true
		return false, w.d.ensureCode(ctx, w.progress)
	}
	return false, e
}

func (w *deployment) present(ctx context.Context, floor uint32) (bool, error) {
	id, err := parseContract(w.id)
	if err != nil {
		return false, err
	}
	return w.d.present(ctx, w.f, id, floor, w.progress)
}

// ensureCode uploads the contract's code unless it is on the ledger.
func (d *Deployer) ensureCode(ctx context.Context, progress func(string)) error {
	return d.share(ctx, PurposeUpload, func(ctx context.Context, floor uint32) ([]txnbuild.Operation, error) {
		entries, _, err := d.read(ctx, floor, progress, codeKey(d.codeHash))
		if err != nil || entries[0] != nil {
			return nil, err
		}
		return []txnbuild.Operation{d.uploadCall()}, nil
	}, progress)
}

// share brings about what serves all tenants, unless somebody else does.
func (d *Deployer) share(ctx context.Context, p Purpose, operations func(context.Context, uint32) ([]txnbuild.Operation, error), progress func(string)) error {
	for t := (tally{}); ; {
		tx, err := d.transact(ctx, order{purpose: p, operations: operations}, progress)
		switch {
		case errors.Is(err, errNothingToDo):
			return nil
		case errors.Is(err, ErrInFlight) || errors.Is(err, ErrLeaseLost):
			continue
		case err != nil:
			return err
		case tx.State == StateApplied:
			return nil
		}
		if err := t.after(tx); err != nil {
			return err
		}
	}
}
