package rpc

import (
	"context"
	"errors"

	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"

	"tenant-provisioning/internal/tenant"
)

// ErrOtherNetwork tells that the server is of another network than ours. It is in the
// chain of what Network and Confirm return then.
var ErrOtherNetwork = errors.New("the server is of another network")

// Network asks the server what network it is of, and refuses another than ours.
func (c *Client) Network(ctx context.Context) (protocol.GetNetworkResponse, error) {
	n, err := Call[protocol.GetNetworkResponse](ctx, c, protocol.GetNetworkMethodName, nil)
	if err != nil {
		return n, err
	}
	ours := n.Passphrase == c.cfg.Passphrase
	c.confirmed.Store(ours)
	if !ours {
		return n, wrongNetwork()
	}
	return n, nil
}

// Confirm checks the passphrase before the first transaction, and again once Network has
// met another network: a transaction that is unknown to that one is not lost.
func (c *Client) Confirm(ctx context.Context) error {
	if c.confirmed.Load() {
		return nil
	}
	_, err := c.Network(ctx)
	return err
}

func wrongNetwork() error {
	return &tenant.StepError{
		Step: tenant.StepDeployContract, Class: tenant.ClassAuth, RetryAfter: SettingDelay, Err: ErrOtherNetwork,
		Reason: "SOROBAN_NETWORK is not the network of the server at SOROBAN_RPC_URL; set one of them to match the other",
	}
}
