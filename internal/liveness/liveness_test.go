package liveness_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/liveness"
	"tenant-provisioning/internal/observe"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/tenant"
)

// patience is the end of a wait for something that does not come.
const patience = 2 * time.Minute

var place = tenant.WorkerPlace{Namespace: "n", TaskQueue: "q", Queues: []string{"q"}}

type bundle struct {
	pool *pgxpool.Pool
	rows *postgres.Workers
}

func setup(t *testing.T) *bundle {
	t.Helper()
	pool := postgrestest.New(t)
	return &bundle{pool: pool, rows: postgres.NewWorkers(pool)}
}

func (b *bundle) look(ctx context.Context) (tenant.Workforce, error) {
	state, err := b.rows.State(ctx)
	return state.Judge(place), err
}

// becomes waits until it stands so with the workers.
func (b *bundle) becomes(t *testing.T, what string, is func(tenant.Workforce) bool) tenant.Workforce {
	t.Helper()
	var w tenant.Workforce
	require.Eventually(t, func() bool {
		var err error
		w, err = b.look(t.Context())
		require.NoError(t, err)
		return is(w)
	}, patience, 20*time.Millisecond, what)
	return w
}

// works is a worker that lives until stop is called.
func (b *bundle) works(t *testing.T, id string) (beat *liveness.Beat, stop func()) {
	t.Helper()
	beat = liveness.NewBeat(liveness.BeatConfig{
		Rows: b.rows, Polled: func() []string { return place.Queues }, Logger: slog.New(slog.DiscardHandler),
		Worker: tenant.Worker{ID: id, Host: "host-" + id, Namespace: "n", TaskQueue: "q"},
	})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { beat.Run(ctx) })
	stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	t.Cleanup(stop)
	return beat, stop
}

func (b *bundle) exec(t *testing.T, sql string) {
	t.Helper()
	_, err := b.pool.Exec(t.Context(), sql)
	require.NoError(t, err)
}

func (b *bundle) count(t *testing.T, sql string) (n int) {
	t.Helper()
	require.NoError(t, b.pool.QueryRow(t.Context(), sql).Scan(&n))
	return n
}

// TestAWorkerTellsOfItself: that it starts, what it waits for, that it works, and
// that it ends.
func TestAWorkerTellsOfItself(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w, err := b.look(t.Context())
	require.NoError(t, err)
	require.Equal(t, tenant.WorkersNever, w.Trouble)

	beat, stop := b.works(t, "a")
	b.becomes(t, "it is starting", func(w tenant.Workforce) bool { return w.Living == 1 && w.Working == 0 && w.Trouble == "" })
	beat.WaitsFor("the namespace is not there; run: starter setup", "")
	w = b.becomes(t, "it says what it waits for", func(w tenant.Workforce) bool { return w.Trouble == tenant.WorkersWaiting })
	require.Contains(t, w.Line(), "host-a says the namespace is not there; run: starter setup")
	beat.WaitsFor("", "a note")
	w = b.becomes(t, "it works", func(w tenant.Workforce) bool { return w.Working == 1 })
	require.Equal(t, []string{"a note"}, w.Notes)

	stop()
	w, err = b.look(t.Context())
	require.NoError(t, err)
	require.Zero(t, w.Living)
	require.Empty(t, w.Trouble, "as long as a restart takes")
	b.exec(t, `UPDATE workers SET last_seen = last_seen - interval '1 hour'`)
	w, err = b.look(t.Context())
	require.NoError(t, err)
	require.Equal(t, tenant.WorkersGone, w.Trouble)
	require.Contains(t, w.Says, "it was stopped")
	require.False(t, w.Grave, "nothing waits, and it ended in order")
}

// TestRowsOfLongAgoAreRemoved by the next worker that starts.
func TestRowsOfLongAgoAreRemoved(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, stop := b.works(t, "old")
	b.becomes(t, "it lives", func(w tenant.Workforce) bool { return w.Living == 1 })
	stop()
	b.exec(t, `UPDATE workers SET last_seen = last_seen - interval '8 days'`)
	b.works(t, "new")
	b.becomes(t, "it lives", func(w tenant.Workforce) bool { return w.Living == 1 })
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM workers`))
}

// TestAnOutageIsNotedOnce, whoever watches, and is over when a worker works again.
func TestAnOutageIsNotedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	beat, _ := b.works(t, "a")
	beat.WaitsFor("", "")
	b.becomes(t, "it works", func(w tenant.Workforce) bool { return w.Working == 1 })
	// Its row is of an hour ago, whatever it writes.
	b.exec(t, `CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.last_seen = now() - interval '1 hour'; RETURN NEW; END $$`)
	b.exec(t, `CREATE TRIGGER hang BEFORE UPDATE ON workers FOR EACH ROW EXECUTE FUNCTION hang()`)
	b.exec(t, `UPDATE workers SET note = note`)
	watches := make([]*liveness.Watch, 3)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	for i := range watches {
		watches[i] = liveness.NewWatch(liveness.WatchConfig{Look: b.look, Outages: b.rows, Logger: slog.New(slog.DiscardHandler), Poll: 20 * time.Millisecond})
		running.Go(func() { watches[i].Run(ctx) })
	}
	t.Cleanup(func() { stop(); running.Wait() })
	require.Eventually(t, func() bool { return b.count(t, `SELECT count(*) FROM worker_outages`) == 1 }, patience, 20*time.Millisecond)
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM worker_outages WHERE closed_at IS NULL AND opened_at < now() - interval '59 minutes'`), "since the last one was seen")
	require.Eventually(t, func() bool {
		now, known := watches[0].Last()
		return known && now.Trouble == tenant.WorkersGone
	}, patience, 20*time.Millisecond)
	require.Equal(t, 1, testutil.CollectAndCount(observe.Workforce(watches[0].Last), "provisioning_worker_trouble"))

	b.exec(t, `DROP TRIGGER hang ON workers`)
	require.Eventually(t, func() bool { return b.count(t, `SELECT count(*) FROM worker_outages WHERE closed_at IS NOT NULL`) == 1 }, patience, 20*time.Millisecond)
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM worker_outages`))
}
