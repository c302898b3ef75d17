package submit

import (
	"cmp"
	"context"
	"fmt"
	"math"

	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"

	"tenant-provisioning/internal/tenant"
)

// judge decides what follows from a refusal, once the transaction was looked
// for and not found: an answer that got lost may have come before. What is not
// named here is sent again until it can no longer be applied.
func (f *flight) judge(ctx context.Context) error {
	r := f.refusal
	if r == nil {
		return f.outbid(ctx)
	}
	switch r.code {
	case xdr.TransactionResultCodeTxBadSeq:
		return f.consumed(ctx)
	case xdr.TransactionResultCodeTxInsufficientFee:
		return f.raise(ctx, r.fee)
	case xdr.TransactionResultCodeTxInsufficientBalance:
		return f.s.Unfunded(f.s.cfg.FeePayer.Address(), r.name())
	case xdr.TransactionResultCodeTxNoAccount:
		if !r.inner {
			return f.s.Unfunded(f.s.cfg.FeePayer.Address(), r.name())
		}
	case xdr.TransactionResultCodeTxFailed:
		if r.noAccount || r.badAuth {
			return f.refuseAuthority(ctx, r)
		}
	case xdr.TransactionResultCodeTxBadAuth, xdr.TransactionResultCodeTxBadAuthExtra:
		return f.refuseAuth(ctx, r)
	case xdr.TransactionResultCodeTxMalformed, xdr.TransactionResultCodeTxNotSupported, xdr.TransactionResultCodeTxMissingOperation:
		return f.reject(ctx, refused(r.name()))
	}
	return nil
}

// refuseAuthority ends a transaction whose operations the network does not take from
// the account that authorises them.
func (f *flight) refuseAuthority(ctx context.Context, r *result) error {
	e, err := f.s.open(f.tx.Envelope)
	if err != nil {
		return err
	}
	by, err := f.s.signer(e.authority())
	if err != nil {
		return err
	}
	switch {
	case r.badAuth:
		return f.reject(ctx, badAuth(by, r.name()))
	case by.Address() == f.s.cfg.Deployer.Address():
		return f.s.Unfunded(by.Address(), r.name())
	}
	return f.s.absent(by, r.name())
}

// refuseAuth ends a transaction whose signatures the network refuses. A channel
// account that takes other signers than its own key is set aside, so that the next
// transaction uses another.
func (f *flight) refuseAuth(ctx context.Context, r *result) error {
	switch {
	case !r.inner:
		return f.reject(ctx, badAuth(f.s.cfg.FeePayer, r.name()))
	case f.tx.Channel == f.s.cfg.Deployer.Address():
		return f.reject(ctx, badAuth(f.s.cfg.Deployer, r.name()))
	}
	account, _, err := f.s.rpc.Account(ctx, f.tx.Channel, f.progress)
	if err != nil {
		return f.unanswered(ctx, err)
	}
	if account == nil || SignsAlone(*account) {
		channel, err := f.s.signer(f.tx.Channel)
		if err != nil {
			return err
		}
		return f.reject(ctx, badAuth(channel, r.name()))
	}
	why := fmt.Sprintf("its own key has the weight %d, and a transaction needs %d (%s)", account.MasterKeyWeight(), max(account.ThresholdLow(), 1), r.name())
	if err := f.s.journal.SetAside(ctx, f.tx.Network, f.tx.Channel, why); err != nil {
		return err
	}
	f.s.cfg.Logger.WarnContext(ctx, "a channel account is set aside, and another one used; bring it back by starter stellar channels once it is mended", "channel", f.tx.Channel, "why", why)
	return f.settle(ctx, Outcome{State: StateRejected, ResultCode: r.name(), Ledger: f.ledger})
}

// SignsAlone reports whether an account's own key is enough for a transaction of it.
func SignsAlone(a xdr.AccountEntry) bool { return a.MasterKeyWeight() >= max(a.ThresholdLow(), 1) }

// channelSetting is what the channels' keys are derived from, as operators know it.
const channelSetting = "SOROBAN_CHANNEL_SECRET"

// reject ends a transaction that no ledger can hold, with the reason.
func (f *flight) reject(ctx context.Context, reason error) error {
	if err := f.settle(ctx, Outcome{State: StateRejected, ResultCode: f.refusalName(), Ledger: f.ledger}); err != nil {
		return err
	}
	return reason
}

// raise offers the fee that the network asked for, or twice our bid if that is
// more, within what may be spent. The inner transaction stays the same, so at
// most one of the two envelopes can be applied.
func (f *flight) raise(ctx context.Context, asked int64) error {
	e, err := f.s.open(f.tx.Envelope)
	if err != nil {
		return err
	}
	most, _ := f.s.cfg.Limits.of(f.tx.Purpose)
	now, resources := int64(e.bump.Tx.Fee), e.resourceFee()
	fee := resources + 2*min(now-resources, math.MaxInt64/4)
	fee = min(max(fee, asked), most)
	if fee <= now {
		return f.s.tooDear(f.tx.Purpose, max(asked, now+txnbuild.MinBaseFee), fmt.Errorf("transaction %s: %s", f.tx.Hash, f.refusalName()))
	}
	return f.offer(ctx, e, fee)
}

// offer journals the transaction with another fee, which is sent next.
func (f *flight) offer(ctx context.Context, e opened, fee int64) error {
	envelope, err := f.s.bump(ctx, e.bump.Tx.InnerTx.V1, fee)
	if err != nil {
		return err
	}
	if err := f.s.journal.Reprice(ctx, f.tx.Hash, envelope); err != nil {
		return err
	}
	f.tx.Envelope, f.sendAt, f.bidAt, f.refusal = envelope, 0, 0, nil
	return nil
}

const (
	// replaceFactor is by how much a bid must be higher than that of the transaction
	// which it is to replace in a node's queue (TransactionQueue.cpp, FEE_MULTIPLIER).
	replaceFactor = 10
	// unhurried is how many ledgers may pass a transaction over before more is bid.
	unhurried = 2
)

// outbid raises the bid of a transaction that ledgers have passed over: ten-fold, which
// replaces it where it waits, or to what others bid by now. A cap below that is bid once
// no node has it any more.
func (f *flight) outbid(ctx context.Context) error {
	if !f.sends || f.bidAt == 0 || f.ledger < f.bidAt+unhurried {
		return nil
	}
	e, err := f.s.open(f.tx.Envelope)
	if err != nil {
		return err
	}
	bid, err := f.s.bid(ctx, e.resourceFee() > 0)
	if err != nil {
		return f.unanswered(ctx, err)
	}
	most, _ := f.s.cfg.Limits.of(f.tx.Purpose)
	now, resources := int64(e.bump.Tx.Fee), e.resourceFee()
	units := int64(len(e.bump.Tx.InnerTx.V1.Tx.Operations) + 1)
	fee := resources + max(replaceFactor*(now-resources), units*bid)
	if fee > most {
		if fee = most; f.course == resultNotIncluded && f.ledger < f.bidAt+queueAge {
			return nil
		}
	}
	if fee <= now {
		return nil
	}
	return f.offer(ctx, e, fee)
}

// Tally counts the transactions of one effect that were built in vain.
type Tally struct {
	built, invalid int
}

// maxBuilt is how many transactions one call pays for before it gives up:
// resources change a little between simulation and ledger, not five times.
const maxBuilt = 5

// After decides what follows from a transaction that ended without its effect.
// nil means that another one may be built.
func (t *Tally) After(tx Transaction) error {
	t.built++
	switch tx.ResultCode {
	case resultSorobanInvalid:
		if t.invalid++; t.invalid > 1 {
			return refused(tx.ResultCode)
		}
	case resultFrozenKey:
		return refused(tx.ResultCode)
	}
	if tx.State == StateFailed && !passingResults[tx.ResultCode] {
		if tx.Fence == (tenant.Fence{}) {
			return refused(tx.ResultCode)
		}
		return failed(tx.ResultCode)
	}
	if t.built >= maxBuilt {
		return &tenant.StepError{
			Step:   tenant.StepDeployContract,
			Reason: fmt.Sprintf("%d transactions in a row came to nothing, the last one with %s; each attempt builds new ones", t.built, cmp.Or(tx.ResultCode, string(tx.State))),
		}
	}
	return nil
}

// Results by their names in the journal.
const (
	resultSorobanInvalid = "txSOROBAN_INVALID"
	resultFrozenKey      = "txFROZEN_KEY_ACCESSED"
	// ResultTrapped is a call that the host refused in a ledger. Somebody else may
	// have brought about its effect just before.
	ResultTrapped = "txFAILED/INVOKE_HOST_FUNCTION_TRAPPED"
)

// passingResults are those of transactions in a ledger that say nothing of the
// next one: state or prices had changed since the simulation.
var passingResults = map[string]bool{
	"txFAILED/INVOKE_HOST_FUNCTION_RESOURCE_LIMIT_EXCEEDED":     true,
	"txFAILED/INVOKE_HOST_FUNCTION_INSUFFICIENT_REFUNDABLE_FEE": true,
	"txFAILED/INVOKE_HOST_FUNCTION_ENTRY_ARCHIVED":              true,
	"txFAILED/EXTEND_FOOTPRINT_TTL_RESOURCE_LIMIT_EXCEEDED":     true,
	"txFAILED/EXTEND_FOOTPRINT_TTL_INSUFFICIENT_REFUNDABLE_FEE": true,
	"txFAILED/RESTORE_FOOTPRINT_RESOURCE_LIMIT_EXCEEDED":        true,
	"txFAILED/RESTORE_FOOTPRINT_INSUFFICIENT_REFUNDABLE_FEE":    true,
	"txFAILED/CREATE_ACCOUNT_ALREADY_EXIST":                     true,
	"txBAD_SEQ":                                                 true,
	"txTOO_LATE":                                                true,
	"txINSUFFICIENT_BALANCE":                                    true,
	"txINSUFFICIENT_FEE":                                        true,
	"txINTERNAL_ERROR":                                          true,
	"txNO_ACCOUNT":                                              true,
	resultSorobanInvalid:                                        true,
}
