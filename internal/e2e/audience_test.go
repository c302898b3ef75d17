package e2e

import (
	"context"
	"iter"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/client"
)

// subscriber reads events until there are no more, or the test is over.
type subscriber struct {
	what string

	mu   sync.Mutex
	ids  []int64
	over bool
	err  error
}

func (s *subscriber) read(events iter.Seq2[client.Event, error]) {
	for e, err := range events {
		id, noNumber := strconv.ParseInt(e.ID, 10, 64)
		s.mu.Lock()
		if err == nil {
			err = noNumber
		}
		if s.err = err; err == nil {
			s.ids = append(s.ids, id)
		}
		s.mu.Unlock()
		if err != nil {
			break
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
}

// seen gives what was read, once nothing has gone wrong.
func (s *subscriber) seen(t testing.TB) (ids []int64, over bool) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	require.NoError(t, s.err, s.what)
	return slices.Clone(s.ids), s.over
}

// audience are those who follow an installation.
type audience struct {
	i       *installation
	ctx     context.Context // it ends with the test, as all that follow do
	reading sync.WaitGroup
	// all follows everything, from the first event on; each follows an operation.
	all  *subscriber
	each map[string]*subscriber
}

func (i *installation) listens() *audience {
	i.t.Helper()
	ctx, leave := context.WithCancel(i.t.Context())
	a := &audience{i: i, ctx: ctx, each: map[string]*subscriber{}}
	i.t.Cleanup(func() {
		leave()
		a.reading.Wait()
	})
	a.all = a.join("everything", i.client().Events(ctx, client.EventsParams{After: "0"}))
	return a
}

func (a *audience) join(what string, events iter.Seq2[client.Event, error]) *subscriber {
	s := &subscriber{what: what}
	a.reading.Go(func() { s.read(events) })
	return s
}

// follow follows an operation from its first event on.
func (a *audience) follow(o operation) {
	a.each[o.ID] = a.join("operation "+o.ID, a.i.client().OperationEvents(a.ctx, o.ID))
}

// awaits waits until so many events were told.
func (a *audience) awaits(n int) {
	a.i.t.Helper()
	eventually(a.i.t, strconv.Itoa(n)+" events are told", func() bool { return a.count() >= n })
}

func (a *audience) count() int {
	a.i.t.Helper()
	ids, _ := a.all.seen(a.i.t)
	return len(ids)
}
