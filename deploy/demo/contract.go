package main

import (
	"context"
	"fmt"

	"github.com/stellar/go-stellar-sdk/clients/rpcclient"
	"github.com/stellar/go-stellar-sdk/keypair"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/strkey"
	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"

	tenantcontract "tenant-provisioning/contracts/tenant"
)

// contractStatus calls a contract's status function over RPC, as anybody can:
// a simulated transaction needs no account and no signature.
func contractStatus(ctx context.Context, rpc *rpcclient.Client, contract string) (tenantcontract.Status, error) {
	raw, err := strkey.Decode(strkey.VersionByteContract, contract)
	if err != nil {
		return 0, fmt.Errorf("%q is no contract's address: %w", contract, err)
	}
	id := xdr.ContractId(raw)
	anybody, err := keypair.Random()
	if err != nil {
		return 0, fmt.Errorf("make a key: %w", err)
	}
	tx, err := txnbuild.NewTransaction(txnbuild.TransactionParams{
		SourceAccount: &txnbuild.SimpleAccount{AccountID: anybody.Address()},
		BaseFee:       txnbuild.MinBaseFee,
		Preconditions: txnbuild.Preconditions{TimeBounds: txnbuild.NewInfiniteTimeout()},
		Operations: []txnbuild.Operation{&txnbuild.InvokeHostFunction{HostFunction: xdr.HostFunction{
			Type: xdr.HostFunctionTypeHostFunctionTypeInvokeContract,
			InvokeContract: &xdr.InvokeContractArgs{
				ContractAddress: xdr.ScAddress{Type: xdr.ScAddressTypeScAddressTypeContract, ContractId: &id},
				FunctionName:    tenantcontract.GetStatus,
			},
		}}},
	})
	if err != nil {
		return 0, fmt.Errorf("build the call: %w", err)
	}
	envelope, err := tx.Base64()
	if err != nil {
		return 0, fmt.Errorf("encode the call: %w", err)
	}
	answer, err := rpc.SimulateTransaction(ctx, protocol.SimulateTransactionRequest{Transaction: envelope})
	switch {
	case err != nil:
		return 0, fmt.Errorf("ask the RPC server: %w", err)
	case answer.Error != "":
		return 0, fmt.Errorf("the contract does not answer: %s", answer.Error)
	case len(answer.Results) != 1 || answer.Results[0].ReturnValueXDR == nil:
		return 0, fmt.Errorf("the RPC server returned no value")
	}
	var value xdr.ScVal
	if err := xdr.SafeUnmarshalBase64(*answer.Results[0].ReturnValueXDR, &value); err != nil {
		return 0, fmt.Errorf("read the contract's answer: %w", err)
	}
	status, ok := value.GetU32()
	if !ok {
		return 0, fmt.Errorf("the contract's status is no number but %s", value.Type)
	}
	return tenantcontract.Status(status), nil
}
