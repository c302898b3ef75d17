package stellar

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"

	tenantcontract "tenant-provisioning/contracts/tenant"
	"tenant-provisioning/internal/tenant"
)

// SetStatus gives a tenant's contract a status, by a transaction if it has
// another one. It may be repeated. Errors are those of Deploy; a contract that
// is not on the ledger is tenant.ErrNotFound.
func (d *Deployer) SetStatus(ctx context.Context, f tenant.Fence, contractID string, s Status, progress func(detail string)) error {
	id, err := parseContract(contractID)
	if err != nil {
		return err
	}
	progress = orSilent(progress)
	for t := (tally{}); ; {
		done, err := d.setStatusRound(ctx, f, id, contractID, s, &t, progress)
		if done || err != nil {
			return d.explain(err)
		}
	}
}

func (d *Deployer) setStatusRound(ctx context.Context, f tenant.Fence, id xdr.ContractId, contractID string, s Status, t *tally, progress func(string)) (done bool, err error) {
	rows, err := d.journal.Transactions(ctx, f.Tenant, f.Generation)
	if err != nil {
		return false, err
	}
	past, err := d.settleAll(ctx, rows, PurposeSetStatus, progress)
	if err != nil {
		return false, err
	}
	now, err := d.status(ctx, id, past.floor, progress)
	if err != nil || now == s {
		return err == nil, err
	}
	for _, tx := range past.ended {
		if err := t.after(tx); err != nil {
			return false, err
		}
	}
	tx, err := d.transact(ctx, order{
		purpose: PurposeSetStatus, fence: f, contract: contractID, floor: past.floor,
		operations: func(context.Context, uint32) ([]txnbuild.Operation, error) {
			return []txnbuild.Operation{d.functionCall(id, tenantcontract.SetStatus, u32Value(uint32(s)))}, nil
		},
	}, progress)
	switch {
	case errors.Is(err, ErrInFlight) || errors.Is(err, ErrLeaseLost):
		return false, nil
	case err != nil:
		return false, err
	case tx.State == StateApplied:
		return true, nil
	}
	if tx.ResultCode == resultTrapped {
		// Somebody else may have brought the status about just before.
		if now, err := d.status(ctx, id, tx.Ledger, progress); err != nil || now == s {
			return err == nil, err
		}
	}
	return false, t.after(tx)
}

// Terminate undoes Deploy as far as a ledger can be undone: the contract, if
// there is one, gets the status terminated, which is final. It does nothing,
// and asks nobody, when no transaction was ever journalled for this generation.
// Otherwise it first learns the fate of every one. It may be repeated. Errors
// are those of Deploy.
func (d *Deployer) Terminate(ctx context.Context, f tenant.Fence, progress func(detail string)) error {
	progress = orSilent(progress)
	rows, err := d.journal.Transactions(ctx, f.Tenant, f.Generation)
	if err != nil || len(rows) == 0 {
		return err
	}
	past, err := d.settleAll(ctx, rows, PurposeSetStatus, progress)
	if err != nil {
		return d.explain(err)
	}
	for _, contractID := range contracts(past.txs) {
		if err := d.terminateOne(ctx, f, contractID, past, progress); err != nil {
			return err
		}
	}
	return nil
}

// contracts lists the addresses in a journal: one, unless the deployer was
// changed in between.
func contracts(txs []Transaction) []string {
	var ids []string
	for _, tx := range txs {
		if tx.ContractID != "" && !slices.Contains(ids, tx.ContractID) {
			ids = append(ids, tx.ContractID)
		}
	}
	return ids
}

func (d *Deployer) terminateOne(ctx context.Context, f tenant.Fence, contractID string, past history, progress func(string)) error {
	id, err := parseContract(contractID)
	if err != nil {
		return err
	}
	made := slices.ContainsFunc(past.txs, func(tx Transaction) bool {
		return tx.Purpose == PurposeDeploy && tx.ContractID == contractID && tx.State == StateApplied
	})
	if err := d.confirmNetwork(ctx); err != nil {
		return d.explain(err)
	}
	progress("looking for the contract on the ledger")
	entries, _, err := d.read(ctx, past.floor, progress, instanceKey(id))
	switch {
	case err != nil:
		return d.explain(err)
	case entries[0] == nil && made:
		return fmt.Errorf("contract %s was made in ledger %d and the Stellar RPC server does not show it", contractID, past.floor)
	case entries[0] == nil:
		return nil
	}
	return d.SetStatus(ctx, f, contractID, tenantcontract.Terminated, progress)
}
