package doctor_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/doctor"
)

type ledgerFacts struct {
	health    doctor.LedgerHealth
	funds     doctor.Funds
	signer    error
	price     doctor.Price
	code      doctor.Lifetime
	instances []doctor.Lifetime
	err       error

	spending  doctor.Spending
	contracts []string
	journal   error
}

const xlm = 10_000_000

func soundLedger() *ledgerFacts {
	return &ledgerFacts{
		health:    doctor.LedgerHealth{Status: "healthy", Ledger: 70_000, Close: 5 * time.Second, Kept: 7 * days, Closed: doctor.Clock{Ahead: -4 * time.Second}},
		funds:     doctor.Funds{Accounts: []doctor.Account{{Address: "GABC", Balance: 200 * xlm, Usable: 199 * xlm}}, Enough: 17 * xlm, Channels: 8},
		price:     doctor.Price{Asked: xlm / 2, Most: 2 * xlm},
		code:      doctor.Lifetime{Left: 100 * days},
		instances: []doctor.Lifetime{{Left: 50 * days}},
		spending:  doctor.Spending{Stroops: 10 * xlm, Transactions: 20, Over: 10 * days},
		contracts: []string{"C1"},
	}
}

func (f *ledgerFacts) Network(context.Context) (doctor.LedgerNetwork, error) {
	return doctor.LedgerNetwork{}, f.err
}
func (f *ledgerFacts) Health(context.Context) (doctor.LedgerHealth, error) { return f.health, nil }
func (f *ledgerFacts) Funds(context.Context) (doctor.Funds, error)         { return f.funds, nil }
func (f *ledgerFacts) Price(context.Context) (doctor.Price, error)         { return f.price, nil }
func (f *ledgerFacts) Code(context.Context) (doctor.Lifetime, error)       { return f.code, nil }
func (f *ledgerFacts) Instances(context.Context, []string) ([]doctor.Lifetime, error) {
	return f.instances, nil
}
func (f *ledgerFacts) Signer(context.Context) (doctor.Signer, error) {
	return doctor.Signer{Account: "GABC", Setting: "SOROBAN_ADMIN_SIGNER"}, f.signer
}
func (f *ledgerFacts) Spending(context.Context, string, time.Duration) (doctor.Spending, error) {
	return f.spending, f.journal
}
func (f *ledgerFacts) Contracts(context.Context, int) ([]string, error) {
	return f.contracts, f.journal
}

func TestALedgerIsJudged(t *testing.T) {
	t.Parallel()
	sound, failing := soundLedger(), map[string]bool{}
	for _, l := range doctor.Examine(t.Context(), doctor.Within, []doctor.Subject{doctor.ExamineLedger(sound, sound, "n")}) {
		judged(t, l, doctor.OK, "")
	}
	judged(t, line(t, doctor.ExamineLedger(sound, sound, "n"), "balance"), doctor.OK, "that is 199 days")
	for name, c := range map[string]struct {
		check  string
		change func(*ledgerFacts)
		state  doctor.State
		says   string
	}{
		"another network":     {"server", func(f *ledgerFacts) { f.err = errors.New("SOROBAN_NETWORK is not") }, doctor.Failure, "stellar-down.md"},
		"ill":                 {"health", func(f *ledgerFacts) { f.health.Status = "unhealthy" }, doctor.Failure, "unhealthy"},
		"forgetful":           {"health", func(f *ledgerFacts) { f.health.Kept = time.Minute }, doctor.Warning, "retention window"},
		"behind":              {"clock", func(f *ledgerFacts) { f.health.Closed.Ahead = -hour }, doctor.Failure, "behind the network, or the clock is ahead"},
		"ahead":               {"clock", func(f *ledgerFacts) { f.health.Closed.Ahead = 5 * time.Second }, doctor.Warning, "NTP"},
		"no channel":          {"channels", func(f *ledgerFacts) { f.funds.Missing = 2 }, doctor.Failure, "starter setup"},
		"a poor channel":      {"channels", func(f *ledgerFacts) { f.funds.Poor = 1 }, doctor.Warning, "1 XLM"},
		"no account":          {"balance", func(f *ledgerFacts) { f.funds.Accounts[0].Balance = 0 }, doctor.Failure, "not on the ledger"},
		"nothing left":        {"balance", func(f *ledgerFacts) { f.funds.Accounts[0].Usable = 1 }, doctor.Failure, "cannot pay for one more"},
		"not for all":         {"balance", func(f *ledgerFacts) { f.funds.Enough = 500 * xlm }, doctor.Warning, "SOROBAN_CHANNELS"},
		"some days left":      {"balance", func(f *ledgerFacts) { f.spending.Stroops = 100 * xlm }, doctor.Warning, "that is 20 days"},
		"years left":          {"balance", func(f *ledgerFacts) { f.spending.Stroops = 1 }, doctor.OK, "that is more than 1000 days"},
		"hours left":          {"balance", func(f *ledgerFacts) { f.spending.Stroops = 1000 * xlm }, doctor.Failure, "that is 48 hours"},
		"an unknown pace":     {"balance", func(f *ledgerFacts) { f.journal = errors.New("no table") }, doctor.Warning, "no table"},
		"too dear soon":       {"fee", func(f *ledgerFacts) { f.price.Asked = 15 * xlm / 10 }, doctor.Warning, "raise SOROBAN_MAX_FEE"},
		"no administrator":    {"balance", func(f *ledgerFacts) { f.funds.NoAdmin = "GADM" }, doctor.Failure, "starter setup"},
		"a locked agent":      {"signer", func(f *ledgerFacts) { f.signer = errors.New("it is locked") }, doctor.Failure, "signer-away.md"},
		"no code":             {"code", func(f *ledgerFacts) { f.code = doctor.Lifetime{Absent: true} }, doctor.Failure, "starter setup"},
		"archived code":       {"code", func(f *ledgerFacts) { f.code = doctor.Lifetime{Archived: true} }, doctor.Warning, "is archived"},
		"code that ends":      {"code", func(f *ledgerFacts) { f.code.Left = 10 * days }, doctor.Warning, "in 10 days"},
		"a lost contract":     {"contracts", func(f *ledgerFacts) { f.instances[0].Absent = true }, doctor.Failure, "starter reconcile"},
		"an archived one":     {"contracts", func(f *ledgerFacts) { f.instances[0].Archived = true }, doctor.Warning, "ledger-keeper.md"},
		"one that ends":       {"contracts", func(f *ledgerFacts) { f.instances[0].Left = 30 * hour }, doctor.Warning, "30 hours"},
		"unknown contracts":   {"contracts", func(f *ledgerFacts) { f.journal = errors.New("no table") }, doctor.Failure, "no table"},
		"no contracts so far": {"contracts", func(f *ledgerFacts) { f.contracts = nil }, doctor.OK, "yet"},
	} {
		facts := soundLedger()
		c.change(facts)
		l := line(t, doctor.ExamineLedger(facts, facts, "n"), c.check)
		require.Equal(t, c.state, l.State, name)
		judged(t, l, c.state, c.says)
		failing[c.check] = failing[c.check] || c.state != doctor.OK
	}
	eachFails(t, doctor.ExamineLedger(sound, sound, "n"), failing)
	judged(t, line(t, doctor.ExamineLedger(sound, nil, "n"), "contracts"), doctor.Warning, "database")
}
