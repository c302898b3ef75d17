package submit

import (
	"context"
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
	// uploadFeeFactor is how much dearer than another transaction the upload of
	// the code may be: its rent is paid by the byte, once per version.
	uploadFeeFactor = 10
	// feeDelay spaces attempts while the network is dearer than we may pay, or
	// an account cannot pay: nothing changes sooner.
	feeDelay = 30 * time.Second
)

// bid is what we offer per operation, in stroops: more than 95 of 100 recent
// transactions. What is paid is the clearing price.
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
	soroban, ordinary = int64(stats.SorobanInclusionFee.P95), int64(stats.InclusionFee.P95)
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
	units, most := int64(operations+1), s.maxFee(p)
	least := resources + units*txnbuild.MinBaseFee
	if least > most {
		return 0, s.tooDear(p, least, nil)
	}
	return min(resources+units*bid, most), nil
}

func (s *Submitter) maxFee(p Purpose) int64 {
	if p == PurposeUpload {
		return s.cfg.MaxFee * uploadFeeFactor
	}
	return s.cfg.MaxFee
}

func (s *Submitter) tooDear(p Purpose, needed int64, err error) error {
	return &tenant.StepError{
		Step: tenant.StepDeployContract, Class: tenant.ClassCapacity, RetryAfter: feeDelay, Err: err,
		Reason: fmt.Sprintf("the network asks %d stroops for this transaction (%s) and SOROBAN_MAX_FEE=%d allows %d; raise it, or wait until the network is less busy",
			needed, p, s.cfg.MaxFee, s.maxFee(p)),
	}
}
