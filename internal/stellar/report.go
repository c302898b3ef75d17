package stellar

import (
	"context"
	"fmt"
	"time"

	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/txnbuild"

	"tenant-provisioning/internal/stellar/rpc"
	"tenant-provisioning/internal/stellar/submit"
	"tenant-provisioning/internal/tenant"
)

// ChannelReport is a channel account by the journal and the ledger.
type ChannelReport struct {
	submit.Channel
	// Number is its place among all, from 0.
	Number int
	// Balance is in stroops; negative for an account that is not on the ledger, and 0
	// where Channels returns an error, since the ledger was not asked.
	Balance int64
	// Signs tells that its own key is enough for a transaction.
	Signs bool
}

// Channels tells of all channel accounts, in the order of their numbers. With an error
// of the ledger's it has what the journal knows.
func (d *Deployer) Channels(ctx context.Context) ([]ChannelReport, error) {
	known, err := d.submitter.Channels(ctx)
	if err != nil {
		return nil, err
	}
	reports := make([]ChannelReport, len(known))
	for i, c := range known {
		reports[i] = ChannelReport{Channel: c, Number: i}
	}
	if err := d.rpc.Confirm(ctx); err != nil {
		return reports, d.explain(err) // elsewhere all of them would be missing
	}
	accounts, err := d.accounts(ctx, 0, d.channels, orSilent(nil))
	if err != nil {
		return reports, d.explain(err)
	}
	for i, a := range accounts {
		if reports[i].Balance = -1; a != nil {
			reports[i].Balance, reports[i].Signs = int64(a.Balance), submit.SignsAlone(*a)
		}
	}
	return reports, nil
}

// MakeChannels creates the channel accounts that are not on the ledger, and gives those
// that have less than the reserve what they lack.
func (d *Deployer) MakeChannels(ctx context.Context) error {
	if err := d.rpc.Confirm(ctx); err != nil {
		return d.explain(err)
	}
	if err := d.createAccounts(ctx, orSilent(nil)); err != nil {
		return d.explain(err)
	}
	return d.explain(d.sendForAll(ctx, submit.PurposeChannels, func(ctx context.Context, floor uint32) ([]txnbuild.Operation, error) {
		accounts, err := d.accounts(ctx, floor, d.channels, orSilent(nil))
		if err != nil {
			return nil, err
		}
		var ops []txnbuild.Operation
		for i, a := range accounts {
			if a == nil || int64(a.Balance) >= submit.AccountReserve*submit.Stroops || len(ops) == maxOperations {
				continue
			}
			lacks := submit.AccountReserve*submit.Stroops - int64(a.Balance)
			ops = append(ops, &txnbuild.Payment{
				SourceAccount: d.Address(), Destination: d.channels[i], Asset: txnbuild.NativeAsset{}, Amount: fmt.Sprintf("%.7f", float64(lacks)/submit.Stroops),
			})
		}
		return ops, nil
	}, orSilent(nil)))
}

// Report is how we stand on the ledger, for people.
type Report struct {
	Passphrase string
	Protocol   int
	Ledger     uint32
	// Age is that of the newest ledger, Pace how long one takes.
	Age, Pace time.Duration
	// Bid is what a contract's transaction bids now for each of its operations, and Price
	// what making a contract would cost, in stroops.
	Bid, Price int64
	Limits     submit.Limits
	Spent      submit.Spending
	// Accounts are those that authorise and pay.
	Accounts []AccountReport
	// Days is for how long the payer's balance lasts at the pace of the last 30 days;
	// negative where nothing was paid.
	Days     float64
	Channels []ChannelReport
	// Keeping tells how long what living tenants have on the ledger lives.
	Keeping tenant.Keeping
}

// AccountReport is one of our accounts. Balance is in stroops, negative for one that is
// not on the ledger.
type AccountReport struct {
	Role, Address string
	Balance       int64
}

// Report asks the network and the journal; contracts are those of living tenants, and
// daily is what a day of their transactions costs, in stroops, to which the keeper's are
// added. With an error it has what was found until then.
func (d *Deployer) Report(ctx context.Context, contracts []tenant.EntryLife, daily int64) (Report, error) {
	r := Report{Passphrase: d.cfg.Passphrase, Limits: d.cfg.Limits, Days: -1}
	var err error
	if r.Spent, err = d.submitter.Spending(ctx); err != nil {
		return r, err
	}
	if r.Channels, err = d.Channels(ctx); err != nil {
		return r, err
	}
	return r, d.explain(d.ask(ctx, &r, contracts, daily))
}

func (d *Deployer) ask(ctx context.Context, r *Report, contracts []tenant.EntryLife, daily int64) error {
	n, err := d.rpc.Network(ctx)
	if err != nil {
		return err
	}
	r.Protocol = n.ProtocolVersion
	h, err := d.Facts().health(ctx)
	if err != nil {
		return err
	}
	r.Ledger, r.Pace, r.Age = h.LatestLedger, pace(h), max(d.cfg.Clock().Sub(time.Unix(h.LatestLedgerCloseTime, 0)), 0)
	stats, err := rpc.Call[protocol.GetFeeStatsResponse](ctx, d.rpc, protocol.GetFeeStatsMethodName, nil)
	if err != nil {
		return err
	}
	r.Bid = int64(stats.SorobanInclusionFee.P95)
	roles, own := []string{"deployer", "payer", "administrator"}, []string{d.Address(), d.payer.Address(), d.admin.Address()}
	accounts, err := d.accounts(ctx, 0, own, orSilent(nil))
	if err != nil {
		return err
	}
	for i, address := range own {
		a := AccountReport{Role: roles[i], Address: address, Balance: -1}
		if accounts[i] != nil {
			a.Balance = int64(accounts[i].Balance)
		}
		if cost := daily + r.Spent.Month/30; roles[i] == "payer" && cost > 0 && a.Balance > 0 {
			r.Days = float64(a.Balance-submit.AccountReserve*submit.Stroops) / float64(cost)
		}
		if i == 0 || address != d.Address() {
			r.Accounts = append(r.Accounts, a)
		}
	}
	if r.Keeping, err = d.Watch(ctx, contracts, nil); err != nil {
		return err
	}
	r.Price, err = d.price(ctx)
	return err
}
