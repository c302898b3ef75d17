package submit

import (
	"context"
	"errors"
	"fmt"
	"time"

	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/txnbuild"

	"tenant-provisioning/internal/stellar/rpc"
	"tenant-provisioning/internal/tenant"
)

const (
	// feeStatsAge is a ledger of the public network.
	feeStatsAge = 5 * time.Second
	// feeDelay spaces attempts while the network is dearer than we may pay, or
	// an account cannot pay: nothing changes sooner.
	feeDelay = 30 * time.Second
)

// bid is what we offer per operation, in stroops: a tenth more than 95 of 100 recent
// transactions, since among equal bids chance decides. What is paid is the clearing
// price.
func (s *Submitter) bid(ctx context.Context, contract bool) (int64, error) {
	soroban, ordinary, err := s.recentBids(ctx)
	if err != nil {
		return 0, err
	}
	if contract {
		return max(soroban, txnbuild.MinBaseFee), nil
	}
	return max(ordinary, txnbuild.MinBaseFee), nil
}

// recentBids asks at most once per ledger, but for callers that come at the
// same time: none waits for another's request.
func (s *Submitter) recentBids(ctx context.Context) (soroban, ordinary int64, err error) {
	f := &s.fees
	now := s.cfg.Clock()
	f.mu.Lock()
	fresh := !now.Before(f.at) && now.Sub(f.at) <= feeStatsAge
	soroban, ordinary = f.soroban, f.ordinary
	f.mu.Unlock()
	if fresh {
		return soroban, ordinary, nil
	}
	stats, err := rpc.Call[protocol.GetFeeStatsResponse](ctx, s.rpc, protocol.GetFeeStatsMethodName, nil)
	if err != nil {
		return 0, 0, err
	}
	soroban, ordinary = int64(stats.SorobanInclusionFee.P95*11/10), int64(stats.InclusionFee.P95*11/10)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at, f.soroban, f.ordinary = now, soroban, ordinary
	return soroban, ordinary, nil
}

// Fee is the most that a transaction offers in total: its resources and a bid
// for each operation and for the fee-bump around them, within what may be
// spent.
func (s *Submitter) Fee(ctx context.Context, p Purpose, resources int64, operations int) (int64, error) {
	bid, err := s.bid(ctx, resources > 0)
	if err != nil {
		return 0, err
	}
	most, _ := s.cfg.Limits.of(p)
	units := int64(operations + 1)
	least := resources + units*txnbuild.MinBaseFee
	if least > most {
		return 0, s.tooDear(p, least, nil)
	}
	return min(resources+units*bid, most), nil
}

func (s *Submitter) tooDear(p Purpose, needed int64, err error) error {
	most, setting := s.cfg.Limits.of(p)
	return &tenant.StepError{
		Step: tenant.StepDeployContract, Class: tenant.ClassCapacity, RetryAfter: feeDelay, Err: errors.Join(ErrTooDear, err),
		Reason: fmt.Sprintf("the network asks %d stroops for this transaction (%s) and %s=%d allows %s XLM; raise it, or wait until the network is less busy",
			needed, p, setting, most, XLM(most)),
	}
}
