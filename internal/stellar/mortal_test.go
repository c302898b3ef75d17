package stellar_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/stellar/submit"
	"tenant-provisioning/internal/tenant"
)

var errKilled = errors.New("the process was killed")

// mortal is a process that is killed at one of its calls, to the network or to
// the journal: before the call takes effect, or after, so that its answer is
// lost. Nothing of the process has any effect afterwards, no clean-up either.
type mortal struct {
	mu    sync.Mutex
	n     int
	at    int
	after bool
	kill  context.CancelFunc
}

// call counts one call and lets it happen, or not.
func (m *mortal) call(do func() error) error {
	m.mu.Lock()
	m.n++
	n := m.n
	m.mu.Unlock()
	switch {
	case n > m.at || n == m.at && !m.after:
		m.kill()
		return errKilled
	case n < m.at:
		return do()
	}
	_ = do() // its answer is lost
	m.kill()
	return errKilled
}

func (m *mortal) calls() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.n
}

// newMortal makes a deployer that dies at its nth call, and its context.
func (b *bench) newMortal(t *testing.T, at int, after bool) (*mortal, *stellar.Deployer, context.Context) {
	t.Helper()
	ctx, kill := context.WithCancel(testContext(t))
	t.Cleanup(kill)
	m := &mortal{at: at, after: after, kill: kill}
	p := newProxy(t, b.url, func(x *exchange) {
		var answer []byte
		if m.call(func() error { answer = x.forward(); return nil }) != nil {
			x.drop()
			return
		}
		x.answer(answer)
	})
	other := *b
	other.journal = mortalJournal{b.journal, m}
	return m, other.through(t, p), ctx
}

// mortalJournal is the real journal, reached by a process that may die.
type mortalJournal struct {
	journal stellar.Journal
	m       *mortal
}

func (j mortalJournal) Transactions(ctx context.Context, id tenant.ID, generation int) (txs []submit.Transaction, err error) {
	err = j.m.call(func() error { txs, err = j.journal.Transactions(ctx, id, generation); return err })
	return txs, err
}

func (j mortalJournal) Nonce(ctx context.Context, id tenant.ID, generation int) (nonce []byte, err error) {
	err = j.m.call(func() error { nonce, err = j.journal.Nonce(ctx, id, generation); return err })
	return nonce, err
}

func (j mortalJournal) Remember(ctx context.Context, network string, o tenant.ContractOrigin) error {
	return j.m.call(func() error { return j.journal.Remember(ctx, network, o) })
}

func (j mortalJournal) Remembers(ctx context.Context, network string, o tenant.ContractOrigin) (admin, code bool, err error) {
	err = j.m.call(func() error { admin, code, err = j.journal.Remembers(ctx, network, o); return err })
	return admin, code, err
}

func (j mortalJournal) Find(ctx context.Context, hash string) (tx submit.Transaction, err error) {
	err = j.m.call(func() error { tx, err = j.journal.Find(ctx, hash); return err })
	return tx, err
}

func (j mortalJournal) OpenOn(ctx context.Context, network, channel string) (tx submit.Transaction, err error) {
	err = j.m.call(func() error { tx, err = j.journal.OpenOn(ctx, network, channel); return err })
	return tx, err
}

func (j mortalJournal) Lease(ctx context.Context, network string, addresses []string, length time.Duration) (l submit.Lease, err error) {
	err = j.m.call(func() error { l, err = j.journal.Lease(ctx, network, addresses, length); return err })
	return l, err
}

func (j mortalJournal) Release(ctx context.Context, l submit.Lease) error {
	return j.m.call(func() error { return j.journal.Release(ctx, l) })
}

func (j mortalJournal) Prepare(ctx context.Context, l submit.Lease, tx submit.Transaction) error {
	return j.m.call(func() error { return j.journal.Prepare(ctx, l, tx) })
}

func (j mortalJournal) Reprice(ctx context.Context, hash, envelope string) error {
	return j.m.call(func() error { return j.journal.Reprice(ctx, hash, envelope) })
}

func (j mortalJournal) MarkSent(ctx context.Context, hash string) error {
	return j.m.call(func() error { return j.journal.MarkSent(ctx, hash) })
}

func (j mortalJournal) Spent(ctx context.Context, network string, o submit.Order) (s submit.Spending, err error) {
	err = j.m.call(func() error { s, err = j.journal.Spent(ctx, network, o); return err })
	return s, err
}

func (j mortalJournal) Channels(ctx context.Context, network string) (cs []submit.Channel, err error) {
	err = j.m.call(func() error { cs, err = j.journal.Channels(ctx, network); return err })
	return cs, err
}

func (j mortalJournal) SetAside(ctx context.Context, network, address, why string) error {
	return j.m.call(func() error { return j.journal.SetAside(ctx, network, address, why) })
}

func (j mortalJournal) Note(ctx context.Context, hash, detail string) error {
	return j.m.call(func() error { return j.journal.Note(ctx, hash, detail) })
}

func (j mortalJournal) Settle(ctx context.Context, hash string, o submit.Outcome) error {
	return j.m.call(func() error { return j.journal.Settle(ctx, hash, o) })
}
