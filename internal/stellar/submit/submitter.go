package submit

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stellar/go-stellar-sdk/keypair"

	"tenant-provisioning/internal/observe"
	"tenant-provisioning/internal/stellar/rpc"
)

// leaseLength covers the making of a transaction: three requests. With the
// transaction the lease gets as long as that may be applied.
const leaseLength = 30 * time.Second

// Config says as whom transactions are sent, and what they may cost.
type Config struct {
	Passphrase string
	// Deployer makes contracts and accounts, and lends its sequence number to what
	// serves all tenants.
	Deployer Signer
	// Admins authorise what changes a contract, each the contracts that have it for
	// their administrator.
	Admins []Signer
	// FeePayer pays the fees.
	FeePayer Signer
	// Channels lend their sequence numbers.
	Channels []*keypair.Full
	Limits   Limits
	// Validity is for how long after its making a transaction may be applied, in
	// whole seconds.
	Validity time.Duration
	// ReleaseTimeout bounds the giving back of an account.
	ReleaseTimeout time.Duration
	Clock          func() time.Time
	Logger         *slog.Logger
	// Metrics counts what becomes of transactions. Nil: nobody does.
	Metrics *observe.Ledger
}

// Submitter sends transactions. It is safe for concurrent use, by any number of
// processes that share a journal.
type Submitter struct {
	cfg     Config
	rpc     *rpc.Client
	journal Journal
	// channels are the channel accounts by address.
	channels map[string]Signer
	// addresses are the channels' in the order of their numbers.
	addresses []string

	// channelSlots and deployerSlot make those of this process that wait for an
	// account wait in line instead of asking the database.
	channelSlots, deployerSlot chan struct{}

	// closeTime is the newest time of a ledger that a server has told, in
	// seconds since 1970: the network's clock, should ours be behind.
	closeTime atomic.Int64
	fees      feeStats
}

// New makes a Submitter. The network need not be there.
func New(cfg Config, client *rpc.Client, journal Journal) *Submitter {
	s := &Submitter{
		cfg: cfg, rpc: client, journal: journal,
		channels:     map[string]Signer{},
		channelSlots: make(chan struct{}, len(cfg.Channels)),
		deployerSlot: make(chan struct{}, 1),
	}
	for _, k := range cfg.Channels {
		s.channels[k.Address()] = KeyPair(k, channelSetting)
		s.addresses = append(s.addresses, k.Address())
	}
	return s
}

// Channels tells of the channel accounts in the order of their numbers; of one that was
// never used, the address alone.
func (s *Submitter) Channels(ctx context.Context) ([]Channel, error) {
	known, err := s.journal.Channels(ctx, s.cfg.Passphrase)
	if err != nil {
		return nil, err
	}
	channels := make([]Channel, len(s.addresses))
	for i, address := range s.addresses {
		channels[i].Address = address
		for _, c := range known {
			if c.Address == address {
				channels[i] = c
			}
		}
	}
	return channels, nil
}

// sawClose keeps the newest close time.
func (s *Submitter) sawClose(seconds int64) {
	for {
		seen := s.closeTime.Load()
		if seconds <= seen || s.closeTime.CompareAndSwap(seen, seconds) {
			return
		}
	}
}

// feeStats are the network's bids, and what there is to pay with, asked for at most once
// per ledger.
type feeStats struct {
	mu                sync.Mutex
	at                time.Time
	soroban, ordinary int64
	balanceAt         time.Time
	balance           int64
}
