package postgres_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tenant-provisioning/internal/tenant"
)

func TestCreateSchema(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.claim(t, `Robert'); DROP SCHEMA public; -- "Klinik"`)

	require.NoError(t, b.schemas.Create(b.ctx, f))
	require.NoError(t, b.schemas.Create(b.ctx, f), "a repetition changes nothing")

	tn, err := b.tenants.Find(b.ctx, f.Tenant)
	require.NoError(t, err)
	rows, err := b.pool.Query(b.ctx, `SELECT email, role, password_hash IS NULL FROM `+pgx.Identifier{tn.Schema, "users"}.Sanitize())
	require.NoError(t, err)
	type user struct {
		Email, Role string
		NoPassword  bool
	}
	users, err := pgx.CollectRows(rows, pgx.RowToStructByPos[user])
	require.NoError(t, err)
	require.Equal(t, []user{{"ada@hospital.example", "admin", true}}, users)
	require.Equal(t, 3, b.count(t, `SELECT count(*) FROM `+pgx.Identifier{tn.Schema, "roles"}.Sanitize()))

	logs, err := b.operations.Logs(b.ctx, f.Operation)
	require.NoError(t, err)
	var steps []tenant.Step
	for _, l := range logs {
		require.Equal(t, tenant.StepCompleted, l.Status)
		require.Equal(t, 1, l.Attempt)
		require.Positive(t, l.Duration, "%s has a true duration", l.Step)
		steps = append(steps, l.Step)
	}
	require.Equal(t, []tenant.Step{
		tenant.StepCreateTenantRecord, tenant.StepCreateSchema, tenant.StepRunMigrations, tenant.StepSeedRolesAndUser,
	}, steps)
}

func TestTenantsAreIsolated(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var tenants [2]tenant.Tenant
	for i, name := range []string{"First clinic", "Second clinic"} {
		f := b.claim(t, name)
		require.NoError(t, b.schemas.Create(b.ctx, f))
		var err error
		tenants[i], err = b.tenants.Find(b.ctx, f.Tenant)
		require.NoError(t, err)
	}
	superuser := b.superuser(t) // nobody else may speak for another login
	as := func(role, sql string) error {
		return pgx.BeginFunc(b.ctx, superuser, func(tx pgx.Tx) error {
			if _, err := tx.Exec(b.ctx, `SET LOCAL SESSION AUTHORIZATION `+pgx.Identifier{tenants[0].AppLogin}.Sanitize()); err != nil {
				return err
			}
			if role != "" {
				if _, err := tx.Exec(b.ctx, `SET LOCAL ROLE `+pgx.Identifier{role}.Sanitize()); err != nil {
					return err
				}
			}
			_, err := tx.Exec(b.ctx, sql)
			return err
		})
	}
	own, other := pgx.Identifier{tenants[0].Schema}.Sanitize(), pgx.Identifier{tenants[1].Schema}.Sanitize()
	role := tenants[0].Role

	require.NoError(t, as(role, `SELECT * FROM `+own+`.users`))
	require.NoError(t, as(role, `INSERT INTO `+own+`.audit_logs (action) VALUES ('login')`))
	for name, sql := range map[string]string{
		"another tenant's users":     `SELECT * FROM ` + other + `.users`,
		"the control tables":         `SELECT * FROM public.tenants`,
		"altering its own log":       `UPDATE ` + own + `.audit_logs SET action = 'nothing'`,
		"erasing its own log":        `DELETE FROM ` + own + `.audit_logs`,
		"a table of its own":         `CREATE TABLE ` + own + `.more (id int)`,
		"dropping its schema":        `DROP SCHEMA ` + own + ` CASCADE`,
		"a schema":                   `CREATE SCHEMA more`,
		"a table in the public room": `CREATE TABLE public.more (id int)`,
	} {
		err := as(role, sql)
		require.ErrorContains(t, err, "SQLSTATE 42501", "%s must be refused to a tenant", name)
	}
	require.ErrorContains(t, as("", `SELECT * FROM `+own+`.users`), "SQLSTATE 42501",
		"the application's login inherits nothing: without SET ROLE it reads no tenant")
}

func TestDropSchemaLeavesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.claim(t, "Short-lived clinic")
	require.NoError(t, b.schemas.Create(b.ctx, f))
	tn, err := b.tenants.Find(b.ctx, f.Tenant)
	require.NoError(t, err)
	b.move(t, f, tenant.StateRunning, tenant.StateRollingBack)

	require.NoError(t, b.schemas.Drop(b.ctx, undoing(f)))
	require.NoError(t, b.schemas.Drop(b.ctx, undoing(f)), "a repetition changes nothing")
	require.Zero(t, b.count(t, `SELECT count(*) FROM pg_namespace WHERE nspname = $1`, tn.Schema))
	require.Zero(t, b.count(t, `SELECT count(*) FROM pg_roles WHERE rolname = $1`, tn.Role))
	require.Zero(t, b.count(t, `SELECT count(*) FROM tenant_schema_versions`))
	require.Equal(t, 3, b.count(t, `SELECT count(*) FROM provisioning_logs WHERE status = 'ROLLED_BACK' AND undo_duration_ms > 0 AND duration_ms IS NULL`))
}

func TestLateStepLeavesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.claim(t, "Late clinic")
	b.move(t, f, tenant.StateRunning, tenant.StateRollingBack)
	require.NoError(t, b.schemas.Drop(b.ctx, undoing(f)), "an undo tolerates that its step never ran")

	require.ErrorIs(t, b.schemas.Create(b.ctx, f), tenant.ErrSuperseded, "the attempt comes back after the rollback")
	tn, err := b.tenants.Find(b.ctx, f.Tenant)
	require.NoError(t, err)
	require.Zero(t, b.count(t, `SELECT count(*) FROM pg_namespace WHERE nspname = $1`, tn.Schema))
	require.Zero(t, b.count(t, `SELECT count(*) FROM pg_roles WHERE rolname = $1`, tn.Role))
}

func TestFenceKnowsItsRun(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.claim(t, "Fenced clinic")
	for name, change := range map[string]func(*tenant.Fence){
		"another run":        func(f *tenant.Fence) { f.Run = "another" },
		"another generation": func(f *tenant.Fence) { f.Generation++ },
		"another state":      func(f *tenant.Fence) { f.State = tenant.StateRollingBack },
	} {
		late := f
		change(&late)
		require.ErrorIs(t, b.schemas.Create(b.ctx, late), tenant.ErrSuperseded, name)
		require.ErrorIs(t, b.transitions.MarkActive(b.ctx, late), tenant.ErrSuperseded, name)
	}
}

func TestSchemaOfSomebodyElse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, occupy := range map[string]func(tenant.Tenant) string{
		"schema": func(tn tenant.Tenant) string { return `CREATE SCHEMA ` + pgx.Identifier{tn.Schema}.Sanitize() },
		"role":   func(tn tenant.Tenant) string { return `CREATE ROLE ` + pgx.Identifier{tn.Role}.Sanitize() },
	} {
		f := b.claim(t, "Occupied by a "+name)
		tn, err := b.tenants.Find(b.ctx, f.Tenant)
		require.NoError(t, err)
		_, err = b.pool.Exec(b.ctx, occupy(tn))
		require.NoError(t, err)

		var failure *tenant.StepError
		require.ErrorAs(t, b.schemas.Create(b.ctx, f), &failure, name)
		require.True(t, failure.Permanent)
		require.Equal(t, tenant.ClassConflict, failure.Class)

		b.move(t, f, tenant.StateRunning, tenant.StateRollingBack)
		require.NoError(t, b.schemas.Drop(b.ctx, undoing(f)))
		require.Equal(t, 1, b.count(t, `SELECT (SELECT count(*) FROM pg_namespace WHERE nspname = $1) + (SELECT count(*) FROM pg_roles WHERE rolname = $1)`, tn.Schema),
			"what belongs to somebody else stays")
	}
}

func TestActiveTenantIsNeverDropped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.claim(t, "Active clinic")
	require.NoError(t, b.schemas.Create(b.ctx, f))
	require.NoError(t, b.contracts.CompleteDeployment(b.ctx, f, 0, "C1"))
	require.NoError(t, b.transitions.MarkActive(b.ctx, f))
	require.NoError(t, b.transitions.MarkActive(b.ctx, f), "a repetition changes nothing")
	// What the workflow never does:
	move := tenant.Move{Fence: f, From: tenant.StateRunning, To: tenant.StateRollingBack, Step: tenant.StepMarkActive, Reason: "test"}
	_, err := b.transitions.Move(b.ctx, move)
	require.ErrorContains(t, err, "operations_active_is_never_undone")
	_, err = b.pool.Exec(b.ctx, `UPDATE operations SET pivot_passed = false`)
	require.NoError(t, err)
	b.move(t, f, tenant.StateRunning, tenant.StateRollingBack)

	var failure *tenant.StepError
	require.ErrorAs(t, b.schemas.Drop(b.ctx, undoing(f)), &failure)
	require.True(t, failure.Permanent)
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM tenant_schema_versions`))
}

// TestNothingBecomesActiveWithoutItsParts: what a failover has lost of them can
// still be undone before the pivot, and not after it.
func TestNothingBecomesActiveWithoutItsParts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, lost := range map[string]string{
		"schema":             `DELETE FROM tenant_schema_versions WHERE tenant_id = $1`,
		"another generation": `UPDATE tenant_schema_versions SET generation = generation + 1 WHERE tenant_id = $1`,
		"contract":           `UPDATE tenants SET contract_id = NULL WHERE id = $1`,
		"status":             `UPDATE tenants SET status = 'PENDING' WHERE id = $1`,
	} {
		f := b.claim(t, "Clinic without "+name)
		require.NoError(t, b.schemas.Create(b.ctx, f))
		require.NoError(t, b.contracts.CompleteDeployment(b.ctx, f, 0, "C-"+name))
		b.mustExec(t, lost, string(f.Tenant))
		var failure *tenant.StepError
		require.ErrorAs(t, b.transitions.MarkActive(b.ctx, f), &failure, name)
		require.True(t, failure.Permanent)
		require.Equal(t, tenant.StepMarkActive, failure.Step)
		require.Zero(t, b.count(t, `SELECT count(*) FROM operations WHERE pivot_passed OR (SELECT status FROM tenants WHERE id = tenant_id) = 'ACTIVE'`))
		require.Zero(t, b.count(t, `SELECT count(*) FROM provisioning_logs WHERE step = 'MARK_ACTIVE'`))
	}
}

// TestAClaimOfWhatIsNotThere, as after a restore.
func TestAClaimOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c, err := b.transitions.Claim(b.ctx, fence(acceptance(t, "Lost clinic")))
	require.NoError(t, err)
	require.False(t, c.Claimed)
}

func TestManySchemasAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const n = 24
	var g errgroup.Group
	for range n {
		f := b.claim(t, "診療所 "+b.newName(t))
		g.Go(func() error { return b.schemas.Create(b.ctx, f) })
	}
	require.NoError(t, g.Wait())
	require.Equal(t, n, b.count(t, `SELECT count(*) FROM tenant_schema_versions`))
	require.Equal(t, n, b.count(t, `SELECT count(*) FROM pg_auth_members m JOIN pg_roles l ON l.oid = m.member
		WHERE l.rolname = (SELECT max(app_login) FROM tenants)`))
}

// TestWhatKeepsARoleIsNamed by PostgreSQL's own words, as many as a person
// reads; nothing was dropped.
func TestWhatKeepsARoleIsNamed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.claim(t, "Clinic with dependents")
	require.NoError(t, b.schemas.Create(b.ctx, f))
	tn, err := b.tenants.Find(b.ctx, f.Tenant)
	require.NoError(t, err)
	b.move(t, f, tenant.StateRunning, tenant.StateRollingBack)
	refused := func() *tenant.StepError {
		var failure *tenant.StepError
		require.ErrorAs(t, b.schemas.Drop(b.ctx, undoing(f)), &failure)
		require.True(t, failure.Permanent)
		require.Contains(t, failure.Reason, "2BP01")
		require.Equal(t, 1, b.count(t, `SELECT count(*) FROM pg_namespace WHERE nspname = $1`, tn.Schema))
		require.Zero(t, b.count(t, `SELECT count(*) FROM findings`))
		return failure
	}
	b.mustExec(t, `CREATE TABLE public.theirs (n integer)`)
	b.mustExec(t, `GRANT SELECT ON public.theirs TO `+ident(tn.Role))
	require.Contains(t, refused().Reason, "privileges for table theirs")
	for n := range 30 {
		b.mustExec(t, fmt.Sprintf(`CREATE VIEW public.another_one_%d AS SELECT 1`, n))
		b.mustExec(t, fmt.Sprintf(`GRANT SELECT ON public.another_one_%d TO %s`, n, ident(tn.Role)))
	}
	require.Less(t, len(refused().Reason), 600)

	_, err = b.superuser(t).Exec(b.ctx, `DROP OWNED BY `+ident(tn.Role)) // which takes what it has in its own schema as well
	require.NoError(t, err)
	require.NoError(t, b.schemas.Drop(b.ctx, undoing(f)))
	require.Zero(t, b.count(t, `SELECT count(*) FROM pg_roles WHERE rolname = $1`, tn.Role))
}

// TestSinceWhenARollbackIsBlocked: the first time counts, however often it is
// tried again.
func TestSinceWhenARollbackIsBlocked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.claim(t, "Blocked clinic")
	b.move(t, f, tenant.StateRunning, tenant.StateRollingBack)
	b.move(t, f, tenant.StateRollingBack, tenant.StateRollbackBlocked)
	b.mustExec(t, `UPDATE operations SET blocked_since = now() - interval '3 hours', updated_at = now() - interval '3 hours'`)
	before, err := b.operations.Find(b.ctx, f.Operation)
	require.NoError(t, err)
	b.move(t, f, tenant.StateRollbackBlocked, tenant.StateRollingBack)
	b.move(t, f, tenant.StateRollingBack, tenant.StateRollbackBlocked)
	after, err := b.operations.Find(b.ctx, f.Operation)
	require.NoError(t, err)
	require.True(t, after.UpdatedAt.After(before.UpdatedAt))
	require.Equal(t, before.WaitsSince(), after.WaitsSince())
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM operations_waiting w JOIN operations o USING (id) WHERE w.since = o.blocked_since`))
}
