package stellar

import (
	"crypto/sha256"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stellar/go-stellar-sdk/strkey"
	"github.com/stellar/go-stellar-sdk/xdr"

	"tenant-provisioning/internal/tenant"
)

const (
	// maxChannels is far beyond what a ledger holds (2,000 contract
	// transactions on the public network) in its five seconds.
	maxChannels = 1000
	// patience is for how long one call puts up with a server that does not
	// answer or does not catch up, before its caller gets to see that. The
	// transaction stays journalled; the next call goes on with it.
	patience = 30 * time.Second
	// leaseLength covers the making of a transaction: three requests. With the
	// transaction the lease gets as long as that may be applied.
	leaseLength = 30 * time.Second
)

// Deployer makes, reads and ends the tenants' contracts. It is safe for
// concurrent use, by any number of processes that share a journal.
type Deployer struct {
	cfg      Config
	journal  Journal
	rpc      *rpcClient
	deployer *keypair.Full
	account  xdr.AccountId
	payer    *keypair.Full
	// channels are the channel accounts by address.
	channels map[string]*keypair.Full
	// addresses are the channels' in the order of their numbers.
	addresses []string
	codeHash  xdr.Hash

	// channelSlots and deployerSlot make those of this process that wait for an
	// account wait in line instead of asking the database.
	channelSlots, deployerSlot chan struct{}

	confirmed atomic.Bool
	// closeTime is the newest time of a ledger that a server has told, in
	// seconds since 1970: the network's clock, should ours be behind.
	closeTime atomic.Int64
	fees      feeStats
}

// New makes a Deployer. The network need not be there.
func New(cfg Config, journal Journal) (*Deployer, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	d := &Deployer{
		cfg:          cfg,
		journal:      journal,
		rpc:          &rpcClient{url: cfg.RPCURL, http: cfg.HTTPClient, timeout: cfg.RequestTimeout},
		deployer:     keypair.MustParseFull(string(cfg.Deployer)),
		payer:        keypair.MustParseFull(string(cfg.FeePayer)),
		codeHash:     sha256.Sum256(cfg.Wasm),
		channels:     map[string]*keypair.Full{},
		channelSlots: make(chan struct{}, cfg.Channels),
		deployerSlot: make(chan struct{}, 1),
	}
	d.account = xdr.MustAddress(d.deployer.Address())
	keys, err := channelKeys(keypair.MustParseFull(string(cfg.ChannelSecret)), cfg.Channels)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		d.channels[k.Address()] = k
		d.addresses = append(d.addresses, k.Address())
	}
	return d, nil
}

// Address is that of the account which authorises deployments.
func (d *Deployer) Address() string { return d.deployer.Address() }

// ContractID is the address (C…) of the contract that a tenant has, or will
// have, in one generation.
func (d *Deployer) ContractID(id tenant.ID, generation int) (string, error) {
	c, err := contractAddress(d.cfg.Passphrase, preimage(d.account, Salt(id, generation)))
	if err != nil {
		return "", err
	}
	return strkey.Encode(strkey.VersionByteContract, c[:])
}

// key is the secret of one of our accounts.
func (d *Deployer) key(address string) (*keypair.Full, error) {
	if address == d.deployer.Address() {
		return d.deployer, nil
	}
	if k, ok := d.channels[address]; ok {
		return k, nil
	}
	return nil, fmt.Errorf("the key of account %s is not derived from SOROBAN_CHANNEL_SECRET", address)
}

// sawClose keeps the newest close time.
func (d *Deployer) sawClose(seconds int64) {
	for {
		seen := d.closeTime.Load()
		if seconds <= seen || d.closeTime.CompareAndSwap(seen, seconds) {
			return
		}
	}
}

// feeStats are the network's bids, asked for at most once per ledger.
type feeStats struct {
	mu                sync.Mutex
	at                time.Time
	soroban, ordinary int64
}
