package stellar

import (
	"context"
	"errors"
	"fmt"

	"tenant-provisioning/internal/stellar/rpc"
	"tenant-provisioning/internal/stellar/submit"
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
	if e, ok := errors.AsType[*rpc.SimulationError](err); ok {
		return explainSimulation(e)
	}
	if e, ok := errors.AsType[*rpc.Error](err); ok {
		return e.Explain()
	}
	return err
}

func explainSimulation(e *rpc.SimulationError) error {
	s := &tenant.StepError{Step: tenant.StepDeployContract, Class: tenant.ClassPermanent, Permanent: true, Err: e}
	text := fmt.Sprintf("Error(%s, %s)", e.Kind, e.Code)
	switch e.Kind {
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

func (d *Deployer) otherAddress(tx submit.Transaction) error {
	return &tenant.StepError{
		Step: tenant.StepDeployContract, Class: tenant.ClassConflict, Permanent: true,
		Reason: fmt.Sprintf("the tenant has the contract %s already, made by another account than %s; set SOROBAN_CONTRACT_DEPLOYER_SECRET back to the secret that made it", tx.ContractID, d.Address()),
	}
}
