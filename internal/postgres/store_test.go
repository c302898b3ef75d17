package postgres_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/tenant"
)

type testBundle struct {
	ctx   context.Context
	pool  *pgxpool.Pool
	store *postgres.Store
}

func setup(t *testing.T) testBundle {
	t.Helper()
	pool := postgrestest.New(t)
	store, err := postgres.NewStore(t.Context(), pool)
	require.NoError(t, err)
	t.Cleanup(store.Close)
	return testBundle{ctx: t.Context(), pool: pool, store: store}
}

// superuser is a pool on the same database for what the product's login may not do.
func (b testBundle) superuser(t *testing.T) *pgxpool.Pool {
	t.Helper()
	c := postgrestest.Superuser(t)
	c.Database = b.pool.Config().ConnConfig.Database
	pool, err := postgrestest.Open(c)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// acceptance is a well-formed request for a tenant of this name.
func acceptance(t *testing.T, name string) tenant.Submission {
	t.Helper()
	id, err := tenant.NewID()
	require.NoError(t, err)
	op, err := tenant.NewOperationID()
	require.NoError(t, err)
	schema := tenant.SchemaName(tenant.Slug(name), id)
	return tenant.Submission{
		New: &tenant.Tenant{
			ID: id, Name: name, Slug: tenant.Slug(name), Schema: schema, Role: schema, Status: tenant.StatusPending, Generation: 1,
			Administrator: tenant.Administrator{Email: "ada@hospital.example", FirstName: "Ada", LastName: "Lovelace"},
			Tier:          "standard", Region: "default",
		},
		Operation: tenant.Operation{
			ID: op, TenantID: id, Kind: tenant.KindProvision, Client: "test", RetryBudget: time.Minute, AttentionPeriod: time.Hour,
		},
		Actor: "test",
	}
}

// accept records a tenant.
func (b testBundle) accept(t *testing.T, name string) tenant.Submission {
	t.Helper()
	a := acceptance(t, name)
	_, err := b.store.Submit(b.ctx, a)
	require.NoError(t, err)
	return a
}

// claim records a tenant and gives its operation to a run.
func (b testBundle) claim(t *testing.T, name string) tenant.Fence {
	t.Helper()
	f := fence(b.accept(t, name))
	c, err := b.store.Claim(b.ctx, f)
	require.NoError(t, err)
	require.True(t, c.Claimed)
	return f
}

func fence(a tenant.Submission) tenant.Fence {
	return tenant.Fence{
		Operation: a.Operation.ID, Tenant: a.New.ID, Generation: a.New.Generation, Run: rand.Text(), State: tenant.StateRunning,
	}
}

func (b testBundle) move(t *testing.T, f tenant.Fence, from, to tenant.State) {
	t.Helper()
	require.NoError(t, b.store.Move(b.ctx, tenant.Move{Fence: f, From: from, To: to, Step: tenant.StepCreateSchema, Reason: "test"}))
}

func undoing(f tenant.Fence) tenant.Fence {
	f.State = tenant.StateRollingBack
	return f
}

func (b testBundle) count(t *testing.T, sql string, args ...any) int {
	t.Helper()
	var n int
	require.NoError(t, b.pool.QueryRow(b.ctx, sql, args...).Scan(&n))
	return n
}

// TestAProgramTellsThatTheDatabaseIsAhead, and goes on: a bad deployment is ended
// by going back to the version before.
func TestAProgramTellsThatTheDatabaseIsAhead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.store.Ready(b.ctx))
	require.Empty(t, b.store.Note())
	b.mustExec(t, `INSERT INTO goose_db_version (version_id, is_applied) SELECT max(version_id) + 1, true FROM goose_db_version`)
	require.NoError(t, b.store.Ready(b.ctx))
	require.Contains(t, b.store.Note(), "A newer version has migrated the database")
	b.mustExec(t, `DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version)`)
	require.NoError(t, b.store.Ready(b.ctx))
	require.Empty(t, b.store.Note())
}
