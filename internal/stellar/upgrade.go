package stellar

import (
	"context"
	"errors"
	"fmt"

	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"

	tenantcontract "tenant-provisioning/contracts/tenant"
	"tenant-provisioning/internal/stellar/submit"
	"tenant-provisioning/internal/tenant"
)

// Runs reports whether a contract runs the code that we deploy, and which it runs, in
// hex. tenant.ErrNotFound is a contract that is not on the ledger.
func (d *Deployer) Runs(ctx context.Context, contractID string) (present bool, code string, err error) {
	id, err := parseContract(contractID)
	if err != nil {
		return false, "", err
	}
	hash, err := d.codeOf(ctx, id, 0, orSilent(nil))
	if err != nil {
		return false, "", d.explain(err)
	}
	return hash == d.codeHash, hash.HexString(), nil
}

func (d *Deployer) codeOf(ctx context.Context, id xdr.ContractId, floor uint32, progress func(string)) (xdr.Hash, error) {
	lives, _, err := d.rpc.Lives(ctx, floor, progress, instanceKey(id))
	switch {
	case err != nil:
		return xdr.Hash{}, err
	case lives[0].Absent:
		return xdr.Hash{}, fmt.Errorf("the contract is not on the ledger: %w", tenant.ErrNotFound)
	case lives[0].Code == nil:
		return xdr.Hash{}, errors.New("what is at the contract's address is no contract with code")
	}
	return *lives[0].Code, nil
}

// Upgrade has a contract run the code that we deploy, and makes sure that it is the same
// contract afterwards: its commitment and status are compared. Code that is missing is
// uploaded first. It may be repeated; a contract that runs the code already is left
// alone.
//
// Errors are those of Deploy. A terminated contract refuses, for good.
func (d *Deployer) Upgrade(ctx context.Context, contractID string, progress func(detail string)) error {
	seen := witnessOf(progress)
	return d.explainCut(ctx, d.upgrade(ctx, contractID, seen.say), seen)
}

func (d *Deployer) upgrade(ctx context.Context, contractID string, progress func(string)) error {
	id, err := parseContract(contractID)
	if err != nil {
		return err
	}
	if err := d.rpc.Confirm(ctx); err != nil {
		return err
	}
	if code, err := d.codeOf(ctx, id, 0, progress); err != nil || code == d.codeHash {
		return err
	}
	before, err := d.self(ctx, id, 0, progress)
	if err != nil {
		return err
	}
	if err := d.remember(ctx); err != nil {
		return err
	}
	if err := d.ensureCode(ctx, progress); err != nil {
		return err
	}
	ledger, err := d.sendOfContract(ctx, submit.PurposeUpgrade, contractID, func(ctx context.Context, floor uint32) ([]txnbuild.Operation, error) {
		if code, err := d.codeOf(ctx, id, floor, progress); err != nil || code == d.codeHash {
			return nil, err
		}
		admin, err := d.authority(ctx, id, floor, progress)
		if err != nil {
			return nil, err
		}
		return []txnbuild.Operation{authorised(admin, d.functionCall(id, tenantcontract.Upgrade, bytesValue(d.codeHash[:])))}, nil
	}, progress)
	if err != nil {
		return err
	}
	after, err := d.self(ctx, id, ledger, progress)
	if err != nil {
		return err
	}
	if after != before {
		return fmt.Errorf("contract %s runs the new code and is not what it was: commitment %x and status %s, before %x and %s; upgrade no other", contractID, after.commitment, after.status, before.commitment, before.status)
	}
	return nil
}

// sendOfContract brings a change of one contract into a ledger, unless it is done
// already, and tells which ledger that is; 0 where nothing was to be done.
func (d *Deployer) sendOfContract(ctx context.Context, p submit.Purpose, contractID string, operations func(context.Context, uint32) ([]txnbuild.Operation, error), progress func(string)) (uint32, error) {
	for t := (submit.Tally{}); ; {
		tx, err := d.transact(ctx, submit.Order{Purpose: p, ContractID: contractID, Operations: operations}, progress)
		switch {
		case errors.Is(err, submit.ErrNothingToDo):
			return 0, nil
		case errors.Is(err, submit.ErrInFlight) || errors.Is(err, submit.ErrLeaseLost):
			continue
		case err != nil:
			return 0, err
		case tx.State == submit.StateApplied:
			return tx.Ledger, nil
		}
		if err := t.After(tx); err != nil {
			return 0, err
		}
	}
}

// identity is what a contract says of itself.
type identity struct {
	commitment [32]byte
	status     tenant.ContractStatus
}

func (d *Deployer) self(ctx context.Context, id xdr.ContractId, floor uint32, progress func(string)) (identity, error) {
	v, err := d.get(ctx, id, tenantcontract.GetCommitment, floor, progress)
	if err != nil {
		return identity{}, err
	}
	commitment, ok := v.GetBytes()
	if !ok || len(commitment) != 32 {
		return identity{}, fmt.Errorf("the contract's commitment is %s, which is none", v)
	}
	status, err := d.status(ctx, id, floor, progress)
	return identity{[32]byte(commitment), status}, err
}
