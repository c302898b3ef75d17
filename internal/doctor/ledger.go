package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Ledger tells facts about the Stellar network and what we have on it.
type Ledger interface {
	// Network fails where the server does not answer, or is of another network.
	Network(ctx context.Context) (LedgerNetwork, error)
	Health(ctx context.Context) (LedgerHealth, error)
	Funds(ctx context.Context) (Funds, error)
	// Price is what making a contract would cost now. It fails where that is more
	// than SOROBAN_MAX_FEE.
	Price(ctx context.Context) (Price, error)
	// Signer fails where whoever signs for the contracts' administrator does not.
	Signer(ctx context.Context) (Signer, error)
	// Code is the contract's; Instances those of contracts, by their addresses.
	Code(ctx context.Context) (Lifetime, error)
	Instances(ctx context.Context, contracts []string) ([]Lifetime, error)
}

// Journal tells what the database knows of the ledger.
type Journal interface {
	Spending(ctx context.Context, network string, period time.Duration) (Spending, error)
	Contracts(ctx context.Context, n int) ([]string, error)
}

// LedgerNetwork is which network it is.
type LedgerNetwork struct {
	Passphrase string
	Protocol   int
	Latency    time.Duration
}

// LedgerHealth is how the server keeps up.
type LedgerHealth struct {
	// Status is its own word.
	Status string
	Ledger uint32
	// Closed is the newest ledger's time, against ours.
	Closed Clock
	// Close is how long a ledger takes, Kept for how long transactions can be asked
	// about.
	Close, Kept time.Duration
}

// Funds is what there is to pay with, in stroops.
type Funds struct {
	Accounts []Account
	// Enough is what all channels may need at a time.
	Enough int64
	// Channels are the accounts there must be, Missing those that are not there,
	// Poor those below their reserve.
	Channels, Missing, Poor int
	// NoAdmin is the account of the contracts' administrator where it is not there.
	NoAdmin string
}

// Signer is who signs for the contracts' administrator.
type Signer struct{ Account, Setting string }

// Price is what a transaction costs and may cost, in stroops.
type Price struct{ Asked, Most int64 }

// Account is one that pays. Balance is 0 for one that is not on the ledger; Usable
// is what its reserve leaves, and of the one that pays also the keeper's.
type Account struct {
	Address         string
	Balance, Usable int64
}

// Spending is what was paid in a time.
type Spending struct {
	Stroops      int64
	Transactions int
	Over         time.Duration
}

// Lifetime is how long something stays on the ledger unasked.
type Lifetime struct {
	// Absent is not there at all, Archived only to be restored for a price.
	Absent, Archived bool
	// Left is the time that it has, at the pace of the last ledgers.
	Left time.Duration
}

const (
	stroops = 10_000_000
	// spendingPeriod is long enough for quiet days, short enough for growth.
	spendingPeriod = 30 * 24 * time.Hour
	// atLeast keeps the first hours of an installation from being taken for its
	// usual spending.
	atLeast = 24 * time.Hour
	// balanceSoon and balanceNow are how long people take to get XLM to an account.
	balanceSoon, balanceNow = 30 * 24 * time.Hour, 3 * 24 * time.Hour
	// lifeSoon is less than the keeper leaves to anything: a person has to look.
	lifeSoon = 14 * 24 * time.Hour
	// staleLedger is what several ledgers take: a server that is older is behind.
	staleLedger = 30 * time.Second
	// shortMemory is less than an attempt in doubt may need to be asked about.
	shortMemory = 10 * time.Minute
	// sample is how many contracts are looked at: what two questions can ask for.
	sample = 100
)

// keeperLags is what to do where the keeper has not done its work.
const keeperLags = "it looks each hour (schedule ledger-keeper); if this stays: docs/runbooks/ledger-keeper.md"

const ledgerAway = "check SOROBAN_RPC_URL and SOROBAN_NETWORK: docs/runbooks/stellar-down.md"

// ExamineLedger lists the checks. network is the passphrase; without a journal what
// the database knows is not looked at.
func ExamineLedger(l Ledger, j Journal, network string) Subject {
	ask := func(doing string) func(error) Verdict {
		return func(err error) Verdict { return unasked(doing, err, ledgerAway) }
	}
	checks := []Check{
		{"health", func(ctx context.Context) Verdict {
			return judgeLedger(ctx, l.Health, ask("ask for its health"), LedgerHealth.judge)
		}},
		{"clock", func(ctx context.Context) Verdict {
			return judgeLedger(ctx, l.Health, ask("ask for the time"), LedgerHealth.judgeClock)
		}},
		{"channels", func(ctx context.Context) Verdict {
			return judgeLedger(ctx, l.Funds, ask("read the accounts"), Funds.judgeChannels)
		}},
		{"balance", func(ctx context.Context) Verdict {
			return judgeLedger(ctx, l.Funds, ask("read the accounts"), func(f Funds) Verdict {
				price, err := l.Price(ctx)
				if err != nil { // which is what "fee" tells
					price = Price{}
				}
				return judgeBalance(ctx, f, price.Asked, j, network)
			})
		}},
		{"fee", func(ctx context.Context) Verdict {
			return judgeLedger(ctx, l.Price, ask("ask for the price"), Price.judge)
		}},
		{"signer", func(ctx context.Context) Verdict {
			return judgeLedger(ctx, l.Signer, func(err error) Verdict {
				return unasked("nobody signs for the contracts' administrator: no contract can be suspended, resumed or ended", err, "docs/runbooks/signer-away.md")
			}, func(s Signer) Verdict {
				return fine("%s signs for %s, the contracts' administrator", s.Setting, s.Account)
			})
		}},
		{"code", func(ctx context.Context) Verdict {
			return judgeLedger(ctx, l.Code, ask("read the contract's code"), judgeCode)
		}},
		{"contracts", func(ctx context.Context) Verdict { return judgeContracts(ctx, l, j) }},
	}
	return Subject{Name: "ledger", Checks: checks, Server: Check{"server", func(ctx context.Context) Verdict {
		n, err := l.Network(ctx)
		if err != nil {
			return unasked("the ledger cannot be used", err, ledgerAway)
		}
		return fine("the Stellar RPC server answers in %s, of the network %q, protocol %d", brief(n.Latency), n.Passphrase, n.Protocol)
	}}}
}

func judgeLedger[T any](ctx context.Context, ask func(context.Context) (T, error), failed func(error) Verdict, of func(T) Verdict) Verdict {
	facts, err := ask(ctx)
	if err != nil {
		return failed(err)
	}
	return of(facts)
}

func (h LedgerHealth) judge() Verdict {
	found := fmt.Sprintf("ledger %d, one every %s; transactions are remembered for %s", h.Ledger, h.Close.Round(10*time.Millisecond), h.Kept.Round(time.Minute))
	var wrong []Verdict
	if h.Status != "healthy" {
		wrong = append(wrong, fail(fmt.Sprintf("the server calls itself %q", h.Status), "look into its log, or set SOROBAN_RPC_URL to another"))
	}
	if h.Kept < shortMemory {
		wrong = append(wrong, warn("transactions are remembered for "+h.Kept.Round(time.Second).String()+", which an attempt in doubt may outlast", "have the server keep more (its retention window), or set SOROBAN_RPC_URL to another"))
	}
	return all(fine("%s", found), wrong...)
}

// judgeClock cannot tell a server that is behind from a clock that is ahead.
func (h LedgerHealth) judgeClock() Verdict {
	switch age := -h.Closed.Ahead; {
	case age > staleLedger+h.Closed.Give:
		return fail(fmt.Sprintf("the newest ledger is %s old by this machine's clock: the server is behind the network, or the clock is ahead", age.Round(time.Second)),
			"compare this machine's clock (timedatectl); if it is right, set SOROBAN_RPC_URL to another server")
	case age < -h.Closed.Give:
		return h.Closed.judge("the ledger's time")
	default:
		return fine("the newest ledger is %s old by this machine's clock", max(age, 0).Round(time.Second))
	}
}

func (f Funds) judgeChannels() Verdict {
	const mend = "run: starter setup (it makes those that are missing; each needs 1 XLM of the deployer's)"
	switch {
	case f.Missing > 0:
		return fail(fmt.Sprintf("%d of %s %s not on the ledger: the deployments that would use them fail", f.Missing, count(f.Channels, "channel account"), verb(f.Missing, "is", "are")), mend)
	case f.Poor > 0:
		return warn(fmt.Sprintf("%d of %s %s less than the reserve", f.Poor, count(f.Channels, "channel account"), verb(f.Poor, "has", "have")), "send each of them 1 XLM")
	}
	return fine("%s on the ledger, with their reserve; they pay no fees", count(f.Channels, "channel account"))
}

// judge warns before a busy network asks for more than may be spent.
func (p Price) judge() Verdict {
	says := fmt.Sprintf("the network asks %s for a contract now, and SOROBAN_MAX_FEE allows %s", xlm(p.Asked), xlm(p.Most))
	if p.Asked > p.Most/2 {
		return warn(says+": when the network is busier, deployments wait", "raise SOROBAN_MAX_FEE")
	}
	return fine("%s", says)
}

func judgeBalance(ctx context.Context, f Funds, price int64, j Journal, network string) Verdict {
	var wrong []Verdict
	for _, a := range f.Accounts {
		if a.Balance == 0 {
			return fail("the account "+a.Address+" is not on the ledger: nothing can be deployed", "send it XLM: docs/runbooks/stellar-down.md")
		}
	}
	if f.NoAdmin != "" {
		wrong = append(wrong, fail("the account "+f.NoAdmin+" of the contracts' administrator is not on the ledger: no contract can be suspended, resumed or ended", "run: starter setup (it makes the account, with 1 XLM of the deployer's)"))
	}
	payer := f.Accounts[len(f.Accounts)-1]
	mend := fmt.Sprintf("send XLM to %s: docs/runbooks/stellar-down.md", payer.Address)
	found := fmt.Sprintf("account %s has %s", payer.Address, xlm(payer.Balance))
	if price > 0 {
		found += fmt.Sprintf(", enough for %d contracts at %s each", max(payer.Usable, 0)/price, xlm(price))
	}
	switch {
	case payer.Usable < price:
		wrong = append(wrong, fail(found+": it cannot pay for one more", mend))
	case payer.Balance < f.Enough:
		wrong = append(wrong, warn(fmt.Sprintf("%s; SOROBAN_KEEPER_MAX_FEE, and SOROBAN_MAX_FEE for each of %d transactions at a time, need %s", found, f.Channels, xlm(f.Enough)), mend+", or lower SOROBAN_CHANNELS or SOROBAN_MAX_FEE"))
	}
	paid, err := spending(ctx, j, network)
	switch {
	case err != nil:
		wrong = append(wrong, warn(found+"; for how many days that is cannot be told: "+words(err), "mend the database first"))
	case paid.Stroops > 0:
		left := lasts(payer.Usable, paid)
		found += fmt.Sprintf("; at the pace of the last %s (%s) that is %s", days(max(paid.Over, atLeast)), xlm(paid.Stroops), daysLeft(left))
		if left < balanceNow {
			wrong = append(wrong, fail(found, mend))
		} else if left < balanceSoon {
			wrong = append(wrong, warn(found, mend))
		}
	default:
		found += "; nothing was spent of late"
	}
	return all(fine("%s", found), wrong...)
}

// lasts is for how long a balance pays at a pace, within what can be counted.
func lasts(usable int64, paid Spending) time.Duration {
	left := float64(max(usable, 0)) / float64(paid.Stroops) * float64(max(paid.Over, atLeast))
	return time.Duration(min(left, float64(2*manyDays)))
}

func spending(ctx context.Context, j Journal, network string) (Spending, error) {
	if j == nil {
		return Spending{}, errNoDatabase
	}
	return j.Spending(ctx, network, spendingPeriod)
}

var errNoDatabase = errors.New("the settings of the database are wrong")

func judgeCode(l Lifetime) Verdict {
	switch {
	case l.Absent:
		return fail("the code of the tenants' contract is not on the ledger: nothing can be deployed", "run: starter setup")
	case l.Archived:
		return warn("the code of the tenants' contract is archived: the keeper restores it, or the next deployment, for what SOROBAN_KEEPER_MAX_FEE allows", keeperLags)
	case l.Left < lifeSoon:
		return warn("the code of the tenants' contract is archived in "+days(l.Left)+", and the keeper has not renewed it yet", keeperLags)
	}
	return fine("the code of the tenants' contract is on the ledger for %s", daysLeft(l.Left))
}

func judgeContracts(ctx context.Context, l Ledger, j Journal) Verdict {
	if j == nil {
		return warn("which contracts there are cannot be told: "+errNoDatabase.Error(), "mend the database first")
	}
	contracts, err := j.Contracts(ctx, sample)
	if err != nil {
		return unasked("read which contracts there are", err, "mend the database first")
	}
	if len(contracts) == 0 {
		return fine("no tenant has a contract yet")
	}
	found, err := l.Instances(ctx, contracts)
	if err != nil {
		return unasked("read the tenants' contracts", err, ledgerAway)
	}
	return judgeInstances(found)
}

func judgeInstances(found []Lifetime) Verdict {
	var absent, archived, soon int
	least := Lifetime{Left: -1}
	for _, f := range found {
		switch {
		case f.Absent:
			absent++
		case f.Archived:
			archived++
		default:
			if f.Left < lifeSoon {
				soon++
			}
			if least.Left < 0 || f.Left < least.Left {
				least = f
			}
		}
	}
	of := fmt.Sprintf("of %s looked at (those touched longest ago)", count(len(found), "contract"))
	var wrong []Verdict
	if absent > 0 {
		wrong = append(wrong, fail(fmt.Sprintf("%s %d %s not on the ledger", of, absent, verb(absent, "is", "are")), "run: starter reconcile (is SOROBAN_NETWORK the one that they were made on, and was it reset?)"))
	}
	if archived > 0 {
		wrong = append(wrong, warn(fmt.Sprintf("%s %d %s archived, and the keeper has not restored them yet", of, archived, verb(archived, "is", "are")), keeperLags))
	}
	if soon > 0 {
		wrong = append(wrong, warn(fmt.Sprintf("%s %d %s archived within %s, the first in %s, and the keeper has not renewed them yet", of, soon, verb(soon, "is", "are"), days(lifeSoon), days(least.Left)), keeperLags))
	}
	return all(fine("%s all are on the ledger, for %s at least", of, daysLeft(least.Left)), wrong...)
}

// xlm are lumens of stroops.
func xlm(s int64) string { return fmt.Sprintf("%.2f XLM", float64(s)/stroops) }

// manyDays are as good as for ever.
const manyDays = 1000 * 24 * time.Hour

// daysLeft does not say how many thousands.
func daysLeft(d time.Duration) string {
	if d > manyDays {
		return "more than 1000 days"
	}
	return days(d)
}
