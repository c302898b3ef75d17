package stellar

import (
	"context"
	"errors"
	"fmt"

	"tenant-provisioning/internal/tenant"
)

// explain says what a failure means to an operator. What it does not know
// counts as passing.
func (d *Deployer) explain(err error) error {
	if err == nil || errors.Is(err, tenant.ErrSuperseded) || errors.Is(err, context.Canceled) {
		return err
	}
	if _, told := errors.AsType[*tenant.StepError](err); told {
		return err
	}
	if e, ok := errors.AsType[*simulationError](err); ok {
		return explainSimulation(e)
	}
	if e, ok := errors.AsType[*rpcError](err); ok {
		return explainRPC(e)
	}
	return err
}

func explainSimulation(e *simulationError) error {
	s := &tenant.StepError{Step: tenant.StepDeployContract, Class: tenant.ClassPermanent, Permanent: true, Err: e}
	text := fmt.Sprintf("Error(%s, %s)", e.kind, e.code)
	switch e.kind {
	case "Auth":
		s.Class = tenant.ClassAuth
		s.Reason = "the contract refuses our authority (" + text + "); SOROBAN_CONTRACT_DEPLOYER_SECRET must be the secret that made it"
	case "Budget":
		s.Reason = "the contract needs more than the network allows (" + text + "); another version of its code is needed"
	case "Contract":
		s.Reason = "the contract refuses the call (" + text + "); contracts/tenant names its errors"
	default:
		s.Reason = "the network refuses the call (" + text + "); the worker and the contract's code do not fit together"
	}
	return s
}

// refused is a transaction that no repetition can mend.
func refused(code string) error {
	return &tenant.StepError{
		Step: tenant.StepDeployContract, Class: tenant.ClassPermanent, Permanent: true,
		Reason: "the network refuses the transaction: " + code,
	}
}

func (d *Deployer) badAuth(code string) error {
	return &tenant.StepError{
		Step: tenant.StepDeployContract, Class: tenant.ClassAuth, Permanent: true,
		Reason: fmt.Sprintf("the network refuses our signatures (%s): either SOROBAN_NETWORK is not the network of SOROBAN_RPC_URL, or account %s takes other signers than SOROBAN_CONTRACT_DEPLOYER_SECRET", code, d.Address()),
	}
}

// unfunded is an account that does not exist or cannot pay.
func (d *Deployer) unfunded(address, code string) error {
	return &tenant.StepError{
		Step: tenant.StepDeployContract, Class: tenant.ClassCapacity, RetryAfter: feeDelay,
		Reason: fmt.Sprintf("account %s does not exist or cannot pay (%s); send it XLM, at least %d for %d transactions at a time of up to SOROBAN_MAX_FEE each",
			address, code, d.enoughXLM(), d.cfg.Channels),
	}
}

// enoughXLM pays for as many transactions as may be under way: the network
// holds back the fees of all of them.
func (d *Deployer) enoughXLM() int64 {
	return (int64(d.cfg.Channels)*d.cfg.MaxFee+stroops-1)/stroops + accountReserve
}

const (
	stroops = 10_000_000 // in one XLM
	// accountReserve is what an account must hold, in XLM: two base reserves.
	accountReserve = 1
)

func (d *Deployer) wrongNetwork() error {
	return &tenant.StepError{
		Step: tenant.StepDeployContract, Class: tenant.ClassAuth, Permanent: true,
		Reason: "SOROBAN_NETWORK is not the network of the server at SOROBAN_RPC_URL; set one of them to match the other",
	}
}

// otherNetwork is a transaction of a network that is not configured any more.
func (d *Deployer) otherNetwork(tx Transaction) error {
	return &tenant.StepError{
		Step: tenant.StepDeployContract, Class: tenant.ClassConflict, Permanent: true,
		Reason: fmt.Sprintf("transaction %s (%s) was made for the network %q, and SOROBAN_NETWORK names another one now; set it back", tx.Hash, tx.Purpose, tx.Network),
	}
}
