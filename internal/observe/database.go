package observe

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// NewQueries registers the time that statements and batches take, as this process
// waits for them. Observe seconds.
func NewQueries(registerer prometheus.Registerer) prometheus.Observer {
	return promauto.With(registerer).NewHistogram(prometheus.HistogramOpts{
		Name:    "pg_query_duration_seconds",
		Help:    "Time that a statement or a batch took, with its way there and back; waiting for a connection is not in it.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	})
}

// PoolStat is what a pool of connections tells of itself. *pgxpool.Stat does.
type PoolStat interface {
	AcquiredConns() int32
	IdleConns() int32
	ConstructingConns() int32
	MaxConns() int32
	AcquireCount() int64
	AcquireDuration() time.Duration
	EmptyAcquireCount() int64
	CanceledAcquireCount() int64
}

var (
	poolConns    = desc("pg_pool_connections", "Connections of this process's pools, by state.", "pool", "state")
	poolMax      = desc("pg_pool_connections_max", "The most connections that this process's pools may have.", "pool")
	poolAcquires = desc("pg_pool_acquires_total", "Connections that were taken from a pool.", "pool")
	poolWait     = desc("pg_pool_wait_seconds_total", "Time spent on taking connections from a pool.", "pool")
	poolEmpty    = desc("pg_pool_waits_total", "Connections that had to be waited for, since none was idle.", "pool")
	poolCanceled = desc("pg_pool_waits_given_up_total", "Connections that were waited for in vain.", "pool")
)

// Pools shows this process's pools of connections to the database, by names that the
// program has chosen.
type Pools map[string]func() PoolStat

// Describe implements prometheus.Collector.
func (Pools) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{poolConns, poolMax, poolAcquires, poolWait, poolEmpty, poolCanceled} {
		descs <- d
	}
}

// Collect implements prometheus.Collector.
func (ps Pools) Collect(metrics chan<- prometheus.Metric) {
	gauge := gauges(metrics)
	for name, stat := range ps {
		s := stat()
		gauge(poolConns, float64(s.AcquiredConns()), name, "acquired")
		gauge(poolConns, float64(s.IdleConns()), name, "idle")
		gauge(poolConns, float64(s.ConstructingConns()), name, "constructing")
		gauge(poolMax, float64(s.MaxConns()), name)
		for d, n := range map[*prometheus.Desc]float64{
			poolAcquires: float64(s.AcquireCount()), poolWait: s.AcquireDuration().Seconds(),
			poolEmpty: float64(s.EmptyAcquireCount()), poolCanceled: float64(s.CanceledAcquireCount()),
		} {
			metrics <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, n, name)
		}
	}
}

// DatabaseServer is what the database's server tells of itself to an ordinary role.
type DatabaseServer struct {
	// Connections are those of all clients of the server to all its databases.
	Connections int
	// MaxConnections is the setting, and Reserved what of it an ordinary role cannot
	// have.
	MaxConnections, Reserved int
	// Locks are those in the shared table, which has room for MaxLocks.
	Locks, MaxLocks int
	// WALPosition is how far the server has written, in bytes.
	WALPosition int64
	// Replayed is how far the replica has come that has replayed least, as a position;
	// nil where there is none, or the role may not see it.
	Replayed *int64
}

var (
	connections    = desc("pg_connections_active", "Connections to the database's server, of whatever client and to whatever database: what counts against max_connections.")
	maxConnections = desc("pg_connections_max", "The server's max_connections.")
	reserved       = desc("pg_connections_reserved", "Connections of max_connections that an ordinary role cannot have.")
	locks          = desc("pg_locks_held", "Locks in the server's shared lock table.")
	maxLocks       = desc("pg_locks_max", "Locks that the shared lock table has room for, at least: max_locks_per_transaction × (max_connections + max_prepared_transactions).")
	replicationLag = desc("pg_replication_lag", "Seconds by which the replica that is most behind is behind; missing where there is none, or DB_USERNAME lacks pg_read_all_stats.")
	lagBytes       = desc("pg_replication_lag_bytes", "Bytes of the write-ahead log by which the replica that is most behind is behind; missing as pg_replication_lag is.")
)

// Database shows the database's server, as it was asked within the last seconds. Every
// api shows the same, but for the lag in seconds, which is as long as it has seen.
func Database(ask func(context.Context) (DatabaseServer, error), log *slog.Logger) prometheus.Collector {
	var lag lagging
	return read("the database's server", kept, func(ctx context.Context) (DatabaseServer, error) {
		s, err := ask(ctx)
		if err == nil {
			lag.saw(time.Now(), s)
		}
		return s, err
	}, log, []*prometheus.Desc{connections, maxConnections, reserved, locks, maxLocks, replicationLag, lagBytes},
		func(s DatabaseServer, gauge func(*prometheus.Desc, float64, ...string)) {
			gauge(connections, float64(s.Connections))
			gauge(maxConnections, float64(s.MaxConnections))
			gauge(reserved, float64(s.Reserved))
			gauge(locks, float64(s.Locks))
			gauge(maxLocks, float64(s.MaxLocks))
			if s.Replayed != nil {
				gauge(replicationLag, lag.behind(time.Now(), *s.Replayed).Seconds())
				gauge(lagBytes, float64(max(s.WALPosition-*s.Replayed, 0)))
			}
		})
}

// lagging turns positions into time: the server's own replay_lag is that of the last
// replay, which says nothing where replay has stopped.
type lagging struct {
	mu   sync.Mutex
	seen []position
}

type position struct {
	at  time.Time
	wal int64
}

// maxPositions bounds what is remembered: with a scrape every 15 s two hours. The
// oldest that is not replayed stays, so that a longer lag grows on.
const maxPositions = 480

// saw remembers how far the server was, and forgets what is replayed.
func (l *lagging) saw(now time.Time, s DatabaseServer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.Replayed == nil {
		l.seen = nil
		return
	}
	waiting := l.seen[:0]
	for _, p := range l.seen {
		if p.wal > *s.Replayed {
			waiting = append(waiting, p)
		}
	}
	l.seen = waiting
	if s.WALPosition > *s.Replayed && len(l.seen) < maxPositions {
		l.seen = append(l.seen, position{now, s.WALPosition})
	}
}

// behind is for how long what is not replayed has been there.
func (l *lagging) behind(now time.Time, replayed int64) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.seen {
		if p.wal > replayed {
			return now.Sub(p.at)
		}
	}
	return 0
}
