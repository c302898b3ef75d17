package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/tenant"
)

// setupWithConfig is setup, with what copies the database.
func setupWithConfig(t *testing.T) (testBundle, postgres.Config) {
	t.Helper()
	pool, c := postgrestest.NewWithConfig(t)
	pool.Close()
	return open(t, c), c
}

// open connects to a database.
func open(t *testing.T, c postgres.Config) testBundle {
	t.Helper()
	pool, err := postgrestest.Open(c)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return on(t, pool)
}

// TestARollbackLeavesTheRoleThatACopyHolds: what is in another database blocks
// nothing, and is named until it is gone.
func TestARollbackLeavesTheRoleThatACopyHolds(t *testing.T) {
	t.Parallel()
	b, c := setupWithConfig(t)
	f := b.claim(t, "Copied clinic")
	require.NoError(t, b.schemas.Create(b.ctx, f))
	b.move(t, f, tenant.StateRunning, tenant.StateRollingBack)
	row, err := b.tenants.Find(b.ctx, f.Tenant)
	require.NoError(t, err)
	staging := postgrestest.Copy(t, c)
	b = open(t, c)

	require.NoError(t, b.schemas.Drop(b.ctx, undoing(f)))
	require.NoError(t, b.schemas.Drop(b.ctx, undoing(f)), "a repetition changes nothing")
	require.Zero(t, b.count(t, `SELECT count(*) FROM pg_namespace WHERE nspname = $1`, row.Schema))
	require.Zero(t, b.count(t, `SELECT count(*) FROM tenant_schema_versions`))
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM pg_roles WHERE rolname = $1`, row.Role))
	told, err := b.findings.Open(b.ctx)
	require.NoError(t, err)
	require.Len(t, told, 1)
	require.Equal(t, tenant.FindingFailedWithRole, told[0].Kind)
	require.Contains(t, told[0].Detail, "the database "+staging.Database)
	b.move(t, f, tenant.StateRollingBack, tenant.StateRolledBack)

	open := b.look(t)
	require.Len(t, open, 1)
	require.Equal(t, told[0].ID, open[0].ID, "it is the one that the reconciler makes of it")
	require.Contains(t, open[0].Detail, "the database "+staging.Database)
	require.False(t, open[0].Safe)
	_, err = b.repairs.DropLeftoverRole(b.ctx, row.Role)
	var refused *tenant.StepError
	require.ErrorAs(t, err, &refused)
	require.Contains(t, refused.Reason, staging.Database)

	postgrestest.Drop(t, staging)
	require.True(t, b.look(t)[0].Safe)
	dropped, err := b.repairs.DropLeftoverRole(b.ctx, row.Role)
	require.NoError(t, err)
	require.True(t, dropped)
	require.Empty(t, b.look(t))
}

// TestACopyTouchesNoRole of the original's, before or after it has become an
// installation of its own.
func TestACopyTouchesNoRole(t *testing.T) {
	t.Parallel()
	b, c := setupWithConfig(t)
	undone := b.claim(t, "Undone in the copy")
	require.NoError(t, b.schemas.Create(b.ctx, undone))
	b.move(t, undone, tenant.StateRunning, tenant.StateRollingBack)
	waiting := b.claim(t, "Waits in the copy")
	_, failed := b.provision(t, "Left in the original", tenant.StateRolledBack)
	row, err := b.tenants.Find(b.ctx, undone.Tenant)
	require.NoError(t, err)
	staging := postgrestest.Copy(t, c)
	original, copied := open(t, c), open(t, staging)
	copied.mustExec(t, `DROP SCHEMA `+ident(failed.Schema)+` CASCADE`)
	before := original.rolesAndMembers(t)

	require.NoError(t, original.health.Ping(b.ctx))
	err = copied.health.Ping(b.ctx)
	require.ErrorIs(t, err, tenant.ErrCopy)
	require.ErrorContains(t, err, "is a copy of the database "+c.Database)
	for name, act := range map[string]func() error{
		"a new tenant":        func() error { return copied.schemas.Create(b.ctx, waiting) },
		"a rollback":          func() error { return copied.schemas.Drop(b.ctx, undoing(undone)) },
		"a role that is left": func() error { _, err := copied.repairs.DropLeftoverRole(b.ctx, failed.Role); return err },
		"a look for roles": func() error {
			_, _, err := copied.comparer.Compare(b.ctx, tenant.FindingRoleWithoutTenant, 0)
			return err
		},
	} {
		err := act()
		require.ErrorIs(t, err, tenant.ErrCopy, name)
		var refused *tenant.StepError
		require.ErrorAs(t, err, &refused, name)
		require.Contains(t, refused.Reason, "is a copy of the database "+c.Database, name)
		require.True(t, refused.Permanent, name)
	}

	copied.mustExec(t, `UPDATE installation SET id = gen_random_uuid()`)
	require.NoError(t, copied.health.Ping(b.ctx))
	require.NoError(t, copied.schemas.Drop(b.ctx, undoing(undone)), "its own schema goes")
	require.Zero(t, copied.count(t, `SELECT count(*) FROM pg_namespace WHERE nspname = $1`, row.Schema))
	var refused *tenant.StepError
	require.ErrorAs(t, copied.schemas.Create(b.ctx, waiting), &refused, "its login would be the original's")
	require.Equal(t, tenant.ClassConflict, refused.Class)
	dropped, err := copied.repairs.DropLeftoverRole(b.ctx, failed.Role)
	require.NoError(t, err)
	require.False(t, dropped)
	require.Equal(t, before, original.rolesAndMembers(t))
	fresh, err := copied.transitions.Claim(b.ctx, fence(copied.accept(t, "New in the copy")))
	require.NoError(t, err)
	require.True(t, fresh.Claimed)
}

// rolesAndMembers are the roles of the installation, and who is a member.
func (b testBundle) rolesAndMembers(t *testing.T) string {
	t.Helper()
	var all string
	require.NoError(t, b.pool.QueryRow(b.ctx, `
		SELECT string_agg(r.rolname || ' ' || r.oid || coalesce(' of ' || m.member, ''), ', ' ORDER BY r.rolname, m.member)
		FROM pg_roles r LEFT JOIN pg_auth_members m ON m.roleid = r.oid
		WHERE starts_with(shobj_description(r.oid, 'pg_authid'), role_mark(''))`).Scan(&all))
	return all
}

// TestWhatIsNoCopy: a database that was renamed, or has taken the place of the
// original, is the installation.
func TestWhatIsNoCopy(t *testing.T) {
	t.Parallel()
	b, c := setupWithConfig(t)
	b.provision(t, "At home", tenant.StateSucceeded)
	restored := postgrestest.Copy(t, c)
	server := open(t, postgrestest.Superuser(t))
	rename := func(from, to string) {
		t.Helper()
		server.mustExec(t, `ALTER DATABASE `+from+` RENAME TO `+to)
	}
	at := func(c postgres.Config) error {
		b := open(t, c)
		defer b.pool.Close()
		defer b.schemas.Close()
		return b.health.Ping(t.Context())
	}
	require.ErrorIs(t, at(restored), tenant.ErrCopy)

	old := c
	old.Database += "_old"
	b.pool.Close()
	b.schemas.Close()
	rename(c.Database, old.Database)
	t.Cleanup(func() { postgrestest.Drop(t, old) })
	require.NoError(t, at(old), "it was renamed")
	require.ErrorIs(t, at(restored), tenant.ErrCopy, "also of a database that was renamed")
	rename(restored.Database, c.Database)
	require.NoError(t, at(c), "what bears the name now is the installation")
	require.ErrorContains(t, at(old), "is a copy of the database "+c.Database)
	rename(c.Database, restored.Database)
	postgrestest.Drop(t, old)
	require.NoError(t, at(restored), "the original is gone")
}

// TestACopyOnAnotherServer is at home there, whatever its name and number were.
func TestACopyOnAnotherServer(t *testing.T) {
	t.Parallel()
	b, _ := setupWithConfig(t)
	b.mustExec(t, `UPDATE installation SET database_name = 'postgres', server = server - 1`)
	require.NoError(t, b.health.Ping(b.ctx))
	_, _, err := postgres.Migrate(b.ctx, b.pool)
	require.NoError(t, err)
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM installation i, pg_database d
		WHERE d.datname = current_database() AND i.database_name = d.datname AND i.database_oid = d.oid AND i.server = server_number()`))
}
