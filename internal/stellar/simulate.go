package stellar

import (
	"context"
	"fmt"
	"regexp"

	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"

	"tenant-provisioning/internal/tenant"
)

// simulationError is a call that the host refuses, with the type and code of
// its error, such as Storage and ExistingValue.
type simulationError struct {
	kind, code string
	ledger     uint32
}

func (e *simulationError) Error() string {
	return fmt.Sprintf("the contract host refuses the call: Error(%s, %s)", e.kind, e.code)
}

// The two refusals that are no failure: the contract is there already, and
// what it needs is not there yet.
func (e *simulationError) exists() bool  { return e.kind == "Storage" && e.code == "ExistingValue" }
func (e *simulationError) missing() bool { return e.kind == "Storage" && e.code == "MissingValue" }

// The first error in the host's text is the outermost one.
var hostError = regexp.MustCompile(`Error\((\w+), (#?\w+)\)`)

// simulated is what the host says that a call needs and gives.
type simulated struct {
	data   xdr.SorobanTransactionData
	auth   []xdr.SorobanAuthorizationEntry
	value  xdr.ScVal
	ledger uint32
}

// simulate runs a call on the server's newest ledger, which is not older than
// floor, without any effect.
func (d *Deployer) simulate(ctx context.Context, source string, op *txnbuild.InvokeHostFunction, floor uint32, progress func(string)) (simulated, error) {
	tx, err := build(source, 1, txnbuild.TimeoutInfinite, []txnbuild.Operation{op})
	if err != nil {
		return simulated{}, err
	}
	envelope, err := tx.Base64()
	if err != nil {
		return simulated{}, fmt.Errorf("encode a transaction: %w", err)
	}
	var resp protocol.SimulateTransactionResponse
	err = d.until(ctx, floor, progress, func() (uint32, error) {
		var err error
		resp, err = call[protocol.SimulateTransactionResponse](ctx, d.rpc, protocol.SimulateTransactionMethodName,
			protocol.SimulateTransactionRequest{Transaction: envelope})
		return resp.LatestLedger, err
	})
	if err != nil {
		return simulated{}, err
	}
	if resp.Error != "" {
		m := hostError.FindStringSubmatch(resp.Error)
		if m == nil {
			return simulated{}, &tenant.StepError{
				Step:   tenant.StepDeployContract,
				Reason: "the Stellar RPC server cannot simulate the call (" + d.rpc.plain(resp.Error) + "); look into its log, or set SOROBAN_RPC_URL to another",
			}
		}
		return simulated{}, &simulationError{kind: m[1], code: m[2], ledger: resp.LatestLedger}
	}
	return d.readSimulation(resp)
}

func (d *Deployer) readSimulation(resp protocol.SimulateTransactionResponse) (simulated, error) {
	s := simulated{ledger: resp.LatestLedger}
	if err := xdr.SafeUnmarshalBase64(resp.TransactionDataXDR, &s.data); err != nil {
		return simulated{}, garbled(protocol.SimulateTransactionMethodName, fmt.Errorf("decode a simulation's resources: %w", err))
	}
	if len(resp.Results) != 1 || resp.Results[0].ReturnValueXDR == nil {
		return simulated{}, garbled(protocol.SimulateTransactionMethodName, fmt.Errorf("a simulation of one call has %d results", len(resp.Results)))
	}
	if err := xdr.SafeUnmarshalBase64(*resp.Results[0].ReturnValueXDR, &s.value); err != nil {
		return simulated{}, garbled(protocol.SimulateTransactionMethodName, fmt.Errorf("decode a simulation's value: %w", err))
	}
	if resp.Results[0].AuthXDR == nil {
		return s, nil
	}
	for _, a := range *resp.Results[0].AuthXDR {
		var e xdr.SorobanAuthorizationEntry
		if err := xdr.SafeUnmarshalBase64(a, &e); err != nil {
			return simulated{}, garbled(protocol.SimulateTransactionMethodName, fmt.Errorf("decode a simulation's authorisation: %w", err))
		}
		if e.Credentials.Type != xdr.SorobanCredentialsTypeSorobanCredentialsSourceAccount {
			return simulated{}, &tenant.StepError{
				Step: tenant.StepDeployContract, Class: tenant.ClassAuth, Permanent: true,
				Reason: "the contract's administrator is another account than " + d.Address() + ", which SOROBAN_CONTRACT_DEPLOYER_SECRET belongs to; set the secret that made the contract",
			}
		}
		s.auth = append(s.auth, e)
	}
	return s, nil
}
