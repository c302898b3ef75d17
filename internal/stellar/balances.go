package stellar

import (
	"context"
	"math"
	"slices"

	"github.com/stellar/go-stellar-sdk/xdr"

	"tenant-provisioning/internal/observe"
	"tenant-provisioning/internal/stellar/rpc"
	"tenant-provisioning/internal/stellar/submit"
)

// keysAtATime is how many entries a server gives in one answer.
const keysAtATime = 200

// Balances reads what our accounts have. One that is not on the ledger has nothing.
func (d *Deployer) Balances(ctx context.Context) (observe.Balances, error) {
	b := observe.Balances{Needed: float64(d.submitter.EnoughXLM()), DayLimit: float64(d.cfg.Limits.Day) / submit.Stroops}
	spent, err := d.submitter.Spent(ctx)
	if err != nil {
		return b, err
	}
	b.SpentDay = float64(spent) / submit.Stroops
	channels, err := d.submitter.Channels(ctx)
	if err != nil {
		return b, err
	}
	for _, c := range channels {
		if !c.SetAside.IsZero() {
			b.SetAside++
		}
	}
	own := d.funded()
	balances, err := d.balances(ctx, slices.Concat(own, d.channels))
	if err != nil {
		return b, d.explain(err)
	}
	b.Deployer = max(balances[0], 0)
	if len(own) > 1 {
		payer := max(balances[1], 0)
		b.FeePayer = &payer
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

// balances are in XLM; negative for an account that is not on the ledger.
func (d *Deployer) balances(ctx context.Context, addresses []string) ([]float64, error) {
	var found []float64
	for some := range slices.Chunk(addresses, keysAtATime) {
		keys := make([]xdr.LedgerKey, len(some))
		for i, a := range some {
			var err error
			if keys[i], err = rpc.AccountKey(a); err != nil {
				return nil, err
			}
		}
		entries, _, err := d.rpc.Read(ctx, 0, orSilent(nil), keys...)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e == nil {
				found = append(found, -1)
				continue
			}
			found = append(found, float64(e.MustAccount().Balance)/submit.Stroops)
		}
	}
	return found, nil
}
