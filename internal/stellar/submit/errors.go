package submit

import (
	"errors"
	"fmt"

	"tenant-provisioning/internal/tenant"
)

// Reasons for which an order gets no transaction, beside the journal's.
var (
	// ErrNothingToDo tells that the effect is there already.
	ErrNothingToDo = errors.New("nothing to do")
	// ErrNoChannel tells that a channel account is not on the ledger.
	ErrNoChannel = errors.New("a channel account is not on the ledger")
)

const (
	// Stroops are in one XLM.
	Stroops = 10_000_000
	// AccountReserve is what an account must hold, in XLM: two base reserves.
	AccountReserve = 1
)

// refused is a transaction that no repetition can mend.
func refused(code string) error {
	return &tenant.StepError{
		Step: tenant.StepDeployContract, Class: tenant.ClassPermanent, Permanent: true,
		Reason: "the network refuses the transaction: " + code,
	}
}

func (s *Submitter) badAuth(code string) error {
	return &tenant.StepError{
		Step: tenant.StepDeployContract, Class: tenant.ClassAuth, Permanent: true,
		Reason: fmt.Sprintf("the network refuses our signatures (%s): either SOROBAN_NETWORK is not the network of SOROBAN_RPC_URL, or account %s takes other signers than SOROBAN_CONTRACT_DEPLOYER_SECRET", code, s.cfg.Deployer.Address()),
	}
}

// Unfunded is an account that does not exist or cannot pay.
func (s *Submitter) Unfunded(address, code string) error {
	return &tenant.StepError{
		Step: tenant.StepDeployContract, Class: tenant.ClassCapacity, RetryAfter: feeDelay,
		Reason: fmt.Sprintf("account %s does not exist or cannot pay (%s); send it XLM, at least %d for %d transactions at a time of up to SOROBAN_MAX_FEE each",
			address, code, s.EnoughXLM(), len(s.addresses)),
	}
}

// EnoughXLM pays for as many transactions as may be under way: the network
// holds back the fees of all of them.
func (s *Submitter) EnoughXLM() int64 {
	return (int64(len(s.addresses))*s.cfg.MaxFee+Stroops-1)/Stroops + AccountReserve
}

// otherNetwork is a transaction of a network that is not configured any more.
func (s *Submitter) otherNetwork(tx Transaction) error {
	return &tenant.StepError{
		Step: tenant.StepDeployContract, Class: tenant.ClassConflict, Permanent: true,
		Reason: fmt.Sprintf("transaction %s (%s) was made for the network %q, and SOROBAN_NETWORK names another one now; set it back", tx.Hash, tx.Purpose, tx.Network),
	}
}
