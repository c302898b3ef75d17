package observe

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"tenant-provisioning/internal/tenant"
)

// Ledger is what a worker counts of its work on the ledger.
type Ledger struct {
	requests     *prometheus.HistogramVec
	transactions *prometheus.CounterVec
	inclusion    *prometheus.HistogramVec
	fees         prometheus.Counter
}

// NewLedger registers it.
func NewLedger(registerer prometheus.Registerer) *Ledger {
	factory := promauto.With(registerer)
	return &Ledger{
		requests: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "ledger_request_duration_seconds",
			Help:    "Time that the Stellar RPC server took to answer, by method and by what came of it: ok, or the class of the error. sendTransaction is a submission.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"method", "outcome"}),
		transactions: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "ledger_transactions_total",
			Help: "Transactions whose fate this process has learnt, by purpose and fate (APPLIED, FAILED, EXPIRED, REJECTED).",
		}, []string{"purpose", "state"}),
		inclusion: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "ledger_inclusion_seconds",
			Help:    "Time from the first submission of a transaction until it was known to be in a ledger, by purpose.",
			Buckets: []float64{.25, .5, 1, 2.5, 5, 10, 15, 20, 30, 45, 60, 90, 120},
		}, []string{"purpose"}),
		fees: factory.NewCounter(prometheus.CounterOpts{
			Name: "ledger_fees_xlm_total",
			Help: "Fees that were charged for the transactions whose fate this process has learnt, in XLM.",
		}),
	}
}

// Asked counts a request to the RPC server. A nil *Ledger counts nothing.
func (l *Ledger) Asked(method, outcome string, took time.Duration) {
	if l == nil {
		return
	}
	l.requests.WithLabelValues(method, outcome).Observe(took.Seconds())
}

// Settled counts a transaction whose fate is known. took is since it was first sent;
// zero where that is not known. A nil *Ledger counts nothing.
func (l *Ledger) Settled(purpose, state string, took time.Duration, feeXLM float64) {
	if l == nil {
		return
	}
	l.transactions.WithLabelValues(purpose, state).Inc()
	l.fees.Add(feeXLM)
	if state == "APPLIED" && took > 0 {
		l.inclusion.WithLabelValues(purpose).Observe(took.Seconds())
	}
}

// Balances are those of the accounts on the ledger, in XLM.
type Balances struct {
	// Deployer pays for everything unless FeePayer does, which is nil then.
	Deployer float64
	FeePayer *float64
	// Admin authorises what changes a contract, and needs its reserve; nil where the
	// deployer does.
	Admin *float64
	// LowestChannel is that of the channel account that has least; channels that are
	// not on the ledger are counted in Missing instead.
	LowestChannel float64
	Missing       int
	// Needed is what pays for as many transactions as may be under way at a time.
	Needed float64
}

// Purse is what the journal knows of the ledger's costs, in XLM, and of the channels.
type Purse struct {
	// SpentDay was paid in the last 24 hours, and DayLimit is what may be.
	SpentDay, DayLimit float64
	// SetAside counts the channel accounts that are out of use.
	SetAside int
}

// keptBalances is how long they are shown: they change with each transaction, and are
// of interest in days.
const keptBalances = time.Minute

var (
	balance         = desc("ledger_balance_xlm", "Balance of an account on the ledger, in XLM: the deployer's, the fee payer's and the contracts' administrator's where those are others, and of the channels the lowest.", "account")
	balanceNeeded   = desc("ledger_balance_needed_xlm", "What whoever pays must have for as many transactions as may be under way at a time, in XLM.")
	channelsMissing = desc("ledger_channels_missing", "Channel accounts that are not on the ledger.")
	channelsAside   = desc("ledger_channels_set_aside", "Channel accounts that are set aside, because they take other signers than ours.")
	spentDay        = desc("ledger_spent_day_xlm", "What the installation has paid on the ledger in the last 24 hours, in XLM.")
	dayLimit        = desc("ledger_day_limit_xlm", "What it may pay in 24 hours, in XLM (SOROBAN_DAY_MAX_FEE); work on the ledger waits beyond.")
)

var (
	codeDays     = desc("ledger_code_days_left", "Days until the contract's code is archived on the ledger, at the pace of its ledgers, as the keeper saw it last; of several codes the least. Where none lives there is no series.")
	contractDays = desc("ledger_contract_days_left", "The same for the contracts of living tenants, the least of them.")
	archived     = desc("ledger_entries_archived", "Contracts of living tenants, and codes, that do not live on the ledger: they are archived and must be restored, or are not there.")
	livesAge     = desc("ledger_keeper_age_seconds", "How long ago the keeper looked at what tenants have on the ledger.")
)

// Lives shows how long what tenants have on the ledger lives. Every api shows the same.
func Lives(seen func(context.Context) (tenant.Lives, error), log *slog.Logger) prometheus.Collector {
	return read("how long entries of the ledger live", keptBalances, seen, log, []*prometheus.Desc{codeDays, contractDays, archived, livesAge},
		func(l tenant.Lives, gauge func(*prometheus.Desc, float64, ...string)) {
			if l.SeenAt.IsZero() {
				return // the keeper has not been there yet
			}
			const day = 24 * time.Hour
			if l.Code != nil {
				gauge(codeDays, float64(*l.Code)/float64(day))
			}
			if l.Contract != nil {
				gauge(contractDays, float64(*l.Contract)/float64(day))
			}
			gauge(archived, float64(l.Lost))
			gauge(livesAge, time.Since(l.SeenAt).Seconds())
		})
}

// Accounts shows the balances on the ledger, as they were read within the last minute.
// Every worker shows the same.
func Accounts(ask func(context.Context) (Balances, error), log *slog.Logger) prometheus.Collector {
	return read("the balances on the ledger", keptBalances, ask, log, []*prometheus.Desc{balance, balanceNeeded, channelsMissing},
		func(b Balances, gauge func(*prometheus.Desc, float64, ...string)) {
			gauge(balance, b.Deployer, "deployer")
			if b.FeePayer != nil {
				gauge(balance, *b.FeePayer, "fee_payer")
			}
			if b.Admin != nil {
				gauge(balance, *b.Admin, "admin")
			}
			gauge(balance, b.LowestChannel, "lowest_channel")
			gauge(balanceNeeded, b.Needed)
			gauge(channelsMissing, float64(b.Missing))
		})
}

// Purses shows what may be spent on the ledger and was. Every worker shows the same.
func Purses(ask func(context.Context) (Purse, error), log *slog.Logger) prometheus.Collector {
	return read("what was spent on the ledger", keptBalances, ask, log, []*prometheus.Desc{channelsAside, spentDay, dayLimit},
		func(p Purse, gauge func(*prometheus.Desc, float64, ...string)) {
			gauge(channelsAside, float64(p.SetAside))
			gauge(spentDay, p.SpentDay)
			gauge(dayLimit, p.DayLimit)
		})
}
