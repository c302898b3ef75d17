package stellar

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"

	"tenant-provisioning/internal/stellar/rpc"
	"tenant-provisioning/internal/stellar/submit"
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
	seen := witnessOf(progress)
	w := &deployment{d: d, f: f, progress: seen.say}
	err := d.remember(ctx)
	for err == nil {
		var done bool
		if done, err = w.round(ctx); done {
			return w.id, nil
		}
	}
	return "", d.explainCut(ctx, err, seen)
}

// remember keeps what the contracts of this process come from, before the ledger hears
// of any.
func (d *Deployer) remember(ctx context.Context) error {
	if d.remembered.Load() {
		return nil
	}
	err := d.journal.Remember(ctx, d.cfg.Passphrase, tenant.ContractOrigin{Admin: d.admin.Address(), Code: d.codeHash.HexString()})
	if err == nil {
		d.remembered.Store(true)
	}
	return err
}

func orSilent(progress func(string)) func(string) {
	if progress == nil {
		return func(string) {}
	}
	return progress
}

// deployment is one call of Deploy.
type deployment struct {
	d     *Deployer
	f     tenant.Fence
	nonce Nonce
	// id is the contract's address, as soon as it is known.
	id       string
	progress func(string)
	tally    submit.Tally
	uploaded bool
}

// identify finds out which contract is to be made, once: that of the nonce, unless a
// worker that knew of none has begun another.
func (w *deployment) identify(ctx context.Context, past []submit.Transaction) error {
	if w.id != "" {
		return nil
	}
	nonce, err := w.d.journal.Nonce(ctx, w.f.Tenant, w.f.Generation)
	if err != nil {
		return err
	}
	without, err := w.d.ContractID(w.f.Tenant, w.f.Generation, nil)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(past, func(tx submit.Transaction) bool { return makesContract(tx) && tx.ContractID == without }) {
		w.id = without
		return nil
	}
	w.nonce = nonce
	w.id, err = w.d.ContractID(w.f.Tenant, w.f.Generation, nonce)
	return err
}

// round goes on from what the journal knows: to the end of the transaction
// that is under way, or to one of its own.
func (w *deployment) round(ctx context.Context) (done bool, err error) {
	past, err := w.d.submitter.Settle(ctx, w.f.Tenant, w.f.Generation, makesContract, w.progress)
	if err == nil {
		err = w.identify(ctx, past.Transactions)
	}
	if err != nil {
		return false, err
	}
	if at := slices.IndexFunc(past.Transactions, made); at >= 0 {
		w.id = past.Transactions[at].ContractID // also where another deployer has made it
		return true, nil
	}
	// None is known to have made the contract: the ledger has the last word.
	for _, address := range w.perhaps(past.Transactions) {
		if done, err = w.isDeployed(ctx, address, past.Floor); done || err != nil {
			return done, err
		}
	}
	for _, tx := range past.Ended {
		if err := w.tally.After(tx); err != nil {
			return false, err
		}
	}
	return w.create(ctx, past.Floor)
}

func makesContract(tx submit.Transaction) bool { return tx.Purpose == submit.PurposeDeploy }

func made(tx submit.Transaction) bool { return makesContract(tx) && tx.State == submit.StateApplied }

// perhaps lists where the contract may be: at an address that a deployer before this one
// has sent a transaction for, whose fate nobody can tell any more, and at its own.
func (w *deployment) perhaps(past []submit.Transaction) []string {
	var addresses []string
	for _, tx := range past {
		if makesContract(tx) && tx.ResultCode == submit.ResultForgotten && tx.ContractID != w.id {
			addresses = append(addresses, tx.ContractID)
		}
	}
	if len(past) > 0 {
		addresses = append(addresses, w.id)
	}
	return addresses
}

func (w *deployment) create(ctx context.Context, floor uint32) (done bool, err error) {
	tx, err := w.d.transact(ctx, submit.Order{
		Purpose: submit.PurposeDeploy, Fence: w.f, ContractID: w.id, Floor: floor,
		Operations: func(context.Context, uint32) ([]txnbuild.Operation, error) {
			return []txnbuild.Operation{w.d.createCall(w.f.Tenant, w.f.Generation, w.nonce)}, nil
		},
	}, w.progress)
	if e, ok := errors.AsType[*rpc.SimulationError](err); ok {
		return w.afterSimulation(ctx, e)
	}
	switch {
	case errors.Is(err, submit.ErrInFlight) || errors.Is(err, submit.ErrLeaseLost):
		return false, nil
	case err != nil:
		return false, err
	case tx.State == submit.StateApplied:
		return true, nil
	case tx.ResultCode == submit.ResultTrapped || tx.ResultCode == submit.ResultForgotten:
		if done, err = w.isDeployed(ctx, w.id, tx.Ledger); done || err != nil {
			return done, err
		}
	}
	return false, w.tally.After(tx)
}

// afterSimulation: a contract that exists is looked at; code that is missing
// is uploaded, once.
func (w *deployment) afterSimulation(ctx context.Context, e *rpc.SimulationError) (done bool, err error) {
	switch {
	case e.Exists():
		done, err = w.isDeployed(ctx, w.id, e.Ledger)
		if err == nil && !done {
			err = fmt.Errorf("the Stellar RPC server says that the contract exists and does not show it")
		}
		return done, err
	case e.Missing() && !w.uploaded:
		w.uploaded = true
		return false, w.d.ensureCode(ctx, w.progress)
	}
	return false, e
}

// isDeployed reports whether the contract is at an address, which is its own then.
func (w *deployment) isDeployed(ctx context.Context, address string, floor uint32) (done bool, err error) {
	id, err := parseContract(address)
	if err != nil {
		return false, err
	}
	if done, err = w.d.isDeployed(ctx, w.f, w.nonce, id, floor, w.progress); done {
		w.id = address
	}
	return done, err
}

// transact has one transaction sent, from a channel account. Those are made
// where one is missing, and the code that all tenants share is restored where it is
// archived: no tenant pays for the others.
func (d *Deployer) transact(ctx context.Context, o submit.Order, progress func(string)) (submit.Transaction, error) {
	for p := d.rpc.NewPace(); ; {
		tx, err := d.submitter.Do(ctx, o, progress)
		archived, isArchived := errors.AsType[*submit.CodeArchivedError](err)
		switch {
		case errors.Is(err, submit.ErrNoChannel):
			err = d.createAccounts(ctx, progress)
		case isArchived:
			err = d.restore(ctx, archived.Keys, progress)
		default:
			return tx, err
		}
		if err != nil {
			return submit.Transaction{}, err
		}
		if err := p.Wait(ctx); err != nil {
			return submit.Transaction{}, err
		}
	}
}

// ensureCode uploads the contract's code, or restores it, unless it lives on the ledger.
func (d *Deployer) ensureCode(ctx context.Context, progress func(string)) error {
	if err := d.restore(ctx, []xdr.LedgerKey{codeKey(d.codeHash)}, progress); err != nil {
		return err
	}
	return d.sendForAll(ctx, submit.PurposeUpload, func(ctx context.Context, floor uint32) ([]txnbuild.Operation, error) {
		entries, _, err := d.rpc.Read(ctx, floor, progress, codeKey(d.codeHash))
		if err != nil || entries[0] != nil {
			return nil, err
		}
		return []txnbuild.Operation{d.uploadCall()}, nil
	}, progress)
}

// sendForAll brings about what serves all tenants, unless somebody else does.
func (d *Deployer) sendForAll(ctx context.Context, p submit.Purpose, operations func(context.Context, uint32) ([]txnbuild.Operation, error), progress func(string)) error {
	for t := (submit.Tally{}); ; {
		tx, err := d.submitter.Do(ctx, submit.Order{Purpose: p, Operations: operations}, progress)
		switch {
		case errors.Is(err, submit.ErrNothingToDo):
			return nil
		case errors.Is(err, submit.ErrInFlight) || errors.Is(err, submit.ErrLeaseLost):
			continue
		case err != nil:
			return err
		case tx.State == submit.StateApplied:
			return nil
		}
		if err := t.After(tx); err != nil {
			return err
		}
	}
}
