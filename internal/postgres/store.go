package postgres

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/migrations"
)

// maxSchemaWork bounds the transactions that create or drop schemas at a time,
// in this process: beyond about two per core of the database they get slower
// (docs/decisions.md has the figures).
const maxSchemaWork = 4

// Store is the control plane's state.
type Store struct {
	pool *pgxpool.Pool
	// schemas has a bound of its own and never prepares statements: what it
	// runs names tables that the same batch creates.
	schemas  *pgxpool.Pool
	template migrations.Template
	// templates is what each version of it makes.
	templates struct {
		sync.Mutex
		made map[int64]made
	}
	// version is what the control tables must have at least.
	version int64
	// incidents are the open ones, which every attempt asks for; writes is whether
	// any are taken, for which everything that waits asks.
	incidents shared[[]tenant.Incident]
	writes    shared[struct{}]
}

// NewStore makes a store on a pool. Close it after use; the pool stays the
// caller's.
func NewStore(ctx context.Context, pool *pgxpool.Pool) (*Store, error) {
	template, err := migrations.Tenant()
	if err != nil {
		return nil, err
	}
	version, err := migrations.ControlVersion()
	if err != nil {
		return nil, err
	}
	c := pool.Config()
	c.MaxConns = maxSchemaWork
	c.MinConns = 0
	c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	schemas, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("make the pool for schema work: %w", err)
	}
	return &Store{pool: pool, schemas: schemas, template: template, version: version}, nil
}

// Close gives back the connections that the store made itself.
func (s *Store) Close() { s.schemas.Close() }

// Ping asks whether the database answers, and whether it has been migrated as
// far as this build needs.
func (s *Store) Ping(ctx context.Context) error {
	var version int64
	err := s.pool.QueryRow(ctx, `SELECT coalesce(max(version_id), 0) FROM `+goose.DefaultTablename+` WHERE is_applied`).Scan(&version)
	switch {
	case sqlState(err) == stateNoTable:
		return fmt.Errorf("%w: the database has no control tables; run: starter migrate", tenant.ErrUnavailable)
	case err != nil:
		return fmt.Errorf("ask the database: %w", interpret(err))
	case version < s.version:
		return fmt.Errorf("%w: the control tables are at version %d and this build needs %d; run: starter migrate", tenant.ErrUnavailable, version, s.version)
	}
	return s.refuseCopy(ctx)
}

// refuseCopy tells a copy of a database from its original, on the same server.
func (s *Store) refuseCopy(ctx context.Context) error {
	var original string
	err := s.pool.QueryRow(ctx, `SELECT coalesce(copied_from(), '')`).Scan(&original)
	switch {
	case err != nil:
		return fmt.Errorf("ask the database: %w", interpret(err))
	case original != "":
		return fmt.Errorf("%w: this database is a copy of the database %s%s", tenant.ErrCopy, original, copyAdvice)
	}
	return nil
}

// inTx runs do in a transaction and commits it if do returns nil.
func (s *Store) inTx(ctx context.Context, do func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.pool, do)
}

// passFence is the first statement of every step's transaction.
const passFence = `SELECT pass_fence($1::uuid, $2::uuid, $3::integer, $4::text, $5::text)`

func fenceArgs(f tenant.Fence) []any {
	return []any{string(f.Operation), string(f.Tenant), f.Generation, f.Run, string(f.State)}
}

// run sends statements in one round trip, as one transaction.
func run(ctx context.Context, db interface {
	SendBatch(context.Context, *pgx.Batch) pgx.BatchResults
}, b *pgx.Batch,
) error {
	return db.SendBatch(ctx, b).Close()
}
