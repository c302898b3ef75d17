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
	ctx  context.Context
	pool *pgxpool.Pool

	operations  *postgres.Operations
	queue       *postgres.Queue
	transitions *postgres.Transitions
	tenants     *postgres.Tenants
	schemas     *postgres.Schemas
	contracts   *postgres.Contracts
	access      *postgres.Access
	emails      *postgres.Emails
	audit       *postgres.AuditLog
	findings    *postgres.Findings
	comparer    *postgres.Comparer
	repairs     *postgres.Repairs
	incidents   *postgres.Incidents
	writes      *postgres.WriteProbe
	notices     *postgres.Notices
	workers     *postgres.Workers
	health      *postgres.Health
}

func setup(t testing.TB) testBundle {
	t.Helper()
	pool := postgrestest.New(t)
	return on(t, pool)
}

// on is everything on one pool.
func on(t testing.TB, pool *pgxpool.Pool) testBundle {
	t.Helper()
	schemas, err := postgres.NewSchemas(t.Context(), pool)
	require.NoError(t, err)
	t.Cleanup(schemas.Close)
	health, err := postgres.NewHealth(pool)
	require.NoError(t, err)
	comparer := postgres.NewComparer(pool, schemas)
	return testBundle{
		ctx: t.Context(), pool: pool,
		operations: postgres.NewOperations(pool), queue: postgres.NewQueue(pool), transitions: postgres.NewTransitions(pool),
		tenants: postgres.NewTenants(pool), schemas: schemas, contracts: postgres.NewContracts(pool), access: postgres.NewAccess(pool), emails: postgres.NewEmails(pool),
		audit: postgres.NewAuditLog(pool), findings: postgres.NewFindings(pool), comparer: comparer,
		repairs: postgres.NewRepairs(pool, comparer), incidents: postgres.NewIncidents(pool), writes: postgres.NewWriteProbe(pool),
		notices: postgres.NewNotices(pool), workers: postgres.NewWorkers(pool), health: health,
	}
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
func acceptance(t testing.TB, name string) tenant.Submission {
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

// submission is a request for an operation of a tenant that is there.
func submission(t testing.TB, kind tenant.Kind, id tenant.ID) tenant.Submission {
	t.Helper()
	sub := acceptance(t, "-")
	sub.New, sub.Operation.Kind, sub.Operation.TenantID = nil, kind, id
	return sub
}

// accept records a tenant.
func (b testBundle) accept(t testing.TB, name string) tenant.Submission {
	t.Helper()
	a := acceptance(t, name)
	_, err := b.operations.Submit(b.ctx, a)
	require.NoError(t, err)
	return a
}

// claim records a tenant and gives its operation to a run.
func (b testBundle) claim(t testing.TB, name string) tenant.Fence {
	t.Helper()
	f := fence(b.accept(t, name))
	c, err := b.transitions.Claim(b.ctx, f)
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
	m := tenant.Move{Fence: f, From: from, To: to, Step: tenant.StepCreateSchema, Reason: "test"}
	if to == tenant.StateSucceeded {
		m.Skipped = &tenant.Skipped{Steps: []tenant.Step{tenant.StepSendWelcomeEmail}, Reason: "test"}
	}
	_, err := b.transitions.Move(b.ctx, m)
	require.NoError(t, err)
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
