package stellar

import (
	"context"

	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"

	tenantcontract "tenant-provisioning/contracts/tenant"
	"tenant-provisioning/internal/stellar/submit"
)

// Administrator tells who a contract's administrator is (G…), and whether that is the
// one that contracts are made with now. tenant.ErrNotFound is a contract that is not on
// the ledger.
func (d *Deployer) Administrator(ctx context.Context, contractID string) (present bool, admin string, err error) {
	id, err := parseContract(contractID)
	if err != nil {
		return false, "", err
	}
	if admin, err = d.adminOf(ctx, id, 0, orSilent(nil)); err != nil {
		return false, "", d.explain(err)
	}
	return admin == d.admin.Address(), admin, nil
}

// HandOver has a contract's administrator propose the present one, who accepts: two
// transactions. It may be interrupted between them and be repeated; a contract that has
// the present administrator is left alone.
//
// Errors are those of Deploy: also where the key of the contract's administrator is not
// here, which SOROBAN_PREVIOUS_ADMIN_SECRET or SOROBAN_PREVIOUS_ADMIN_SIGNER names. A
// terminated contract refuses, for good.
func (d *Deployer) HandOver(ctx context.Context, contractID string, progress func(detail string)) error {
	seen := witnessOf(progress)
	return d.explainCut(ctx, d.handOver(ctx, contractID, seen.say), seen)
}

func (d *Deployer) handOver(ctx context.Context, contractID string, progress func(string)) error {
	id, err := parseContract(contractID)
	if err != nil {
		return err
	}
	if err := d.rpc.Confirm(ctx); err != nil {
		return err
	}
	if err := d.remember(ctx); err != nil {
		return err
	}
	next := accountAddress(xdr.MustAddress(d.admin.Address()))
	propose := func(ctx context.Context, floor uint32) ([]txnbuild.Operation, error) {
		if admin, err := d.adminOf(ctx, id, floor, progress); err != nil || admin == d.admin.Address() {
			return nil, err
		}
		admin, err := d.authority(ctx, id, floor, progress)
		if err != nil {
			return nil, err
		}
		call := d.functionCall(id, tenantcontract.ProposeAdmin, xdr.ScVal{Type: xdr.ScValTypeScvAddress, Address: &next})
		return []txnbuild.Operation{authorised(admin, call)}, nil
	}
	accept := func(ctx context.Context, floor uint32) ([]txnbuild.Operation, error) {
		if admin, err := d.adminOf(ctx, id, floor, progress); err != nil || admin == d.admin.Address() {
			return nil, err
		}
		return []txnbuild.Operation{authorised(d.admin, d.functionCall(id, tenantcontract.AcceptAdmin))}, nil
	}
	if _, err := d.sendOfContract(ctx, submit.PurposePropose, contractID, propose, progress); err != nil {
		return err
	}
	_, err = d.sendOfContract(ctx, submit.PurposeAccept, contractID, accept, progress)
	return err
}
