package stellar

import (
	"context"
	"math"
	"slices"

	"tenant-provisioning/internal/observe"
	"tenant-provisioning/internal/stellar/submit"
)

// Balances reads what our accounts have. One that is not on the ledger has nothing.
func (d *Deployer) Balances(ctx context.Context) (observe.Balances, error) {
	b := observe.Balances{Needed: float64(d.submitter.EnoughXLM())}
	if err := d.rpc.Confirm(ctx); err != nil { // elsewhere all of them would be missing
		return b, d.explain(err)
	}
	own := []string{d.Address(), d.payer.Address(), d.admin.Address()}
	balances, err := d.balances(ctx, slices.Concat(own, d.channels))
	if err != nil {
		return b, d.explain(err)
	}
	b.Deployer = max(balances[0], 0)
	if own[1] != own[0] {
		payer := max(balances[1], 0)
		b.FeePayer = &payer
	}
	if own[2] != own[0] {
		admin := max(balances[2], 0)
		b.Admin = &admin
	}
	lowest := math.Inf(1)
	for _, has := range balances[len(own):] {
		if has < 0 {
			b.Missing++
			continue
		}
		lowest = min(lowest, has)
	}
	if !math.IsInf(lowest, 1) {
		b.LowestChannel = lowest
	}
	return b, nil
}

// Purse reads what the journal knows of costs and channels.
func (d *Deployer) Purse(ctx context.Context) (observe.Purse, error) {
	p := observe.Purse{DayLimit: float64(d.cfg.Limits.Day) / submit.Stroops}
	spent, err := d.submitter.Spending(ctx)
	if err != nil {
		return p, err
	}
	p.SpentDay = float64(spent.Day) / submit.Stroops
	channels, err := d.submitter.Channels(ctx)
	for _, c := range channels {
		if !c.SetAside.IsZero() {
			p.SetAside++
		}
	}
	return p, err
}

// balances are in XLM; negative for an account that is not on the ledger.
func (d *Deployer) balances(ctx context.Context, addresses []string) ([]float64, error) {
	accounts, err := d.accounts(ctx, 0, addresses, orSilent(nil))
	if err != nil {
		return nil, err
	}
	found := make([]float64, len(accounts))
	for i, a := range accounts {
		if found[i] = -1; a != nil {
			found[i] = float64(a.Balance) / submit.Stroops
		}
	}
	return found, nil
}
