package stellar

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"tenant-provisioning/internal/stellar/rpc"
	"tenant-provisioning/internal/tenant"
)

// explain says what a failure means to an operator. Nothing leaves the package
// without words but what says by itself what it is: an attempt that comes too late,
// or was told to stop.
func (d *Deployer) explain(err error) error {
	if err == nil || errors.Is(err, tenant.ErrSuperseded) || errors.Is(err, context.Canceled) {
		return err
	}
	if _, told := errors.AsType[*tenant.StepError](err); told {
		return err
	}
	if errors.Is(err, tenant.ErrNotFound) {
		return &tenant.StepError{
			Step: tenant.StepDeployContract, Class: tenant.ClassConflict, RetryAfter: rpc.SettingDelay, Err: err,
			Reason: "the contract is not on the ledger: SOROBAN_NETWORK or SOROBAN_RPC_URL lead to another network than the one that it was made on, or that network has begun anew",
		}
	}
	if e, ok := errors.AsType[*rpc.SimulationError](err); ok {
		return d.explainSimulation(e)
	}
	if e, ok := errors.AsType[*rpc.Error](err); ok {
		return e.Explain()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return err // the caller's own; explainCut has more to say
	}
	// What is left are errors of our own: encoding, keys, what a server has said
	// against itself. None of them holds a secret.
	return &tenant.StepError{Step: tenant.StepDeployContract, Err: err, Reason: err.Error() + "; the worker's log has more"}
}

// explainCut is explain for a call that may have been cut short by its deadline: then
// it tells what was waited for.
func (d *Deployer) explainCut(ctx context.Context, err error, w *witness) error {
	if _, told := errors.AsType[*tenant.StepError](err); told || ctx.Err() == nil || !errors.Is(err, context.DeadlineExceeded) {
		return d.explain(err)
	}
	return &tenant.StepError{
		Step: tenant.StepDeployContract, Err: err,
		Reason: "the attempt's time was up; the last that it met: " + cmp.Or(w.last, "nothing that the Stellar RPC server has answered"),
	}
}

// witness passes on what a call tells of its progress, and remembers the last of it.
type witness struct {
	progress func(string)
	last     string
}

func witnessOf(progress func(string)) *witness { return &witness{progress: orSilent(progress)} }

func (w *witness) say(detail string) {
	w.last = detail
	w.progress(detail)
}

// explainSimulation: only what the contract itself refuses is about its tenant. The
// rest would be refused to all of them.
func (d *Deployer) explainSimulation(e *rpc.SimulationError) error {
	s := &tenant.StepError{Step: tenant.StepDeployContract, Class: tenant.ClassPermanent, RetryAfter: rpc.SettingDelay, Err: e}
	text := fmt.Sprintf("Error(%s, %s)", e.Kind, e.Code)
	switch e.Kind {
	case "Auth":
		s.Class = tenant.ClassAuth
		s.Reason = "the contract refuses our authority (" + text + "); " + d.admin.Setting() + " must name the contract's administrator"
	case "Budget":
		s.Reason = "the contract needs more than the network allows (" + text + "); another version of its code is needed"
	case "Contract":
		s.Permanent, s.RetryAfter = true, 0
		s.Reason = "the contract refuses the call (" + text + "); contracts/tenant names its errors"
	default:
		s.Reason = "the network refuses the call (" + text + "); the worker and the contract's code do not fit together"
	}
	return s
}

// otherAdmin is a contract that none of our keys may change.
func (d *Deployer) otherAdmin(admin string) error {
	return &tenant.StepError{
		Step: tenant.StepDeployContract, Class: tenant.ClassAuth, RetryAfter: rpc.SettingDelay,
		Reason: fmt.Sprintf("the contract's administrator is %s, and %s names another; set %s to the seed of %s until starter stellar hand-over has handed the contract over (docs/runbooks/rotate-keys.md), or set %s back",
			admin, d.admin.Setting(), previousSetting, admin, d.admin.Setting()),
	}
}

// strangeAdmin is a contract that only somebody with the deployer's key can have made,
// and not we. Nobody here could end it, so it is not rolled back but looked at.
func (d *Deployer) strangeAdmin(admin string) error {
	return &tenant.StepError{
		Step: tenant.StepDeployContract, Class: tenant.ClassConflict, RetryAfter: rpc.SettingDelay,
		Reason: fmt.Sprintf("at the tenant's address there is already a contract whose administrator is %s, an account that this installation has never used; if it is yours, set %s to it once, else somebody has the deployer's key: docs/runbooks/rotate-keys.md",
			admin, adminSetting),
	}
}
