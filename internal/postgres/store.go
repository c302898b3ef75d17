package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/probe"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/migrations"
)

// maxSchemaWork bounds the transactions that create or drop schemas at a time,
// in this process: beyond about two per core of the database they get slower
// (docs/decisions.md has the figures).
const maxSchemaWork = 4

// Store is the control plane's state.
type Store struct {
	pool database
	// schemas has a bound of its own and never prepares statements: what it
	// runs names tables that the same batch creates.
	schemas  database
	template migrations.Template
	// templates is what each version of it makes.
	templates struct {
		sync.Mutex
		made map[int64]made
	}
	// version is what the control tables must have at least, ahead by how much
	// theirs was higher when it was last looked at.
	version int64
	ahead   atomic.Int64
	// incidents are the open ones, which every attempt asks for; writes is whether
	// any are taken, for which everything that waits asks.
	incidents *probe.Shared[[]tenant.Incident]
	writes    *probe.Shared[struct{}]
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
	s := &Store{pool: database{pool}, schemas: database{schemas}, template: template, version: version}
	s.incidents = probe.Share(outageTimeout, s.openIncidents)
	s.writes = probe.Share(outageTimeout, func(ctx context.Context) (struct{}, error) { return struct{}{}, s.ProbeDatabase(ctx) })
	return s, nil
}

// Close gives back the connections that the store made itself.
func (s *Store) Close() { s.schemas.Close() }

// inTx runs do in a transaction and commits it if do returns nil. do may be run
// twice.
func (s *Store) inTx(ctx context.Context, do func(pgx.Tx) error) error { return s.pool.inTx(ctx, do) }

// passFence is the first statement of every step's transaction.
const passFence = `SELECT pass_fence($1::uuid, $2::uuid, $3::integer, $4::text, $5::text)`

func fenceArgs(f tenant.Fence) []any {
	return []any{string(f.Operation), string(f.Tenant), f.Generation, f.Run, string(f.State)}
}

// ifThere takes a row that is not there for no error.
func ifThere(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	return err
}

// run sends statements in one round trip, as one transaction.
func run(ctx context.Context, db interface {
	SendBatch(context.Context, *pgx.Batch) pgx.BatchResults
}, b *pgx.Batch,
) error {
	return db.SendBatch(ctx, b).Close()
}
