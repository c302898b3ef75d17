package stellar

import (
	"context"
	"errors"
	"fmt"

	"tenant-provisioning/internal/stellar/rpc"
	"tenant-provisioning/internal/stellar/submit"
	"tenant-provisioning/internal/tenant"
)

// Probe asks whether a deployment could succeed now: whether the RPC server
// answers and is of our network, whether SOROBAN_MAX_FEE pays for a contract, and
// whether the accounts do, beside what is kept for the life of entries. Nothing is
// sent.
func (d *Deployer) Probe(ctx context.Context) error {
	if err := d.Check(ctx); err != nil {
		return err
	}
	price, err := d.price(ctx)
	if err != nil {
		return d.explain(err)
	}
	for _, address := range d.funded() {
		needed := int64(0)
		if address == d.payer.Address() {
			needed = price + d.cfg.Limits.Keeper // which nothing else may spend
		}
		balance, err := d.balance(ctx, address)
		switch {
		case err != nil:
			return d.explain(err)
		case balance == 0:
			return d.submitter.Unfunded(address, "it is not on the ledger")
		case balance-submit.AccountReserve*submit.Stroops < needed:
			return d.submitter.Unfunded(address, fmt.Sprintf("it has %.7f XLM", float64(balance)/submit.Stroops))
		}
	}
	return nil
}

// ProbeSigner asks whoever signs for the contracts' administrator for a signature of
// what is no transaction.
func (d *Deployer) ProbeSigner(ctx context.Context) error {
	return submit.Verify(ctx, d.admin)
}

// price is what making the contract of a tenant that there never was would cost
// now, in stroops. Without the code on the ledger it has none beyond its bid: a
// deployment brings that. What else the host refuses, it would refuse to all.
func (d *Deployer) price(ctx context.Context) (int64, error) {
	nobody, err := tenant.NewID()
	if err != nil {
		return 0, err
	}
	s, err := d.rpc.Simulate(ctx, d.channels[0], d.createCall(nobody, 1, nil), 0, orSilent(nil))
	if refused, is := errors.AsType[*rpc.SimulationError](err); err != nil && !(is && refused.Missing()) {
		return 0, err
	}
	return d.submitter.Fee(ctx, submit.PurposeDeploy, int64(s.Data.ResourceFee), 1)
}
