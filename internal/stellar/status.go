package stellar

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"

	tenantcontract "tenant-provisioning/contracts/tenant"
	"tenant-provisioning/internal/stellar/submit"
	"tenant-provisioning/internal/tenant"
)

// statuses are those of the contract by our names.
var statuses = map[tenant.ContractStatus]tenantcontract.Status{
	tenant.ContractActive:     tenantcontract.Active,
	tenant.ContractSuspended:  tenantcontract.Suspended,
	tenant.ContractTerminated: tenantcontract.Terminated,
}

// Status asks a contract for its status, without a transaction.
// tenant.ErrNotFound is a contract that is not on the ledger.
func (d *Deployer) Status(ctx context.Context, contractID string) (tenant.ContractStatus, error) {
	id, err := parseContract(contractID)
	if err != nil {
		return "", err
	}
	s, err := d.status(ctx, id, 0, func(string) {})
	return s, d.explain(err)
}

func (d *Deployer) status(ctx context.Context, id xdr.ContractId, floor uint32, progress func(string)) (tenant.ContractStatus, error) {
	v, err := d.get(ctx, id, tenantcontract.GetStatus, floor, progress)
	if err != nil {
		return "", err
	}
	n, ok := v.GetU32()
	for name, s := range statuses {
		if ok && s == tenantcontract.Status(n) {
			return name, nil
		}
	}
	return "", fmt.Errorf("the contract's status is %s, which is none that we know", v)
}

// ContractStatus is what a contract says on the ledger; empty when it is not
// there. On another network than ours everything would look lost.
func (d *Deployer) ContractStatus(ctx context.Context, contractID string) (tenant.ContractStatus, error) {
	if err := d.rpc.Confirm(ctx); err != nil {
		return "", d.explain(err)
	}
	s, err := d.Status(ctx, contractID)
	if errors.Is(err, tenant.ErrNotFound) {
		return "", nil
	}
	return s, err
}

// SetStatus gives a contract a status, by a transaction if it has another one.
// It may be repeated, and be called again for another operation: what an earlier
// one has sent is brought to its end first. Errors are those of Deploy; a
// contract that is not on the ledger is tenant.ErrNotFound.
func (d *Deployer) SetStatus(ctx context.Context, f tenant.Fence, contractID string, s tenant.ContractStatus, progress func(detail string)) error {
	seen := witnessOf(progress)
	past, err := d.submitter.Settle(ctx, f.Tenant, f.Generation, sets(s), seen.say)
	if err == nil {
		err = d.changeStatus(ctx, f, contractID, s, past, seen.say)
	}
	return d.explainCut(ctx, err, seen)
}

// sets tells the transactions that set a status. One that sets another, for an
// operation before, is not sent again.
func sets(s tenant.ContractStatus) func(submit.Transaction) bool {
	return func(tx submit.Transaction) bool {
		return tx.Purpose == submit.PurposeSetStatus && tx.TargetStatus == s
	}
}

func (d *Deployer) changeStatus(ctx context.Context, f tenant.Fence, contractID string, s tenant.ContractStatus, past submit.History, progress func(string)) error {
	id, err := parseContract(contractID)
	if err != nil {
		return err
	}
	c := &change{d: d, order: submit.Order{
		Purpose: submit.PurposeSetStatus, Fence: f, ContractID: contractID, TargetStatus: s,
		Operations: func(ctx context.Context, floor uint32) ([]txnbuild.Operation, error) {
			admin, err := d.authority(ctx, id, floor, progress)
			if err != nil {
				return nil, err
			}
			return []txnbuild.Operation{authorised(admin, d.functionCall(id, tenantcontract.SetStatus, u32Value(uint32(statuses[s]))))}, nil
		},
	}, id: id, progress: progress}
	for {
		done, err := c.round(ctx, past)
		if done || err != nil {
			return err
		}
		if past, err = d.submitter.Settle(ctx, f.Tenant, f.Generation, sets(s), progress); err != nil {
			return err
		}
	}
}

// change is one call that sets a status.
type change struct {
	d        *Deployer
	order    submit.Order
	id       xdr.ContractId
	progress func(string)
	tally    submit.Tally
}

func (c *change) round(ctx context.Context, past submit.History) (done bool, err error) {
	if done, err = c.there(ctx, past.Floor); done || err != nil {
		return done, err
	}
	for _, tx := range past.Ended {
		if err := c.tally.After(tx); err != nil {
			return false, err
		}
	}
	c.order.Floor = past.Floor
	tx, err := c.d.transact(ctx, c.order, c.progress)
	switch {
	case errors.Is(err, submit.ErrInFlight) || errors.Is(err, submit.ErrLeaseLost):
		return false, nil
	case err != nil:
		return false, err
	case tx.State == submit.StateApplied:
		return true, nil
	}
	if tx.ResultCode == submit.ResultTrapped {
		// Somebody else may have brought the status about just before.
		if done, err = c.there(ctx, tx.Ledger); done || err != nil {
			return done, err
		}
	}
	return false, c.tally.After(tx)
}

func (c *change) there(ctx context.Context, floor uint32) (bool, error) {
	now, err := c.d.status(ctx, c.id, floor, c.progress)
	return err == nil && now == c.order.TargetStatus, err
}

// Terminate undoes Deploy as far as a ledger can be undone: the contract, if
// there is one, gets the status terminated, which is final. It does nothing,
// and asks nobody, when no transaction was ever journalled for this generation.
// Otherwise it first learns the fate of every one. It may be repeated. Errors
// are those of Deploy.
func (d *Deployer) Terminate(ctx context.Context, f tenant.Fence, progress func(detail string)) error {
	seen := witnessOf(progress)
	_, err := d.terminate(ctx, f, f.Generation, seen.say)
	return d.explainCut(ctx, err, seen)
}

// TerminateAll is Terminate for every generation up to that of the fence, and for
// the contract that the tenant's row names, where the journal does not know that;
// empty is none.
func (d *Deployer) TerminateAll(ctx context.Context, f tenant.Fence, contractID string, progress func(detail string)) error {
	seen := witnessOf(progress)
	known := contractID == ""
	for generation := f.Generation; generation > 0; generation-- {
		journalled, err := d.terminate(ctx, f, generation, seen.say)
		if err != nil {
			return d.explainCut(ctx, err, seen)
		}
		known = known || slices.Contains(journalled, contractID)
	}
	if known {
		return nil
	}
	return d.SetStatus(ctx, f, contractID, tenant.ContractTerminated, progress)
}

// terminate ends the contracts that the journal has of a generation, and returns
// these.
func (d *Deployer) terminate(ctx context.Context, f tenant.Fence, generation int, progress func(string)) ([]string, error) {
	past, err := d.submitter.Settle(ctx, f.Tenant, generation, sets(tenant.ContractTerminated), progress)
	if err != nil {
		return nil, err
	}
	journalled := contracts(past.Transactions)
	for _, contractID := range journalled {
		there, err := d.exists(ctx, contractID, past, progress)
		if err != nil {
			return nil, err
		}
		if !there {
			continue
		}
		if err := d.changeStatus(ctx, f, contractID, tenant.ContractTerminated, past, progress); err != nil {
			return nil, err
		}
	}
	return journalled, nil
}

// contracts lists the addresses in a journal: one, unless the deployer was
// changed in between.
func contracts(txs []submit.Transaction) []string {
	var ids []string
	for _, tx := range txs {
		if tx.ContractID != "" && !slices.Contains(ids, tx.ContractID) {
			ids = append(ids, tx.ContractID)
		}
	}
	return ids
}

// exists asks the ledger for a contract, which must be there if the journal says
// that it was made.
func (d *Deployer) exists(ctx context.Context, contractID string, past submit.History, progress func(string)) (bool, error) {
	id, err := parseContract(contractID)
	if err != nil {
		return false, err
	}
	if err := d.rpc.Confirm(ctx); err != nil {
		return false, err
	}
	progress("looking for the contract on the ledger")
	entries, _, err := d.rpc.Read(ctx, past.Floor, progress, instanceKey(id))
	if err != nil || entries[0] != nil {
		return err == nil, err
	}
	if slices.ContainsFunc(past.Transactions, func(tx submit.Transaction) bool {
		return makesContract(tx) && tx.ContractID == contractID && tx.State == submit.StateApplied
	}) {
		return false, fmt.Errorf("contract %s was made in ledger %d and the Stellar RPC server does not show it", contractID, past.Floor)
	}
	return false, nil
}
