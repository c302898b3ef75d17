package stellar

import (
	"context"
	"crypto/sha256"
	"sync/atomic"

	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stellar/go-stellar-sdk/strkey"
	"github.com/stellar/go-stellar-sdk/xdr"

	"tenant-provisioning/internal/stellar/rpc"
	"tenant-provisioning/internal/stellar/submit"
	"tenant-provisioning/internal/tenant"
)

// maxChannels is far beyond what a ledger holds (2,000 contract transactions on
// the public network) in its five seconds.
const maxChannels = 1000

// Deployer makes, reads and ends the tenants' contracts. It is safe for
// concurrent use, by any number of processes that share a journal.
type Deployer struct {
	cfg       Config
	rpc       *rpc.Client
	submitter *submit.Submitter
	journal   Journal
	deployer  submit.Signer
	payer     submit.Signer
	admin     submit.Signer
	// admins are those that a contract may have, the present one first.
	admins  []submit.Signer
	account xdr.AccountId
	// channels are the addresses of the channel accounts.
	channels []string
	codeHash xdr.Hash

	// remembered tells that the journal has the origin of what this process makes.
	remembered atomic.Bool
}

// Journal is that of the transactions, and keeps what tells that a contract is ours.
type Journal interface {
	submit.Journal
	// Nonce is that of one generation of a tenant; empty where there is none.
	Nonce(ctx context.Context, id tenant.ID, generation int) ([]byte, error)
	// Remember keeps that this installation's contracts have such an origin, for ever.
	Remember(ctx context.Context, network string, o tenant.ContractOrigin) error
	// Remembers tells which parts of an origin this installation has ever used.
	Remembers(ctx context.Context, network string, o tenant.ContractOrigin) (admin, code bool, err error)
}

// New makes a Deployer. The network need not be there.
func New(cfg Config, journal Journal) (*Deployer, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	d := &Deployer{
		cfg:      cfg,
		journal:  journal,
		codeHash: sha256.Sum256(cfg.Wasm),
		rpc: rpc.New(rpc.Config{
			URL: cfg.RPCURL, Passphrase: cfg.Passphrase, HTTP: cfg.HTTPClient,
			Timeout: cfg.RequestTimeout, PollInterval: cfg.PollInterval, Clock: cfg.Clock, Metrics: cfg.Metrics,
		}),
	}
	d.deployer, d.payer, d.admins = cfg.signers()
	d.admin = d.admins[0]
	d.account = xdr.MustAddress(d.deployer.Address())
	channels, err := channelKeys(keypair.MustParseFull(string(cfg.ChannelSecret)), cfg.Channels)
	if err != nil {
		return nil, err
	}
	for _, k := range channels {
		d.channels = append(d.channels, k.Address())
	}
	d.submitter = submit.New(submit.Config{
		Passphrase: cfg.Passphrase, Deployer: d.deployer, Admins: d.admins, FeePayer: d.payer, Channels: channels,
		Limits: cfg.Limits, Validity: cfg.Validity, ReleaseTimeout: cfg.RequestTimeout, Clock: cfg.Clock, Logger: cfg.Logger, Metrics: cfg.Metrics,
	}, d.rpc, journal)
	return d, nil
}

// Address is that of the account which authorises deployments.
func (d *Deployer) Address() string { return d.deployer.Address() }

// ContractID is the address (C…) of the contract that a tenant has, or will
// have, in one generation.
func (d *Deployer) ContractID(id tenant.ID, generation int, n Nonce) (string, error) {
	c, err := contractAddress(d.cfg.Passphrase, preimage(d.account, Salt(id, generation, n)))
	if err != nil {
		return "", err
	}
	return strkey.Encode(strkey.VersionByteContract, c[:])
}

// ErrOtherNetwork tells that the RPC server is of another network than the configured
// one.
var ErrOtherNetwork = rpc.ErrOtherNetwork

// Check asks whether the RPC server answers and is of our network; ErrOtherNetwork if
// it is not.
func (d *Deployer) Check(ctx context.Context) error {
	_, err := d.rpc.Network(ctx)
	return d.explain(err)
}
