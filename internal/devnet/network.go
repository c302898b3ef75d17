package devnet

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/stellar/go-stellar-sdk/network"

	"tenant-provisioning/internal/devnet/sorohost"
)

// firstLedger is the sequence of the genesis ledger.
const firstLedger = 1

// Network is a Stellar network. Open starts none of its ledgers: Run does.
type Network struct {
	cfg       Config
	id        [32]byte
	engine    *sorohost.Engine
	protocol  uint32
	handler   http.Handler
	stop      func() error // of handler
	pool      *mempool
	friendbot *friendbot
	store     *store // nil: in memory

	conditions *conditions

	closing sync.Mutex // held while a ledger is closed, before pool.mu and mu
	expiry  expiry     // under closing
	mu      sync.RWMutex
	ledger  *ledger
	history *history
}

// Open compiles the host and makes, or loads, the ledger.
func Open(ctx context.Context, c Config) (*Network, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("devnet configuration: %w", err)
	}
	engine, err := sorohost.Open(ctx, c.CacheDir)
	if err != nil {
		return nil, err
	}
	n := &Network{
		cfg: c, id: network.ID(c.Passphrase), engine: engine, pool: newMempool(), friendbot: newFriendbot(c.Passphrase),
		ledger: &ledger{state: state{}}, history: newHistory(c.RetentionLedgers), expiry: expiry{}, conditions: newConditions(c.conditions()),
	}
	if err := n.start(ctx); err != nil {
		return nil, errors.Join(err, n.store.Close(), engine.Close(ctx))
	}
	n.handler, n.stop = n.newHandler()
	return n, nil
}

func (n *Network) start(ctx context.Context) error {
	cal, err := n.engine.Calibration(ctx)
	if err != nil {
		return err
	}
	n.protocol = cal.Protocol
	settings, err := configSettings(cal, n.conditions.get())
	if err != nil {
		return fmt.Errorf("read the host's cost parameters: %w", err)
	}
	if n.cfg.DataDir != "" {
		if n.store, err = openStore(n.cfg.DataDir, n.cfg.Passphrase); err != nil {
			return err
		}
	}
	l, loaded, err := n.store.load(n.history)
	if err != nil {
		return err
	}
	at, changes := moment{ledger: firstLedger, closeTime: n.cfg.Now().Unix()}, genesis(n.cfg, settings)
	if loaded {
		n.ledger = l
		for k, e := range l.state {
			n.expiry.note(k, e)
		}
		at, changes = n.next(), newLayer(l.state)
		if upgrade(changes, settings, at.ledger); len(changes.order) == 0 {
			return nil
		}
	}
	b := n.seal(at, changes, nil)
	if err := n.store.save(b, n.history.oldestAfter(b)); err != nil {
		return err
	}
	n.publish(b)
	return nil
}

// Run closes a ledger at once and then at each interval, Conditions.Interval,
// until ctx ends, which is not an error.
func (n *Network) Run(ctx context.Context) error {
	n.friendbot.setRunning(true)
	defer n.friendbot.setRunning(false)
	t := time.NewTicker(n.cfg.CloseInterval)
	defer t.Stop()
	err := n.CloseLedger(context.WithoutCancel(ctx))
	for err == nil {
		select {
		case <-ctx.Done():
			return nil
		case <-n.conditions.changed:
			if interval := n.conditions.get().Interval; interval > 0 {
				t.Reset(interval)
			} else {
				t.Stop()
			}
		case <-t.C:
			err = n.CloseLedger(context.WithoutCancel(ctx))
		}
	}
	return err
}

// ServeHTTP answers JSON-RPC on every path but /friendbot, which takes addr.
func (n *Network) ServeHTTP(w http.ResponseWriter, r *http.Request) { n.handler.ServeHTTP(w, r) }

// Close waits for the ledger that is being closed and frees the host. Nothing
// may be served any more.
func (n *Network) Close() error {
	n.closing.Lock()
	defer n.closing.Unlock()
	return errors.Join(n.stop(), n.store.Close(), n.engine.Close(context.Background()))
}

// next is the moment of the ledger that is closed next. Callers hold mu, or
// closing.
func (n *Network) next() moment {
	return n.after(n.ledger.seq, n.ledger.closeTime)
}

func (n *Network) after(seq uint32, closeTime int64) moment {
	return moment{ledger: seq + 1, closeTime: max(n.cfg.Now().Unix(), closeTime)}
}

func (n *Network) info(at moment) sorohost.Info {
	return sorohost.Info{
		Protocol: n.protocol, Sequence: at.ledger, CloseTime: uint64(at.closeTime),
		BaseReserve: baseReserve, NetworkID: n.id,
	}
}
