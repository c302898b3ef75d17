package devnet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// PublicMinPersistentTTL is how many ledgers a new persistent entry lives on the
// public network: 120 days of five seconds.
const PublicMinPersistentTTL = 2_073_600

// Conditions are what a test may change while the network runs. They are not
// stored: a network that is opened again has those of its Config.
type Conditions struct {
	// Interval is the time between the ledgers of Run, at least MinCloseInterval.
	// At 0 Run closes none.
	Interval time.Duration
	// MinPersistentTTL is the life of a new persistent entry in ledgers, and
	// MaxTTL the longest life that can be bought for one. Entries that exist keep
	// what they have.
	MinPersistentTTL, MaxTTL uint32
	// FillBid, in stroops per operation, fills every ledger with such bids, in
	// both lanes: only transactions that bid more get in, and they pay this much.
	FillBid int64
	// Lag makes the RPC answer as a server that many ledgers behind, at most
	// MaxLag. What is sent to it reaches the network at once nevertheless.
	Lag uint32
	// LoseSends is how many of the next transactions that would be PENDING are
	// answered so and lost.
	LoseSends uint32
	// RefuseSends is how many of the next sendTransaction are answered with
	// TRY_AGAIN_LATER.
	RefuseSends uint32
}

// MaxLag is how many ledgers back the whole state is known.
const MaxLag = 64

func (c Conditions) validate() error {
	var errs []error
	if c.Interval != 0 && c.Interval < MinCloseInterval {
		errs = append(errs, fmt.Errorf("interval %v: must be 0 or at least %v", c.Interval, MinCloseInterval))
	}
	if c.MinPersistentTTL == 0 || c.MinPersistentTTL >= c.MaxTTL {
		errs = append(errs, fmt.Errorf("persistent entries live %d ledgers: must be above 0 and below the longest life, %d", c.MinPersistentTTL, c.MaxTTL))
	}
	if c.MaxTTL < minTemporaryTTL {
		errs = append(errs, fmt.Errorf("longest life %d: must be at least that of temporary entries, %d", c.MaxTTL, minTemporaryTTL))
	}
	if c.FillBid < 0 {
		errs = append(errs, fmt.Errorf("bid of %d stroops: must not be negative", c.FillBid))
	}
	if c.Lag > MaxLag {
		errs = append(errs, fmt.Errorf("lag of %d ledgers: must be at most %d", c.Lag, MaxLag))
	}
	return errors.Join(errs...)
}

// conditions guards the present ones. Its lock is taken after all others.
type conditions struct {
	mu      sync.Mutex
	now     Conditions
	changed chan struct{} // tells Run
}

func newConditions(c Conditions) *conditions {
	return &conditions{now: c, changed: make(chan struct{}, 1)}
}

func (c *conditions) get() Conditions {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// take counts down what happens to the next transactions.
func (c *conditions) take(left func(*Conditions) *uint32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := left(&c.now)
	if *n == 0 {
		return false
	}
	*n--
	return true
}

func (c *conditions) change(edit func(*Conditions)) (old, now Conditions, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old, now = c.now, c.now
	edit(&now)
	if err := now.validate(); err != nil {
		return old, old, err
	}
	c.now = now
	select {
	case c.changed <- struct{}{}:
	default:
	}
	return old, now, nil
}

// Conditions returns the present ones.
func (n *Network) Conditions() Conditions { return n.conditions.get() }

// Change edits the conditions. Other times to live are a change of the ledger:
// one is closed that has it.
func (n *Network) Change(ctx context.Context, edit func(*Conditions)) error {
	old, now, err := n.conditions.change(edit)
	if err != nil {
		return fmt.Errorf("change the conditions: %w", err)
	}
	if old.MinPersistentTTL == now.MinPersistentTTL && old.MaxTTL == now.MaxTTL {
		return nil
	}
	return n.closeLedger(ctx, archivalSetting(now))
}

// Reset brings back the conditions that the network was opened with. The ledger
// stays as it is.
func (n *Network) Reset(ctx context.Context) error {
	return n.Change(ctx, func(c *Conditions) { *c = n.cfg.conditions() })
}
