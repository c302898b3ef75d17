package stellar

import (
	"context"
	"errors"
	"fmt"

	"tenant-provisioning/internal/tenant"
)

// Probe asks whether a deployment could succeed now: whether the RPC server
// answers and is of our network, whether SOROBAN_MAX_FEE pays for a contract, and
// whether the accounts do. Nothing is sent.
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
			needed = price
		}
		balance, err := d.balance(ctx, address)
		switch {
		case err != nil:
			return d.explain(err)
		case balance == 0:
			return d.unfunded(address, "it is not on the ledger")
		case balance-accountReserve*stroops < needed:
			return d.unfunded(address, fmt.Sprintf("it has %.7f XLM", float64(balance)/stroops))
		}
	}
	return nil
}

// price is what making the contract of a tenant that there never was would cost
// now, in stroops. A call that the host refuses has none beyond its bid: that is
// for its step to tell, and what else it needs may be made with it.
func (d *Deployer) price(ctx context.Context) (int64, error) {
	nobody, err := tenant.NewID()
	if err != nil {
		return 0, err
	}
	s, err := d.simulate(ctx, d.addresses[0], d.createCall(nobody, 1), 0, orSilent(nil))
	if _, refused := errors.AsType[*simulationError](err); err != nil && !refused {
		return 0, err
	}
	return d.fee(ctx, PurposeDeploy, int64(s.data.ResourceFee), 1)
}
