package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/doctor"
	"tenant-provisioning/internal/tenant"
)

// Facts tells about the server, the database and the login, for who judges whether
// they fit. Nothing is changed.
type Facts struct {
	pool    database
	health  *Health
	workers *Workers

	capacities *Capacities
	backups    *Backups
}

var (
	_ doctor.Database = (*Facts)(nil)
	_ doctor.Journal  = (*Facts)(nil)

	_ doctor.BackupAges = (*Facts)(nil)
)

// NewFacts asks the database of a pool.
func NewFacts(pool *pgxpool.Pool) (*Facts, error) {
	health, err := NewHealth(pool)
	if err != nil {
		return nil, err
	}
	return &Facts{pool: database{pool}, health: health, workers: NewWorkers(pool), capacities: NewCapacities(pool), backups: NewBackups(pool, nil)}, nil
}

// ask reads one row.
func (f *Facts) ask(ctx context.Context, sql string, args []any, into ...any) error {
	return interpret(f.pool.QueryRow(ctx, sql, args...).Scan(into...))
}

// Server asks which one answers. The latency is that of a connection that is open
// already.
func (f *Facts) Server(ctx context.Context) (doctor.DatabaseServer, error) {
	var s doctor.DatabaseServer
	conn, err := f.pool.Acquire(ctx)
	if err != nil {
		return s, interpret(err)
	}
	defer conn.Release()
	var number int
	err = conn.QueryRow(ctx, `
		SELECT current_setting('server_version'), current_setting('server_version_num')::int, current_database(),
			coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false),
			coalesce(inet_server_addr() = inet_client_addr(), true)`).
		Scan(&s.Version, &number, &s.Name, &s.Encrypted, &s.SameMachine)
	if err != nil {
		return s, interpret(err)
	}
	s.Major = number / 10000
	began := time.Now()
	if err := conn.Ping(ctx); err != nil {
		return s, interpret(err)
	}
	s.Latency = time.Since(began)
	return s, nil
}

// Migrated asks whether the control tables are those that this build needs, and
// can be written to.
func (f *Facts) Migrated(ctx context.Context) (note string, err error) {
	if err := f.health.Ready(ctx); err != nil && !errors.Is(err, tenant.ErrNotLive) { // which Restored tells
		return "", err
	}
	return f.health.Note(), nil
}

// Restored asks whether the installation was restored from backups, and is live. Tables
// that cannot say so yet are of one that was not.
func (f *Facts) Restored(ctx context.Context) (doctor.Restored, error) {
	var r doctor.Restored
	var asOf, wentLive *time.Time
	err := f.ask(ctx, `SELECT coalesce(not_live, ''), restored_as_of, went_live_at FROM installation`, nil, &r.NotLive, &asOf, &wentLive)
	if state := sqlState(err); state == stateNoTable || state == stateNoColumn {
		return doctor.Restored{}, nil
	}
	r.AsOf, r.WentLive = orZero(asOf), orZero(wentLive)
	return r, err
}

// Login asks what the login may do.
func (f *Facts) Login(ctx context.Context) (doctor.Login, error) {
	var l doctor.Login
	var until *time.Time
	err := f.ask(ctx, `
		SELECT r.rolname, r.rolsuper, r.rolcreaterole, has_database_privilege(current_database(), 'CREATE'),
			array_remove(ARRAY[CASE WHEN r.rolcreatedb THEN 'CREATEDB' END, CASE WHEN r.rolreplication THEN 'REPLICATION' END,
				CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END], NULL) || ARRAY(
				SELECT p.rolname::text FROM pg_roles p WHERE p.rolname IN ('pg_read_all_data', 'pg_write_all_data',
					'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program') AND pg_has_role(p.oid, 'MEMBER') ORDER BY 1),
			pg_has_role('pg_signal_backend', 'MEMBER'), nullif(r.rolvaliduntil, 'infinity')
		FROM pg_roles r WHERE r.rolname = current_user`, nil,
		&l.Name, &l.Superuser, &l.CreateRole, &l.CreateSchemas, &l.Beyond, &l.EndsStatements, &until)
	l.PasswordUntil = orZero(until)
	return l, err
}

// Connections counts what there is room for, and who is there. Whoever is not shown
// to this login is not ours, for all of ours have the same.
func (f *Facts) Connections(ctx context.Context) (doctor.Connections, error) {
	var c doctor.Connections
	err := f.ask(ctx, `
		WITH s AS (
			SELECT current_setting('max_connections')::int AS most,
				current_setting('superuser_reserved_connections')::int + coalesce(current_setting('reserved_connections', true)::int, 0) AS kept
		), a AS (
			SELECT * FROM pg_stat_activity WHERE backend_type = 'client backend'
		)
		SELECT s.most, least(s.most - s.kept, nullif(r.rolconnlimit, -1), nullif(d.datconnlimit, -1)),
			(SELECT count(*) FROM a WHERE NOT (coalesce(a.datname = current_database() AND a.usename = current_user
				AND a.application_name IN ('api', 'worker', 'starter'), false)))::int,
			(SELECT count(DISTINCT coalesce(a.client_addr::text, '')) FROM a WHERE a.datname = current_database() AND a.application_name = 'api')::int
		FROM s, pg_roles r, pg_database d WHERE r.rolname = current_user AND d.datname = current_database()`, nil,
		&c.Max, &c.Limit, &c.Others, &c.APIs)
	if err != nil {
		return c, err
	}
	// Before the first migration there is no such table, and no worker.
	err = f.ask(ctx, `SELECT count(*)::int FROM workers WHERE stopped_at IS NULL AND last_seen > now() - $1::interval`, []any{tenant.WorkerSilence}, &c.Workers)
	if sqlState(err) == stateNoTable {
		err = nil
	}
	return c, err
}

// Locks measures the lock table against what has to fit into it.
func (f *Facts) Locks(ctx context.Context) (doctor.Locks, error) {
	var l doctor.Locks
	err := f.ask(ctx, `
		WITH s AS (
			SELECT current_setting('max_locks_per_transaction')::int AS each,
				current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int AS connections
		), t AS (
			SELECT count(*)::int AS tables, count(DISTINCT n.oid) FILTER (WHERE n.nspname LIKE 't\_%')::int AS schemas,
				count(*) FILTER (WHERE n.nspname LIKE 't\_%')::int AS inside
			FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
		)
		SELECT s.each, s.connections, s.each * s.connections, t.tables, t.schemas, coalesce(t.inside / nullif(t.schemas, 0), 0) FROM s, t`, nil,
		&l.PerTransaction, &l.Connections, &l.Slots, &l.Tables, &l.Schemas, &l.PerSchema)
	return l, err
}

// Replication asks who follows. What a standby has not yet replayed is hidden from
// a login without pg_read_all_stats.
func (f *Facts) Replication(ctx context.Context) (doctor.Replication, error) {
	var r doctor.Replication
	var behind float64
	err := f.ask(ctx, `
		WITH s AS (
			SELECT count(*)::int AS standbys, count(*) FILTER (WHERE state IS NULL)::int AS hidden,
				coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)), 0)::bigint AS bytes,
				coalesce(extract(epoch FROM max(replay_lag)), 0)::float8 AS behind
			FROM pg_stat_replication
		), i AS (
			SELECT coalesce(array_agg(slot_name::text ORDER BY slot_name), '{}') AS idle,
				coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)), 0)::bigint AS kept
			FROM pg_replication_slots WHERE NOT active AND NOT temporary
		)
		SELECT s.standbys, s.hidden, greatest(s.bytes, 0), s.behind, i.idle, greatest(i.kept, 0) FROM s, i`, nil,
		&r.Standbys, &r.Hidden, &r.Bytes, &behind, &r.Idle, &r.Kept)
	r.Behind = seconds(behind)
	return r, err
}

// Disk measures the database, and says where it is if it is on this machine and the
// login may know.
func (f *Facts) Disk(ctx context.Context) (doctor.DatabaseDisk, error) {
	var d doctor.DatabaseDisk
	err := f.ask(ctx, `
		SELECT pg_database_size(current_database()), CASE WHEN coalesce(inet_server_addr() = inet_client_addr(), true)
			AND (pg_has_role('pg_read_all_settings', 'MEMBER') OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user))
			THEN current_setting('data_directory') ELSE '' END`, nil, &d.Bytes, &d.Folder)
	return d, err
}

// Capacity reads what a worker has read. Before the first migration there is no such
// table.
func (f *Facts) Capacity(ctx context.Context) ([]tenant.Capacity, error) {
	all, err := f.capacities.Standing(ctx)
	if sqlState(err) == stateNoTable {
		return nil, nil
	}
	return all, err
}

// Backups tells how old they are. Before the first migration there are none.
func (f *Facts) Backups(ctx context.Context) (tenant.StandingBackups, error) {
	s, err := f.backups.Standing(ctx)
	if sqlState(err) == stateNoTable {
		return tenant.StandingBackups{}, nil
	}
	return s, err
}

// Clock compares the server's with ours.
func (f *Facts) Clock(ctx context.Context) (doctor.Clock, error) {
	conn, err := f.pool.Acquire(ctx)
	if err != nil {
		return doctor.Clock{}, interpret(err)
	}
	defer conn.Release()
	asked := time.Now()
	var told time.Time
	if err := conn.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&told); err != nil {
		return doctor.Clock{}, interpret(err)
	}
	return doctor.ClockAt(told, asked, time.Now(), 0), nil
}

// Workers reads what workers tell of themselves.
func (f *Facts) Workers(ctx context.Context) (tenant.WorkerState, error) { return f.workers.State(ctx) }

// Spending is what the deployer has paid on a network of late, and since when
// that is known: at most as long ago as a period.
func (f *Facts) Spending(ctx context.Context, network string, period time.Duration) (doctor.Spending, error) {
	var s doctor.Spending
	var over float64
	err := f.ask(ctx, `
		SELECT coalesce(sum(fee_charged), 0)::bigint, count(*)::int, coalesce(extract(epoch FROM now() - min(settled_at)), 0)::float8
		FROM stellar_transactions WHERE network = $1 AND fee_charged > 0 AND settled_at > now() - $2::interval AND purpose IN ('DEPLOY_CONTRACT', 'SET_STATUS')`,
		[]any{network, period}, &s.Stroops, &s.Transactions, &over)
	s.Over = seconds(over)
	return s, err
}

// Contracts gives some of those that tenants use, those first that were not
// touched for longest.
func (f *Facts) Contracts(ctx context.Context, n int) ([]string, error) {
	var ids []string
	err := f.ask(ctx, `SELECT coalesce(array_agg(contract_id), '{}') FROM (
			SELECT contract_id FROM tenants WHERE status IN ('ACTIVE', 'SUSPENDED', 'ARCHIVED') AND contract_id IS NOT NULL
			ORDER BY updated_at LIMIT $1) t`, []any{n}, &ids)
	if err != nil {
		return nil, fmt.Errorf("read which contracts there are: %w", err)
	}
	return ids, nil
}
