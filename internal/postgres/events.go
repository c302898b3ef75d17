package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/tenant"
)

// Events reads what has changed. Rows get their ids and transactions before they are
// committed, so that a later one may be seen before an earlier one: only what stands
// before the oldest transaction that is still open is in its final order.
type Events struct{ pool database }

// NewEvents reads events on a pool.
func NewEvents(pool *pgxpool.Pool) *Events { return &Events{pool: database{pool}} }

// recordRun begins the statement that records that an operation was taken by a run,
// or from it: its state stays, and what is shown of it does not.
func recordRun(what string) string {
	return `INSERT INTO events (tenant_id, operation_id, type, data)
		SELECT tenant_id, id, 'operation.` + what + `', jsonb_build_object('kind', kind, 'state', state) FROM ` + what
}

// recordOfTenant is the statement that records what has changed ($2) of a tenant ($1)
// that keeps its status.
const recordOfTenant = `INSERT INTO events (tenant_id, type, data)
	SELECT id, 'tenant.' || $2::text, jsonb_build_object('status', status) FROM tenants WHERE id = $1`

// recordChange is the statement that records a change of the tenants in changed,
// which keep their status.
func recordChange(what string) string {
	return `INSERT INTO events (tenant_id, type, data) SELECT id, 'tenant.` + what + `', jsonb_build_object('status', status) FROM changed`
}

const eventColumns = `e.id, e.transaction::text, e.at, e.type, coalesce(e.tenant_id::text, ''), coalesce(e.operation_id::text, ''), e.data`

func scanEvent(row pgx.CollectableRow) (*tenant.ChangeEvent, error) {
	e := &tenant.ChangeEvent{}
	var transaction string
	if err := row.Scan(&e.ID, &transaction, &e.At, &e.Type, &e.Tenant, &e.Operation, &e.EventData); err != nil {
		return nil, err
	}
	number, err := strconv.ParseUint(transaction, 10, 64)
	e.Position = tenant.EventPosition{Transaction: number, ID: e.ID}
	return e, err
}

func xid(number uint64) string { return strconv.FormatUint(number, 10) }

// Read reads events whose order is settled.
func (es *Events) Read(ctx context.Context, q tenant.EventQuery) (batch tenant.EventBatch, err error) {
	upTo := tenant.EventPosition{Transaction: 1<<64 - 1}
	if q.UpTo != nil {
		upTo = *q.UpTo
	}
	filter, of := "", ""
	switch { // each has its index
	case q.Operation != "":
		filter, of = ` AND e.operation_id = $6::text::uuid`, string(q.Operation)
	case q.Tenant != "":
		filter, of = ` AND e.tenant_id = $6::text::uuid`, string(q.Tenant)
	default:
		filter = ` AND $6::text = ''`
	}
	// In one snapshot: what is committed in between is beyond its horizon.
	err = pgx.BeginTxFunc(ctx, es.pool.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue(`SELECT `+eventColumns+` FROM events e
			WHERE (e.transaction, e.id) > ($1::text::xid8, $2) AND (e.transaction, e.id) <= ($3::text::xid8, $4)
				AND e.transaction < pg_snapshot_xmin(pg_current_snapshot())`+filter+`
			ORDER BY e.transaction, e.id LIMIT $5`,
			xid(q.After.Transaction), int64(q.After.ID), xid(upTo.Transaction), int64(upTo.ID), q.Limit, of).
			Query(func(rows pgx.Rows) (err error) {
				batch.Events, err = pgx.CollectRows(rows, scanEvent)
				return err
			})
		b.Queue(`SELECT pg_snapshot_xmin(s)::text::bigint, ` + server + `, pg_snapshot_xmax(s)::text::bigint FROM pg_current_snapshot() s`).
			QueryRow(func(row pgx.Row) error { return row.Scan(&batch.Horizon, &batch.Server, &batch.Next) })
		return run(ctx, tx, b)
	})
	if err != nil {
		return batch, fmt.Errorf("read the events: %w", interpret(err))
	}
	return batch, nil
}

// server names the server and the database. One that was restarted has another name.
const server = `current_database() || ' since ' || pg_postmaster_start_time()`

// Last is the position of the newest event whose order is settled; the zero position
// when there is none.
func (es *Events) Last(ctx context.Context) (tenant.EventPosition, error) {
	return es.position(ctx, `SELECT transaction::text::bigint, id FROM events
		WHERE transaction < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY transaction DESC, id DESC LIMIT 1`)
}

// Locate finds an event that somebody has seen; tenant.ErrEventGone when it is not
// there.
func (es *Events) Locate(ctx context.Context, id tenant.EventID) (tenant.EventPosition, error) {
	p, err := es.position(ctx, `SELECT transaction::text::bigint, id FROM events WHERE id = $1`, int64(id))
	if err == nil && p.ID == 0 {
		err = tenant.ErrEventGone
	}
	return p, err
}

func (es *Events) position(ctx context.Context, sql string, args ...any) (p tenant.EventPosition, err error) {
	err = es.pool.QueryRow(ctx, sql, args...).Scan(&p.Transaction, &p.ID)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return p, fmt.Errorf("find an event: %w", interpret(err))
	}
	return p, nil
}

// Standing is where the database stands: its name, the oldest transaction that has not
// ended, the first that has not begun, and the latest change that can be seen, of a
// tenant, of an operation or, when both are empty, of anything.
func (es *Events) Standing(ctx context.Context, f tenant.EventFilter) (s tenant.Standing, err error) {
	filter, of := `WHERE $1 = ''`, ""
	switch {
	case f.Operation != "":
		filter, of = `WHERE operation_id = $1::text::uuid`, string(f.Operation)
	case f.Tenant != "":
		filter, of = `WHERE tenant_id = $1::text::uuid`, string(f.Tenant)
	}
	err = es.pool.QueryRow(ctx, `SELECT `+server+`, pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint,
			coalesce((SELECT transaction::text::bigint FROM events `+filter+` ORDER BY transaction DESC LIMIT 1), 0)
		FROM pg_current_snapshot() s`, of).Scan(&s.Database, &s.Snapshot, &s.Next, &s.Changed)
	if err != nil {
		return s, fmt.Errorf("ask where the database stands: %w", interpret(err))
	}
	return s, nil
}

// HashKey is a secret of the installation, from which others may be derived.
func (es *Events) HashKey(ctx context.Context) (key []byte, err error) {
	if err = es.pool.QueryRow(ctx, `SELECT hash_key FROM installation`).Scan(&key); err != nil {
		return nil, fmt.Errorf("read the installation's key: %w", interpret(err))
	}
	return key, nil
}
