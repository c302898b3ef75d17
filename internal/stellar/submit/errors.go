package submit

import (
	"errors"
	"fmt"

	"github.com/stellar/go-stellar-sdk/xdr"

	"tenant-provisioning/internal/stellar/rpc"
	"tenant-provisioning/internal/tenant"
)

// Reasons for which an order gets no transaction, beside the journal's.
var (
	// ErrNothingToDo tells that the effect is there already.
	ErrNothingToDo = errors.New("nothing to do")
	// ErrTooDear is in the chain of what tells that a transaction would cost more than it
	// may.
	ErrTooDear = errors.New("the transaction is too dear")
	// ErrNoChannel tells that a channel account is not on the ledger.
	ErrNoChannel = errors.New("a channel account is not on the ledger")
)

// CodeArchivedError tells that a call would restore code, which serves all tenants, and
// have its own tenant pay for that.
type CodeArchivedError struct {
	// Keys are those of the code.
	Keys []xdr.LedgerKey
}

func (e *CodeArchivedError) Error() string {
	return "the contract's code is archived on the ledger"
}

const (
	// Stroops are in one XLM.
	Stroops = 10_000_000
	// AccountReserve is what an account must hold, in XLM: two base reserves.
	AccountReserve = 1
)

// refused is a transaction that no node takes, whichever tenant it is for: its form
// is wrong, or the network does not know it.
func refused(code string) error {
	return &tenant.StepError{
		Step: tenant.StepDeployContract, Class: tenant.ClassPermanent, RetryAfter: rpc.SettingDelay,
		Reason: "the network refuses the transaction (" + code + "); the worker's version and the network's do not fit together: upgrade the worker",
	}
}

// failed is a call that a ledger holds without its effect, and that would fail in the
// next one too: the contract is in the way.
func failed(code string) error {
	return &tenant.StepError{
		Step: tenant.StepDeployContract, Class: tenant.ClassPermanent, Permanent: true,
		Reason: "the network has tried the transaction in a ledger, and the contract refused it: " + code,
	}
}

// badAuth is an account that takes other signatures than ours.
func badAuth(by Signer, code string) error {
	return &tenant.StepError{
		Step: tenant.StepDeployContract, Class: tenant.ClassAuth, RetryAfter: rpc.SettingDelay,
		Reason: fmt.Sprintf("the network refuses our signatures (%s): either SOROBAN_NETWORK is not the network of SOROBAN_RPC_URL, or account %s takes other signers than %s", code, by.Address(), by.Setting()),
	}
}

// setAside tells that no channel account is left.
func (s *Submitter) setAside() error {
	return &tenant.StepError{
		Step: tenant.StepDeployContract, Class: tenant.ClassAuth, RetryAfter: rpc.SettingDelay,
		Reason: fmt.Sprintf("all %d channel accounts are set aside, because they take other signers than SOROBAN_CHANNEL_SECRET; starter stellar channels lists them, and brings back what is mended", len(s.addresses)),
	}
}

// Unfunded is an account that does not exist or cannot pay.
func (s *Submitter) Unfunded(address, code string) error { return s.unfunded(address, code, 0) }

// unfunded is Unfunded of an account that needs so many stroops, or more.
func (s *Submitter) unfunded(address, code string, needed int64) error {
	return &tenant.StepError{
		Step: tenant.StepDeployContract, Class: tenant.ClassCapacity, RetryAfter: feeDelay,
		Reason: fmt.Sprintf("account %s does not exist or cannot pay (%s); send it XLM, so that it has at least %d: SOROBAN_KEEPER_MAX_FEE, and SOROBAN_MAX_FEE for each of %d transactions at a time",
			address, code, max(s.EnoughXLM(), (needed+Stroops-1)/Stroops), len(s.addresses)),
	}
}

// absent is an account that authorises what another pays for, and is not on the ledger.
func (s *Submitter) absent(by Signer, code string) error {
	return &tenant.StepError{
		Step: tenant.StepDeployContract, Class: tenant.ClassCapacity, RetryAfter: feeDelay,
		Reason: fmt.Sprintf("account %s, which %s names, is not on the ledger (%s); starter setup creates it", by.Address(), by.Setting(), code),
	}
}

// EnoughXLM pays for as many transactions as may be under way, of which the network
// holds back all fees, beside what is kept for the life of entries.
func (s *Submitter) EnoughXLM() int64 {
	return (int64(len(s.addresses))*s.cfg.Limits.Transaction+s.cfg.Limits.Keeper+Stroops-1)/Stroops + AccountReserve
}

// otherNetwork is a transaction of a network that is not configured any more.
func (s *Submitter) otherNetwork(tx Transaction) error {
	return &tenant.StepError{
		Step: tenant.StepDeployContract, Class: tenant.ClassConflict, RetryAfter: rpc.SettingDelay,
		Reason: fmt.Sprintf("transaction %s (%s) was made for the network %q, and SOROBAN_NETWORK names another one now; set it back", tx.Hash, tx.Purpose, tx.Network),
	}
}
