package devnet

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"

	"github.com/stellar/go-stellar-sdk/amount"
	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"
)

const (
	friendbotGift  = 10_000 // lumens, as on testnet
	friendbotBatch = 100    // operations that fit into a transaction
)

var (
	errFunded  = errors.New("account already funded to starting balance")
	errStopped = errors.New("the network closes no ledgers any more")
)

// friendbot creates accounts, and pays those that exist and have less than its
// gift. All that were asked for since the last ledger are in one transaction, so
// that any number of callers are served at once.
type friendbot struct {
	key        *keypair.Full
	passphrase string
	mu         sync.Mutex
	waiting    []*gift
	sent       []*gift // in the ledger that is being closed
	sentHash   xdr.Hash
	stopped    bool
}

// gift is one request; done gets the hash of the transaction, or why not.
type gift struct {
	to   xdr.AccountId
	done chan giftResult
}

type giftResult struct {
	outcome *outcome
	err     error
}

// friendbotKey derives the friendbot's key from the passphrase, as the root
// account's is. It holds the half of all lumens.
func friendbotKey(passphrase string) *keypair.Full {
	seed := sha256.Sum256([]byte("friendbot of " + passphrase))
	key, err := keypair.FromRawSeed(seed)
	if err != nil {
		panic("devnet: derive the friendbot's key: " + err.Error()) // any 32 bytes are a seed
	}
	return key
}

func newFriendbot(passphrase string) *friendbot {
	return &friendbot{key: friendbotKey(passphrase), passphrase: passphrase}
}

// fund asks for an account and waits for the ledger that creates or pays it.
func (f *friendbot) fund(ctx context.Context, to xdr.AccountId) (*outcome, error) {
	g := &gift{to: to, done: make(chan giftResult, 1)}
	if err := f.enqueue(g); err != nil {
		return nil, err
	}
	select {
	case r := <-g.done:
		return r.outcome, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the ledger that funds %s: %w", to.Address(), ctx.Err())
	}
}

func (f *friendbot) enqueue(g *gift) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return errStopped
	}
	f.waiting = append(f.waiting, g)
	return nil
}

// setRunning tells whether ledgers are closed; when they no longer are, those
// who wait get an answer.
func (f *friendbot) setRunning(running bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopped = !running
	if running {
		return
	}
	for _, g := range f.waiting {
		g.done <- giftResult{err: errStopped}
	}
	f.waiting = nil
}

// transaction makes the next batch, or nil when nobody waits.
func (f *friendbot) transaction(v view) *transaction {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ops []txnbuild.Operation
	var later []*gift
	seen := map[xdr.Uint256]bool{}
	for _, g := range f.waiting {
		switch {
		case seen[*g.to.Ed25519] || funded(account(v, g.to)):
			g.done <- giftResult{err: errFunded}
		case len(ops) == friendbotBatch:
			later = append(later, g)
		default:
			seen[*g.to.Ed25519] = true
			f.sent = append(f.sent, g)
			ops = append(ops, giving(g.to, account(v, g.to) != nil))
		}
	}
	f.waiting = later
	if len(ops) == 0 {
		return nil
	}
	t := f.sign(v, ops)
	f.sentHash = t.hash
	return t
}

func funded(a *xdr.AccountEntry) bool {
	return a != nil && a.Balance >= friendbotGift*amount.One
}

func giving(to xdr.AccountId, exists bool) txnbuild.Operation {
	gift := amount.StringFromInt64(friendbotGift * amount.One)
	if exists {
		return &txnbuild.Payment{Destination: to.Address(), Amount: gift, Asset: txnbuild.NativeAsset{}}
	}
	return &txnbuild.CreateAccount{Destination: to.Address(), Amount: gift}
}

func (f *friendbot) sign(v view, ops []txnbuild.Operation) *transaction {
	bot := xdr.MustAddress(f.key.Address())
	source := &txnbuild.SimpleAccount{AccountID: f.key.Address(), Sequence: int64(account(v, bot).SeqNum)}
	tx, err := txnbuild.NewTransaction(txnbuild.TransactionParams{
		SourceAccount: source, IncrementSequenceNum: true, BaseFee: baseFee, Operations: ops,
		Preconditions: txnbuild.Preconditions{TimeBounds: txnbuild.NewInfiniteTimeout()},
	})
	if err == nil {
		tx, err = tx.Sign(f.passphrase, f.key)
	}
	var t *transaction
	if err == nil {
		t, err = newTransaction(tx.ToXDR(), f.passphrase)
	}
	if err != nil {
		panic("devnet: build the friendbot's transaction: " + err.Error())
	}
	return t
}

// closed answers those whom the ledger has given to. When one of their accounts
// was made or merged by somebody else in the same ledger, the batch has failed and is tried again.
func (f *friendbot) closed(b *block) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range b.txs {
		if len(f.sent) == 0 || o.hash != f.sentHash {
			continue
		}
		if !o.ok {
			f.waiting = append(f.sent, f.waiting...)
			break
		}
		for _, g := range f.sent {
			g.done <- giftResult{outcome: o}
		}
	}
	f.sent = nil
}
