package submit

import (
	"context"
	"fmt"
	"time"

	"tenant-provisioning/internal/stellar/rpc"
	"tenant-provisioning/internal/tenant"
)

// Limits is what may be spent, in stroops.
type Limits struct {
	// Transaction bounds one transaction (SOROBAN_MAX_FEE), but one that uploads code:
	// that is bounded by Upload (SOROBAN_UPLOAD_MAX_FEE).
	Transaction, Upload int64
	// Keeper bounds one transaction by which entries live (SOROBAN_KEEPER_MAX_FEE), and is
	// what nothing else may spend of the payer's balance. Month bounds what all of them
	// cost within 30 days (SOROBAN_KEEPER_MONTH).
	Keeper, Month int64
	// Operation bounds what an operation spends on one effect, such as its contract
	// (SOROBAN_OPERATION_MAX_FEE): transactions that a ledger holds without their effect
	// are paid for too.
	Operation int64
	// Day bounds what the installation spends within 24 hours on everything but the life
	// of entries (SOROBAN_DAY_MAX_FEE).
	Day int64
}

// of is the most that a transaction may cost, and the name of what sets it.
func (l Limits) of(p Purpose) (most int64, setting string) {
	switch {
	case p == PurposeUpload:
		return l.Upload, "SOROBAN_UPLOAD_MAX_FEE"
	case p.keeps():
		return l.Keeper, "SOROBAN_KEEPER_MAX_FEE"
	}
	return l.Transaction, "SOROBAN_MAX_FEE"
}

// Spending is what was paid, in stroops.
type Spending struct {
	// Effect is what one operation has paid for one effect.
	Effect int64
	// Day is what the installation has paid in the last 24 hours, without the keeping of
	// entries. Frees is when less will be counted; zero where nothing is.
	Day   int64
	Frees time.Time
	// Month is what the keeping of entries has cost in 30 days.
	Month int64
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
	case o.Purpose.keeps() && spent.Month >= l.Month:
		return &tenant.StepError{
			Step: tenant.StepDeployContract, Class: tenant.ClassCapacity, RetryAfter: rpc.SettingDelay,
			Reason: fmt.Sprintf("%s XLM were spent in 30 days to keep code and contracts alive, and SOROBAN_KEEPER_MONTH=%d allows %s; raise it before they are archived",
				XLM(spent.Month), l.Month, XLM(l.Month)),
		}
	case o.Purpose.keeps():
		return nil
	case !o.shared() && spent.Effect >= l.Operation:
		return &tenant.StepError{
			Step: tenant.StepDeployContract, Class: tenant.ClassCapacity, RetryAfter: rpc.SettingDelay,
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

// leaveReserve stops a transaction that would spend the money by which entries live on.
// Those that are under way are not counted, nor what they may bid later.
func (s *Submitter) leaveReserve(ctx context.Context, p Purpose, fee int64) error {
	if p.keeps() {
		return nil
	}
	needed := AccountReserve*Stroops + s.cfg.Limits.Keeper + fee
	balance, err := s.payersBalance(ctx, needed)
	if err != nil || balance < 0 || balance >= needed { // the network tells of an account that is not there
		return err
	}
	return s.unfunded(s.cfg.FeePayer.Address(), fmt.Sprintf("it has %s XLM, SOROBAN_KEEPER_MAX_FEE keeps %s of them for the life of code and contracts, and this transaction may cost %s",
		XLM(balance), XLM(s.cfg.Limits.Keeper), XLM(fee)), needed)
}

// payersBalance asks at most once per ledger, as recentBids does, while there is more than
// needed; negative for an account that is not on the ledger.
func (s *Submitter) payersBalance(ctx context.Context, needed int64) (int64, error) {
	f := &s.fees
	now := s.cfg.Clock()
	f.mu.Lock()
	fresh := !now.Before(f.balanceAt) && now.Sub(f.balanceAt) <= feeStatsAge
	balance := f.balance
	f.mu.Unlock()
	if fresh && balance >= needed+AccountReserve*Stroops {
		return balance, nil
	}
	account, _, err := s.rpc.Account(ctx, s.cfg.FeePayer.Address(), func(string) {})
	if err != nil {
		return 0, err
	}
	if balance = -1; account != nil {
		balance = int64(account.Balance)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.balanceAt, f.balance = now, balance
	return balance, nil
}

// Spending is what was paid, of no operation in particular.
func (s *Submitter) Spending(ctx context.Context) (Spending, error) {
	return s.journal.Spent(ctx, s.cfg.Passphrase, Order{})
}

// XLM writes stroops for people.
func XLM(stroops int64) string { return fmt.Sprintf("%.2f", float64(stroops)/Stroops) }
