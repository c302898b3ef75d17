package stellar

import (
	"context"

	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
)

// Check asks whether the RPC server answers and is of our network.
func (d *Deployer) Check(ctx context.Context) error {
	_, err := d.network(ctx)
	return d.explain(err)
}

func (d *Deployer) network(ctx context.Context) (protocol.GetNetworkResponse, error) {
	n, err := call[protocol.GetNetworkResponse](ctx, d.rpc, protocol.GetNetworkMethodName, nil)
	if err != nil {
		return n, err
	}
	if n.Passphrase != d.cfg.Passphrase {
		return n, d.wrongNetwork()
	}
	d.confirmed.Store(true)
	return n, nil
}

// confirmNetwork checks the passphrase once per process, before the first
// transaction: a transaction that is unknown to another network is not lost.
func (d *Deployer) confirmNetwork(ctx context.Context) error {
	if d.confirmed.Load() {
		return nil
	}
	_, err := d.network(ctx)
	return err
}
