package submit

import (
	"context"
	"fmt"
	"time"

	"tenant-provisioning/internal/tenant"
)

// Limits is what may be spent, in stroops.
type Limits struct {
	// Transaction bounds one transaction (SOROBAN_MAX_FEE), but one that uploads code:
	// that is bounded by Upload (SOROBAN_UPLOAD_MAX_FEE).
	Transaction, Upload int64
	// Operation bounds what an operation spends on one effect, such as its contract
	// (SOROBAN_OPERATION_MAX_FEE): transactions that a ledger holds without their effect
	// are paid for too.
	Operation int64
	// Day bounds what the installation spends within 24 hours
	// (SOROBAN_DAY_MAX_FEE).
	Day int64
}

// of is the most that a transaction may cost, and the name of what sets it.
func (l Limits) of(p Purpose) (most int64, setting string) {
	if p == PurposeUpload {
		return l.Upload, "SOROBAN_UPLOAD_MAX_FEE"
	}
	return l.Transaction, "SOROBAN_MAX_FEE"
}

// Spending is what was paid, in stroops.
type Spending struct {
	// Effect is what one operation has paid for one effect.
	Effect int64
	// Day is what the installation has paid in the last 24 hours. Frees is when less
	// will be counted; zero where nothing is.
	Day   int64
	Frees time.Time
}

// dayDelay spaces the looks of those who wait for the day's limit.
const dayDelay = 5 * time.Minute

// afford stops what has cost enough. A transaction that is under way is not counted, so
// each limit may be passed by as many as are under way.
func (s *Submitter) afford(ctx context.Context, o Order) error {
	spent, err := s.journal.Spent(ctx, s.cfg.Passphrase, o)
	if err != nil {
		return err
	}
	l := s.cfg.Limits
	switch {
	case !o.shared() && spent.Effect >= l.Operation:
		return &tenant.StepError{
			Step: tenant.StepDeployContract, Class: tenant.ClassCapacity, RetryAfter: settingDelay,
			Reason: fmt.Sprintf("the operation has paid %s XLM for this, and SOROBAN_OPERATION_MAX_FEE=%d allows %s; see in stellar_transactions why its transactions come to nothing, then raise the limit",
				XLM(spent.Effect), l.Operation, XLM(l.Operation)),
		}
	case spent.Day >= l.Day:
		wait := min(dayDelay, max(spent.Frees.Sub(s.cfg.Clock()), time.Second))
		return &tenant.StepError{
			Step: tenant.StepDeployContract, Class: tenant.ClassCapacity, RetryAfter: wait, Queued: true,
			Reason: fmt.Sprintf("%s XLM were spent on the ledger in the last 24 hours, and SOROBAN_DAY_MAX_FEE=%d allows %s; all work on the ledger waits until less is counted, or the limit is raised",
				XLM(spent.Day), l.Day, XLM(l.Day)),
		}
	}
	return nil
}

// Spent is what was paid in the last 24 hours, in stroops.
func (s *Submitter) Spent(ctx context.Context) (int64, error) {
	spent, err := s.journal.Spent(ctx, s.cfg.Passphrase, Order{})
	return spent.Day, err
}

// XLM writes stroops for people.
func XLM(stroops int64) string { return fmt.Sprintf("%.2f", float64(stroops)/Stroops) }
