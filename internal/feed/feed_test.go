package feed_test

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/feed"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/tenant"
)

// patience is the end of a wait for something that does not come.
const patience = 2 * time.Minute

// store is the real one. It counts what it is asked, and tells of another server when
// it is told to.
type store struct {
	*postgres.Events

	reads, looks atomic.Int64
	moved        atomic.Bool
}

func (s *store) Read(ctx context.Context, q tenant.EventQuery) (tenant.EventBatch, error) {
	if q.EventFilter == (tenant.EventFilter{}) && q.UpTo == nil {
		s.looks.Add(1)
	} else {
		s.reads.Add(1)
	}
	batch, err := s.Events.Read(ctx, q)
	if s.moved.Load() {
		batch.Server = "another"
	}
	return batch, err
}

type bundle struct {
	pool  *pgxpool.Pool
	store *store
	feed  *feed.Feed
}

func setup(t *testing.T) *bundle {
	t.Helper()
	pool := postgrestest.New(t)
	b := &bundle{pool: pool, store: &store{Events: postgres.NewEvents(pool)}}
	b.feed = b.process(t)
	return b
}

// process is the feed of one process, with its listener.
func (b *bundle) process(t *testing.T) *feed.Feed {
	t.Helper()
	f := feed.New(b.store, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(context.Background())
	var background sync.WaitGroup
	background.Go(func() { f.Run(ctx) })
	background.Go(func() {
		postgres.ListenToEvents(ctx, b.pool, slog.New(slog.DiscardHandler), func(a tenant.Announcement) { f.Announce(a.Transaction) }, func(bool) {})
	})
	t.Cleanup(background.Wait)
	t.Cleanup(stop)
	return f
}

// happen writes events, each in a transaction of its own.
func (b *bundle) happen(t *testing.T, n int, of tenant.EventFilter) {
	t.Helper()
	for range n {
		_, err := b.pool.Exec(t.Context(), `INSERT INTO events (tenant_id, operation_id, type) VALUES (nullif($1, '')::uuid, nullif($2, '')::uuid, 'test')`,
			string(of.Tenant), string(of.Operation))
		require.NoError(t, err)
	}
}

// all lists what was written, in order: also what an open transaction somewhere else on
// the server still holds back.
func (b *bundle) all(t *testing.T) []tenant.EventID {
	t.Helper()
	rows, err := b.pool.Query(t.Context(), `SELECT id FROM events ORDER BY transaction, id`)
	require.NoError(t, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[tenant.EventID])
	require.NoError(t, err)
	return ids
}

// errEnough ends a following of the tests.
var errEnough = errors.New("enough")

// following is somebody who follows.
type following struct {
	tenant.EventFilter
	tenant.EventStart
	Ready     func()
	Deliver   func([]*tenant.ChangeEvent) error
	Heartbeat time.Duration
}

func follow(ctx context.Context, f *feed.Feed, w following) error {
	stream, err := f.Join(ctx, w.EventFilter, w.EventStart)
	if err != nil {
		return err
	}
	defer stream.Leave()
	w.Ready()
	return stream.Follow(ctx, w.Heartbeat, w.Deliver)
}

func nothing() {}

// reader keeps what was delivered.
type reader struct {
	mu  sync.Mutex
	ids []tenant.EventID
}

func (r *reader) deliver(events []*tenant.ChangeEvent) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range events {
		r.ids = append(r.ids, e.ID)
	}
	return nil
}

func (r *reader) seen() []tenant.EventID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]tenant.EventID(nil), r.ids...)
}

// last is where the reader goes on.
func (r *reader) last() tenant.EventStart {
	seen := r.seen()
	if len(seen) == 0 {
		return tenant.EventStart{}
	}
	return tenant.EventStart{After: seen[len(seen)-1]}
}

// TestEveryEventOnceInOrder: transactions that begin and end in any order, among them
// some that are rolled back, and readers that are cut off and go on at one of two
// processes.
func TestEveryEventOnceInOrder(t *testing.T) {
	t.Parallel()
	b := setup(t)
	processes := []*feed.Feed{b.feed, b.process(t)}
	const writers, rounds, readers = 6, 25, 5
	read := make([]*reader, readers)
	ctx, stop := context.WithCancel(t.Context())
	var reading, writing sync.WaitGroup
	for i := range read {
		read[i] = &reader{}
		reading.Go(func() { b.followAgainAndAgain(ctx, t, processes, read[i]) })
	}
	for range writers {
		writing.Go(func() {
			for range rounds {
				b.writeSlowly(t)
			}
		})
	}
	writing.Wait()
	want := b.all(t)
	require.Greater(t, len(want), writers*rounds/2)
	for _, r := range read {
		require.Eventually(t, func() bool { return len(r.seen()) >= len(want) }, patience, 20*time.Millisecond)
	}
	stop()
	reading.Wait()
	for _, r := range read {
		require.Equal(t, want, r.seen())
	}
}

// writeSlowly writes some events in a transaction that takes its time, so that others
// begin and end meanwhile, and sometimes takes it back.
func (b *bundle) writeSlowly(t *testing.T) {
	tx, err := b.pool.Begin(t.Context())
	if !noError(t, err) {
		return
	}
	for range 1 + rand.IntN(3) {
		_, err := tx.Exec(t.Context(), `INSERT INTO events (type) SELECT 'test' FROM pg_sleep($1)`, rand.Float64()/50)
		noError(t, err)
	}
	if rand.IntN(4) == 0 {
		noError(t, tx.Rollback(t.Context()))
		return
	}
	noError(t, tx.Commit(t.Context()))
}

func noError(t *testing.T, err error) bool {
	if err != nil {
		t.Error(err)
	}
	return err == nil
}

// followAgainAndAgain reads for a few deliveries at a time, and loses what comes after.
func (b *bundle) followAgainAndAgain(ctx context.Context, t *testing.T, processes []*feed.Feed, r *reader) {
	for ctx.Err() == nil {
		left := rand.IntN(4)
		err := follow(ctx, processes[rand.IntN(len(processes))], following{
			EventStart: r.last(), Ready: nothing, Heartbeat: time.Minute,
			Deliver: func(events []*tenant.ChangeEvent) error {
				if left--; left < 0 {
					return errEnough
				}
				return r.deliver(events)
			},
		})
		if !errors.Is(err, errEnough) && ctx.Err() == nil {
			t.Error(err)
			return
		}
	}
}

// TestManyFollowAtTheCostOfOne: a thousand who follow from now on, the tenant or the
// operation or all, have one reader between them.
func TestManyFollowAtTheCostOfOne(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const each, events = 334, 20
	of := tenant.EventFilter{Tenant: tenant.ID(uuid.NewString()), Operation: tenant.OperationID(uuid.NewString())}
	var got, ready atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for _, filter := range []tenant.EventFilter{{}, {Tenant: of.Tenant}, {Operation: of.Operation}} {
		for range each {
			all.Go(func() {
				err := follow(ctx, b.feed, following{
					EventFilter: filter, EventStart: tenant.EventStart{Now: true}, Heartbeat: time.Minute,
					Ready:   func() { ready.Add(1) },
					Deliver: func(events []*tenant.ChangeEvent) error { got.Add(int64(len(events))); return nil },
				})
				if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
		}
	}
	require.Eventually(t, func() bool { return ready.Load() == 3*each }, patience, time.Millisecond)
	require.Equal(t, 3*each, b.feed.Followers())
	b.happen(t, events, of)
	b.happen(t, events, tenant.EventFilter{Tenant: tenant.ID(uuid.NewString())}) // for those of all alone
	require.Eventually(t, func() bool { return got.Load() == each*(3*events+events) }, patience, time.Millisecond)
	require.Zero(t, b.store.reads.Load(), "nobody had to catch up")
	looks := b.store.looks.Load()
	require.Less(t, looks, int64(3*each), "one reader reads for all")
	stop()
	all.Wait()
	require.Zero(t, b.feed.Followers())
}

// TestWhoIsSlowCatchesUp: a reader that does not take what comes costs no more than
// a queue, and gets all of it when it does.
func TestWhoIsSlowCatchesUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const events = 700
	r := &reader{}
	ready, goOn := make(chan struct{}), make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- follow(ctx, b.feed, following{
			EventStart: tenant.EventStart{Now: true}, Heartbeat: time.Minute,
			Ready: func() { close(ready) },
			Deliver: func(events []*tenant.ChangeEvent) error {
				select {
				case <-goOn:
				case <-ctx.Done():
				}
				return r.deliver(events)
			},
		})
	}()
	<-ready
	b.happen(t, events, tenant.EventFilter{})
	require.Eventually(t, func() bool { return b.feed.Behind() == 1 || b.store.reads.Load() > 0 }, patience, time.Millisecond)
	close(goOn)
	require.Eventually(t, func() bool { return len(r.seen()) >= events }, patience, time.Millisecond)
	require.Equal(t, b.all(t), r.seen())
	require.Positive(t, b.store.reads.Load())
	stop()
	require.ErrorIs(t, <-done, context.Canceled)
}

// TestAnEventThatIsNotKept: what came after it cannot be told, and is not made up.
func TestAnEventThatIsNotKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.happen(t, 1, tenant.EventFilter{})
	gone := b.all(t)[0] + 1
	err := follow(t.Context(), b.feed, following{EventStart: tenant.EventStart{After: gone}, Ready: nothing, Deliver: (&reader{}).deliver, Heartbeat: time.Minute})
	require.ErrorIs(t, err, tenant.ErrEventGone)
	_, err = b.feed.Page(t.Context(), tenant.EventFilter{}, gone, 1)
	require.ErrorIs(t, err, tenant.ErrEventGone)
}

// TestAnotherDatabaseInItsPlace: a standby that lacked the last events, or a backup.
// Followers are sent away, and those who have seen what is lost hear of it.
func TestAnotherDatabaseInItsPlace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := &reader{}
	done := make(chan error, 1)
	ready := make(chan struct{})
	go func() {
		done <- follow(t.Context(), b.feed, following{
			EventStart: tenant.EventStart{Now: true}, Ready: func() { close(ready) }, Deliver: r.deliver, Heartbeat: time.Minute,
		})
	}()
	<-ready
	b.happen(t, 1, tenant.EventFilter{})
	require.Eventually(t, func() bool { return len(r.seen()) == 1 }, patience, time.Millisecond)
	b.store.moved.Store(true) // and has everything: nobody notices
	b.happen(t, 1, tenant.EventFilter{})
	require.Eventually(t, func() bool { return len(r.seen()) == 2 }, patience, time.Millisecond)
	_, err := b.pool.Exec(t.Context(), `DELETE FROM events WHERE id = $1`, r.seen()[1])
	require.NoError(t, err)
	b.store.moved.Store(false)
	require.ErrorIs(t, <-done, tenant.ErrEventsInterrupted)
	err = follow(t.Context(), b.feed, following{EventStart: r.last(), Ready: nothing, Deliver: r.deliver, Heartbeat: time.Minute})
	require.ErrorIs(t, err, tenant.ErrEventGone)
}

// TestEventsOfAnotherServer: pg_restore has brought events with the numbers of another
// server's transactions, ahead of those of this one.
func TestEventsOfAnotherServer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, transaction := range []string{"1", "1000000000000", "1000000000001"} {
		_, err := b.pool.Exec(t.Context(), `INSERT INTO events (transaction, type) VALUES ($1::text::xid8, 'restored')`, transaction)
		require.NoError(t, err)
	}
	r := &reader{}
	ready := make(chan struct{})
	go func() {
		_ = follow(t.Context(), b.feed, following{ // it ends with the test
			EventStart: tenant.EventStart{Now: true}, Ready: func() { close(ready) }, Deliver: r.deliver, Heartbeat: time.Minute,
		})
	}()
	<-ready
	b.happen(t, 1, tenant.EventFilter{})
	require.Eventually(t, func() bool { return len(r.seen()) == 1 }, patience, time.Millisecond, "what is new is told")
	_, err := b.pool.Exec(t.Context(), `SELECT settle_events()`)
	require.NoError(t, err)
	b.happen(t, 1, tenant.EventFilter{})
	require.Eventually(t, func() bool { return len(r.seen()) == 2 }, patience, time.Millisecond)
	all := b.all(t)
	require.Len(t, all, 5)
	require.IsIncreasing(t, all, "what was restored comes first")
	require.Equal(t, all[3:], r.seen())
}

// TestAHeartbeatWhereNothingHappens.
func TestAHeartbeatWhereNothingHappens(t *testing.T) {
	t.Parallel()
	b := setup(t)
	beats := 0
	err := follow(t.Context(), b.feed, following{Ready: nothing, Heartbeat: time.Millisecond, Deliver: func(events []*tenant.ChangeEvent) error {
		if len(events) > 0 {
			t.Error("nothing has happened")
		}
		if beats++; beats == 3 {
			return errEnough
		}
		return nil
	}})
	require.ErrorIs(t, err, errEnough)
}
