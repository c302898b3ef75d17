package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/probe"
	"tenant-provisioning/internal/tenant"
)

const (
	// capacityTurn is how long a reading may take before another worker tries: the files
	// of ten thousand tenants take seconds to measure.
	capacityTurn = 2 * time.Minute
	// growthPeriod is long enough for quiet days, short enough to follow a change.
	growthPeriod = 14 * 24 * time.Hour
	// growthLeast keeps the first hours, or one busy afternoon, from being taken for the
	// usual growth.
	growthLeast = 24 * time.Hour
	// readingsKept is how long readings are kept.
	readingsKept = 90 * 24 * time.Hour
)

// Capacities is what adding tenants uses up, as a worker reads it for all.
type Capacities struct {
	pool database
	// short is what every reader of operations asks for.
	short *probe.Shared[[]tenant.Capacity]
}

// NewCapacities reads and writes capacity on a pool.
func NewCapacities(pool *pgxpool.Pool) *Capacities {
	c := &Capacities{pool: database{pool}}
	c.short = probe.Share(outageTimeout, c.readShort)
	return c
}

// TakeTurn gives a reading that is due to one worker; false when none is.
func (c *Capacities) TakeTurn(ctx context.Context) (bool, error) {
	tag, err := c.pool.Exec(ctx, `UPDATE capacity SET read_after = now() + $1::interval WHERE read_after <= now()`, capacityTurn)
	if err != nil {
		return false, fmt.Errorf("take a turn at reading the capacity: %w", interpret(err))
	}
	return tag.RowsAffected() > 0, nil
}

// Measure reads the database's server. diskBytes is how large its disk is, 0 where nobody
// has said. It reads the size of every file of the databases.
func (c *Capacities) Measure(ctx context.Context, diskBytes int64) ([]tenant.CapacityReading, error) {
	server, err := c.server(ctx)
	if err != nil {
		return nil, err
	}
	disk := tenant.CapacityReading{Resource: tenant.ResourceDisk}
	if diskBytes > 0 {
		disk.Bound = &diskBytes
	}
	if disk.Used, err = c.disk(ctx); err != nil {
		return server, err
	}
	return append(server, disk), nil
}

func (c *Capacities) server(ctx context.Context) ([]tenant.CapacityReading, error) {
	connections, locks := tenant.CapacityReading{Resource: tenant.ResourceConnections}, tenant.CapacityReading{Resource: tenant.ResourceLocks}
	s, err := askServerOf(ctx, c.pool)
	if err != nil {
		return nil, err
	}
	ordinary, slots := int64(s.MaxConnections-s.Reserved), int64(s.MaxLocks)
	connections.Used, connections.Bound = int64(s.Connections), &ordinary
	locks.Used, locks.Bound = int64(s.Locks), &slots
	return []tenant.CapacityReading{connections, locks}, nil
}

const (
	// measureDatabases measures all that the role may: they share the disk.
	measureDatabases = `SELECT coalesce(sum(pg_database_size(oid)), 0)::bigint FROM pg_database
		WHERE has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE')`
	// measureLog is for a role that may list the write-ahead log (pg_monitor). Any other
	// takes what it grows to by itself, or what is kept for those who follow.
	measureLog = `SELECT coalesce(sum(size), 0)::bigint FROM pg_ls_waldir()`
	boundLog   = `SELECT greatest(pg_size_bytes(current_setting('max_wal_size')),
		coalesce((SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)) FROM pg_replication_slots), 0))::bigint`
)

// disk is what the databases and the write-ahead log take.
func (c *Capacities) disk(ctx context.Context) (int64, error) {
	var databases, log int64
	var lists bool
	b := &pgx.Batch{}
	b.Queue(measureDatabases).QueryRow(func(row pgx.Row) error { return row.Scan(&databases) })
	b.Queue(`SELECT has_function_privilege('pg_ls_waldir()', 'EXECUTE')`).QueryRow(func(row pgx.Row) error { return row.Scan(&lists) })
	err := c.pool.run(ctx, b)
	if err == nil {
		measure := boundLog
		if lists {
			measure = measureLog
		}
		err = c.pool.QueryRow(ctx, measure).Scan(&log)
	}
	if err != nil {
		return 0, fmt.Errorf("measure what the databases take: %w", interpret(err))
	}
	return databases + log, nil
}

// Paid is what was ever paid on a network, in stroops.
func (c *Capacities) Paid(ctx context.Context, network string) (int64, error) {
	var paid int64
	err := c.pool.QueryRow(ctx, `SELECT coalesce(sum(fee_charged), 0)::bigint FROM stellar_transactions WHERE network = $1 AND fee_charged > 0`, network).Scan(&paid)
	if err != nil {
		return 0, fmt.Errorf("read what was paid on the ledger: %w", interpret(err))
	}
	return paid, nil
}

// Save keeps readings, and decides by them whether provisioning waits. It returns those
// for which that has changed: that begin to be short, or have room again. What was not
// read stays as it was.
func (c *Capacities) Save(ctx context.Context, readings []tenant.CapacityReading) (changed []tenant.CapacityReading, err error) {
	err = c.pool.inTx(ctx, func(tx pgx.Tx) error {
		changed = nil
		wait := false
		for _, r := range readings {
			var waits bool
			if err := tx.QueryRow(ctx, `SELECT short_since IS NOT NULL FROM capacity WHERE resource = $1 FOR UPDATE`, string(r.Resource)).Scan(&waits); err != nil {
				return err
			}
			short := r.Short(waits)
			wait = wait || short
			if short != waits {
				changed = append(changed, r)
			}
			if err := saveReading(ctx, tx, r, short); err != nil {
				return err
			}
		}
		next := tenant.CapacityInterval
		if wait {
			next = tenant.ShortCapacityInterval
		}
		_, err := tx.Exec(ctx, `UPDATE capacity SET read_after = now() + $1::interval`, next)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM capacity_readings WHERE read_at < now() - $1::interval`, readingsKept)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("keep the readings of the capacity: %w", interpret(err))
	}
	return changed, nil
}

func saveReading(ctx context.Context, tx pgx.Tx, r tenant.CapacityReading, short bool) error {
	_, err := tx.Exec(ctx, `INSERT INTO capacity_readings (resource, used, bound) VALUES ($1, $2, $3)`, string(r.Resource), r.Used, r.Bound)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE capacity SET short_since = CASE WHEN $2 THEN coalesce(short_since, now()) END,
		cause = CASE WHEN $2 THEN coalesce(cause, $3) END WHERE resource = $1`, string(r.Resource), short, r.Cause())
	return err
}

// Short lists what provisioning waits for. The answer is at most a second old; it is
// everybody's, and not to be changed.
func (c *Capacities) Short(ctx context.Context) ([]tenant.Capacity, error) { return c.short.Get(ctx) }

func (c *Capacities) readShort(ctx context.Context) ([]tenant.Capacity, error) {
	return c.list(ctx, `SELECT resource, short_since, cause, 0::bigint, NULL::bigint, NULL::timestamptz, 0::float8, NULL::float8
		FROM capacity WHERE short_since IS NOT NULL ORDER BY short_since, resource`)
}

// Standing tells how it stands with each resource.
func (c *Capacities) Standing(ctx context.Context) ([]tenant.Capacity, error) {
	return c.list(ctx, `
		SELECT c.resource, c.short_since, coalesce(c.cause, ''), coalesce(r.used, 0), r.bound, r.read_at, coalesce(extract(epoch FROM now() - r.read_at), 0)::float8, (
			SELECT CASE WHEN max(g.read_at) - min(g.read_at) >= $2::interval THEN regr_slope(g.used, extract(epoch FROM g.read_at)) * 86400 END
			FROM capacity_readings g WHERE g.resource = c.resource AND g.read_at > now() - $1::interval)
		FROM capacity c LEFT JOIN LATERAL (
			SELECT l.used, l.bound, l.read_at FROM capacity_readings l WHERE l.resource = c.resource ORDER BY l.read_at DESC LIMIT 1
		) r ON true ORDER BY array_position($3::text[], c.resource)`, growthPeriod, growthLeast, tenant.Resources())
}

func (c *Capacities) list(ctx context.Context, sql string, args ...any) ([]tenant.Capacity, error) {
	rows, err := c.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read the capacity: %w", interpret(err))
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (tenant.Capacity, error) {
		var s tenant.Capacity
		var short, read *time.Time
		var age float64
		err := row.Scan(&s.Resource, &short, &s.Why, &s.Used, &s.Bound, &read, &age, &s.Growth)
		s.ShortSince, s.ReadAt, s.Age = orZero(short), orZero(read), seconds(age)
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the capacity: %w", interpret(err))
	}
	return found, nil
}
