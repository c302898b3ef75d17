package stellar

import (
	"context"
	"errors"
	"fmt"

	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"

	tenantcontract "tenant-provisioning/contracts/tenant"
	"tenant-provisioning/internal/stellar/rpc"
	"tenant-provisioning/internal/stellar/submit"
	"tenant-provisioning/internal/tenant"
)

func (d *Deployer) invoke(f xdr.HostFunction) *txnbuild.InvokeHostFunction {
	return &txnbuild.InvokeHostFunction{SourceAccount: d.Address(), HostFunction: f}
}

// authorised is a call as another account than the deployer's.
func authorised(by submit.Signer, call *txnbuild.InvokeHostFunction) *txnbuild.InvokeHostFunction {
	call.SourceAccount = by.Address()
	return call
}

func (d *Deployer) uploadCall() *txnbuild.InvokeHostFunction {
	return d.invoke(xdr.HostFunction{Type: xdr.HostFunctionTypeHostFunctionTypeUploadContractWasm, Wasm: &d.cfg.Wasm})
}

// createCall makes the contract, and names its administrator.
func (d *Deployer) createCall(id tenant.ID, generation int, n Nonce) *txnbuild.InvokeHostFunction {
	admin := accountAddress(xdr.MustAddress(d.admin.Address()))
	commitment := Commitment(id, generation, n)
	return d.invoke(xdr.HostFunction{
		Type: xdr.HostFunctionTypeHostFunctionTypeCreateContractV2,
		CreateContractV2: &xdr.CreateContractArgsV2{
			ContractIdPreimage: preimage(d.account, Salt(id, generation, n)),
			Executable:         xdr.ContractExecutable{Type: xdr.ContractExecutableTypeContractExecutableWasm, WasmHash: &d.codeHash},
			ConstructorArgs:    []xdr.ScVal{{Type: xdr.ScValTypeScvAddress, Address: &admin}, bytesValue(commitment[:])},
		},
	})
}

func (d *Deployer) functionCall(id xdr.ContractId, name string, args ...xdr.ScVal) *txnbuild.InvokeHostFunction {
	return d.invoke(xdr.HostFunction{
		Type: xdr.HostFunctionTypeHostFunctionTypeInvokeContract,
		InvokeContract: &xdr.InvokeContractArgs{
			ContractAddress: contractScAddress(id), FunctionName: xdr.ScSymbol(name), Args: args,
		},
	})
}

func bytesValue(b []byte) xdr.ScVal {
	v := xdr.ScBytes(b)
	return xdr.ScVal{Type: xdr.ScValTypeScvBytes, Bytes: &v}
}

func u32Value(n uint32) xdr.ScVal {
	v := xdr.Uint32(n)
	return xdr.ScVal{Type: xdr.ScValTypeScvU32, U32: &v}
}

// get calls a function that reads.
func (d *Deployer) get(ctx context.Context, id xdr.ContractId, function string, floor uint32, progress func(string)) (xdr.ScVal, error) {
	progress("reading the contract's " + function)
	s, err := d.rpc.Simulate(ctx, d.Address(), d.functionCall(id, function), floor, progress)
	if e, ok := errors.AsType[*rpc.SimulationError](err); ok && e.Missing() {
		return xdr.ScVal{}, fmt.Errorf("read a contract's %s: the contract is not on the ledger: %w", function, tenant.ErrNotFound)
	}
	return s.Value, err
}

// authority is who signs for what changes a contract: its administrator, which is the
// deployer for one that was made before there was another, and the one before until the
// contract is handed over.
func (d *Deployer) authority(ctx context.Context, id xdr.ContractId, floor uint32, progress func(string)) (submit.Signer, error) {
	if len(d.admins) == 1 {
		return d.admin, nil
	}
	admin, err := d.adminOf(ctx, id, floor, progress)
	if err != nil {
		return nil, err
	}
	for _, ours := range d.admins {
		if ours.Address() == admin {
			return ours, nil
		}
	}
	return nil, d.otherAdmin(admin)
}

// adminOf is the address of a contract's administrator.
func (d *Deployer) adminOf(ctx context.Context, id xdr.ContractId, floor uint32, progress func(string)) (string, error) {
	v, err := d.get(ctx, id, tenantcontract.GetAdmin, floor, progress)
	if err != nil {
		return "", err
	}
	address, ok := v.GetAddress()
	if !ok {
		return "", fmt.Errorf("the contract's administrator is %s, which is no address", v)
	}
	admin, err := address.String()
	if err != nil {
		return "", fmt.Errorf("read the contract's administrator: %w", err)
	}
	return admin, nil
}

// isDeployed reports whether there is a contract at the address that is this
// tenant's, working, and of code that is ours. Another one is a conflict.
func (d *Deployer) isDeployed(ctx context.Context, f tenant.Fence, n Nonce, id xdr.ContractId, floor uint32, progress func(string)) (bool, error) {
	progress("looking for the contract on the ledger")
	entries, ledger, err := d.rpc.Read(ctx, floor, progress, instanceKey(id))
	if err != nil || entries[0] == nil {
		return false, err
	}
	instance, ok := entries[0].MustContractData().Val.GetInstance()
	if !ok || instance.Executable.WasmHash == nil {
		return false, conflict("no code of its own; roll back and provision the tenant again")
	}
	admin, err := d.adminOf(ctx, id, ledger, progress)
	if err != nil {
		return false, err
	}
	code := instance.Executable.WasmHash.HexString()
	ourAdmin, ourCode, err := d.journal.Remembers(ctx, d.cfg.Passphrase, tenant.ContractOrigin{Admin: admin, Code: code})
	switch {
	case err != nil:
		return false, err
	case !ourCode:
		return false, conflict("code " + code + ", which this installation has never deployed; roll back and provision the tenant again")
	case !ourAdmin:
		return false, d.strangeAdmin(admin)
	}
	want := Commitment(f.Tenant, f.Generation, n)
	v, err := d.get(ctx, id, tenantcontract.GetCommitment, ledger, progress)
	if err != nil {
		return false, err
	}
	if b, ok := v.GetBytes(); !ok || string(b) != string(want[:]) {
		return false, conflict("another tenant's commitment")
	}
	s, err := d.status(ctx, id, ledger, progress)
	if err != nil {
		return false, err
	}
	if s != tenant.ContractActive {
		return false, conflict("the status " + string(s) + "; roll back and provision the tenant again")
	}
	return true, nil
}

func conflict(what string) error {
	return &tenant.StepError{
		Step: tenant.StepDeployContract, Class: tenant.ClassConflict, Permanent: true,
		Reason: "at the tenant's address there is already a contract with " + what,
	}
}

func codeKey(hash xdr.Hash) xdr.LedgerKey {
	return xdr.LedgerKey{Type: xdr.LedgerEntryTypeContractCode, ContractCode: &xdr.LedgerKeyContractCode{Hash: hash}}
}

func instanceKey(id xdr.ContractId) xdr.LedgerKey {
	return xdr.LedgerKey{Type: xdr.LedgerEntryTypeContractData, ContractData: &xdr.LedgerKeyContractData{
		Contract:   contractScAddress(id),
		Key:        xdr.ScVal{Type: xdr.ScValTypeScvLedgerKeyContractInstance},
		Durability: xdr.ContractDataDurabilityPersistent,
	}}
}
