package rpc

import (
	"context"
	"fmt"
	"regexp"

	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"

	"tenant-provisioning/internal/tenant"
)

// SimulationError is a call that the host refuses, with the type and code of
// its error, such as Storage and ExistingValue.
type SimulationError struct {
	Kind, Code string
	// Ledger is the one on which the call was tried.
	Ledger uint32
}

func (e *SimulationError) Error() string {
	return fmt.Sprintf("the contract host refuses the call: Error(%s, %s)", e.Kind, e.Code)
}

// Exists and Missing are refusals that need be no failure: what the call makes is
// there already, and what it needs is not there yet.
func (e *SimulationError) Exists() bool { return e.Kind == "Storage" && e.Code == "ExistingValue" }

// Missing is the second of them.
func (e *SimulationError) Missing() bool { return e.Kind == "Storage" && e.Code == "MissingValue" }

// The first error in the host's text is the outermost one.
var hostError = regexp.MustCompile(`Error\((\w+), (#?\w+)\)`)

// Simulation is what the host says that a call needs and gives.
type Simulation struct {
	Data xdr.SorobanTransactionData
	// Restores are the archived entries that the call restores and pays for.
	Restores []xdr.LedgerKey
	Auth     []xdr.SorobanAuthorizationEntry
	Value    xdr.ScVal
	Ledger   uint32
}

// Simulate runs a call on the server's newest ledger, which is not older than
// floor, without any effect.
func (c *Client) Simulate(ctx context.Context, source string, op *txnbuild.InvokeHostFunction, floor uint32, progress func(string)) (Simulation, error) {
	resp, err := c.simulate(ctx, source, op, floor, progress)
	if err != nil {
		return Simulation{}, err
	}
	return readSimulation(resp, op.SourceAccount)
}

// SimulateFootprint tells what it costs to extend or restore the entries of an
// operation's footprint.
func (c *Client) SimulateFootprint(ctx context.Context, source string, op txnbuild.Operation, floor uint32, progress func(string)) (Simulation, error) {
	resp, err := c.simulate(ctx, source, op, floor, progress)
	if err != nil {
		return Simulation{}, err
	}
	return readResources(resp)
}

func (c *Client) simulate(ctx context.Context, source string, op txnbuild.Operation, floor uint32, progress func(string)) (resp protocol.SimulateTransactionResponse, err error) {
	tx, err := txnbuild.NewTransaction(txnbuild.TransactionParams{
		SourceAccount: &txnbuild.SimpleAccount{AccountID: source, Sequence: 1},
		Operations:    []txnbuild.Operation{op},
		BaseFee:       txnbuild.MinBaseFee,
		Preconditions: txnbuild.Preconditions{TimeBounds: txnbuild.NewInfiniteTimeout()},
	})
	if err != nil {
		return resp, fmt.Errorf("build a transaction: %w", err)
	}
	envelope, err := tx.Base64()
	if err != nil {
		return resp, fmt.Errorf("encode a transaction: %w", err)
	}
	err = c.until(ctx, floor, progress, func() (uint32, error) {
		var err error
		resp, err = Call[protocol.SimulateTransactionResponse](ctx, c, protocol.SimulateTransactionMethodName,
			protocol.SimulateTransactionRequest{Transaction: envelope})
		return resp.LatestLedger, err
	})
	if err != nil {
		return resp, err
	}
	if resp.Error != "" {
		m := hostError.FindStringSubmatch(resp.Error)
		if m == nil {
			return resp, &tenant.StepError{
				Step:   tenant.StepDeployContract,
				Reason: "the Stellar RPC server cannot simulate the call (" + c.plain(resp.Error) + "); look into its log, or set SOROBAN_RPC_URL to another",
			}
		}
		return resp, &SimulationError{Kind: m[1], Code: m[2], Ledger: resp.LatestLedger}
	}
	return resp, nil
}

// readResources reads what a transaction needs.
func readResources(resp protocol.SimulateTransactionResponse) (Simulation, error) {
	s := Simulation{Ledger: resp.LatestLedger}
	if err := xdr.SafeUnmarshalBase64(resp.TransactionDataXDR, &s.Data); err != nil {
		return Simulation{}, Garbled(protocol.SimulateTransactionMethodName, fmt.Errorf("decode a simulation's resources: %w", err))
	}
	if s.Data.Ext.ResourceExt == nil {
		return s, nil
	}
	written := s.Data.Resources.Footprint.ReadWrite
	for _, i := range s.Data.Ext.ResourceExt.ArchivedSorobanEntries {
		if int(i) >= len(written) {
			return Simulation{}, Garbled(protocol.SimulateTransactionMethodName, fmt.Errorf("a simulation restores entry %d of %d", i, len(written)))
		}
		s.Restores = append(s.Restores, written[i])
	}
	return s, nil
}

// readSimulation reads what the server answered of an operation that its source
// alone authorises.
func readSimulation(resp protocol.SimulateTransactionResponse, source string) (Simulation, error) {
	s, err := readResources(resp)
	if err != nil {
		return Simulation{}, err
	}
	if len(resp.Results) != 1 || resp.Results[0].ReturnValueXDR == nil {
		return Simulation{}, Garbled(protocol.SimulateTransactionMethodName, fmt.Errorf("a simulation of one call has %d results", len(resp.Results)))
	}
	if err := xdr.SafeUnmarshalBase64(*resp.Results[0].ReturnValueXDR, &s.Value); err != nil {
		return Simulation{}, Garbled(protocol.SimulateTransactionMethodName, fmt.Errorf("decode a simulation's value: %w", err))
	}
	if resp.Results[0].AuthXDR == nil {
		return s, nil
	}
	for _, a := range *resp.Results[0].AuthXDR {
		var e xdr.SorobanAuthorizationEntry
		if err := xdr.SafeUnmarshalBase64(a, &e); err != nil {
			return Simulation{}, Garbled(protocol.SimulateTransactionMethodName, fmt.Errorf("decode a simulation's authorisation: %w", err))
		}
		if e.Credentials.Type != xdr.SorobanCredentialsTypeSorobanCredentialsSourceAccount {
			return Simulation{}, &tenant.StepError{
				Step: tenant.StepDeployContract, Class: tenant.ClassAuth, RetryAfter: SettingDelay,
				Reason: "the contract's administrator is another account than " + source + ", which SOROBAN_CONTRACT_DEPLOYER_SECRET belongs to; set the secret that made the contract",
			}
		}
		s.Auth = append(s.Auth, e)
	}
	return s, nil
}
