package postgres_test

import (
	"fmt"
	"os"
	"testing"

	"filippo.io/age"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/tenant"
)

// emptied is the bundle after the loss of its database: another one of its name, without
// tables.
func (b backupBundle) emptied(t *testing.T) backupBundle {
	t.Helper()
	b.pool.Close()
	name := pgx.Identifier{b.config.Database}.Sanitize()
	postgrestest.Execute(t, postgrestest.Superuser(t), `DROP DATABASE `+name+` WITH (FORCE)`,
		`CREATE DATABASE `+name+` OWNER `+pgx.Identifier{b.config.User}.Sanitize())
	b.testBundle = open(t, b.config)
	b.backups = postgres.NewBackups(b.pool, b.schemas)
	return b
}

func (b backupBundle) rebuilder() (*backup.Rebuilder, *postgres.Rebuild) {
	db := postgres.NewRebuild(b.pool, b.schemas)
	return &backup.Rebuilder{Store: b.store, Database: db, Operator: []age.Identity{b.operator}, Roles: true}, db
}

func quietly(int, int) {}

// rows are all of a table, in order.
func (b backupBundle) whole(t *testing.T, table, order string) (all string) {
	t.Helper()
	require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT coalesce(string_agg(x::text, E'\n' ORDER BY x.`+order+`), '') FROM `+table+` x`).Scan(&all))
	return all
}

// TestAWholeInstallationComesBack on a database that has nothing, as it was, and does
// nothing until it goes live; the tenant that was purged after the backup does not.
func TestAWholeInstallationComesBack(t *testing.T) {
	t.Parallel()
	b := setupBackups(t)
	m := b.maker()
	var fences []tenant.Fence
	before := map[string]string{}
	tables := map[string]string{"operations": "id", "provisioning_logs": "id", "tenant_schema_versions": "schema_name", "audit_log": "id", "idempotency_keys": "key_hash"}
	for i := range 3 {
		f, schema := b.active(t, fmt.Sprintf("Clinic %d", i))
		b.exec(t, fmt.Sprintf(`INSERT INTO %s.users (id, email, first_name, last_name, role) SELECT gen_random_uuid(), n || '@x.example', 'Grüße', 'Doe', 'user' FROM generate_series(1, 50) n`, pgx.Identifier{schema}.Sanitize()))
		_, err := m.Tenant(b.ctx, tenant.FleetFence{Tenant: f.Tenant})
		require.NoError(t, err)
		fences = append(fences, f)
		tables[pgx.Identifier{schema}.Sanitize()+".users"] = "id"
	}
	purged := fences[2]
	unbacked, _ := b.active(t, "Never backed up")
	b.exec(t, `INSERT INTO emails (id, tenant_id, operation_id, template, state) SELECT gen_random_uuid(), tenant_id, id, 'welcome', 'PENDING' FROM operations;
		INSERT INTO invitations (tenant_id, token_hash, user_id, expires_at) SELECT id, uuid_send(id), id, now() + interval '1 day' FROM tenants`)
	control, err := m.Control(b.ctx)
	require.NoError(t, err)
	require.NoError(t, m.Destroy(b.ctx, purged))
	found, err := b.tenants.Find(b.ctx, purged.Tenant)
	require.NoError(t, err)
	delete(tables, pgx.Identifier{found.Schema}.Sanitize()+".users")
	delete(tables, "operations") // what the purge noted since
	for table, order := range tables {
		before[table] = b.whole(t, table, order)
	}

	b = b.emptied(t)
	r, db := b.rebuilder()
	out, err := r.Restore(b.ctx, quietly)
	require.NoError(t, err)
	require.Equal(t, control.ID, out.Control.ID)
	require.Len(t, out.Restored, 2)
	require.Equal(t, []tenant.ID{purged.Tenant}, out.Purged)
	require.Len(t, out.Failed, 1)
	require.Contains(t, out.Failed, unbacked.Tenant)
	for table, order := range tables {
		require.Equal(t, before[table], b.whole(t, table, order), table)
	}
	require.ErrorIs(t, b.health.Ready(b.ctx), tenant.ErrNotLive)
	again, err := r.Restore(b.ctx, quietly)
	require.NoError(t, err, "a repetition goes on, and finds nothing to do but what failed")
	require.Empty(t, again.Restored)
	requireAccess := func(want bool) {
		t.Helper()
		require.Equal(t, want, b.count(t, `SELECT count(*) FROM tenants t WHERE id = $1 AND has_schema_privilege(role_name, schema_name, 'USAGE')`, string(fences[0].Tenant)) == 1)
	}
	requireAccess(false)

	for range 2 { // the second time there is nothing to do
		_, err = r.Bury(b.ctx, out.Control.Installation)
		require.NoError(t, err)
		settled, err := db.Settle(b.ctx)
		require.NoError(t, err)
		_ = settled
	}
	require.Zero(t, b.count(t, `SELECT count(*) FROM emails WHERE state <> 'UNKNOWN'`))
	require.Zero(t, b.count(t, `SELECT count(*) FROM invitations WHERE used_at IS NULL AND expires_at > now()`))
	require.NoError(t, db.GoLive(b.ctx, tenant.Caller{Actor: "ada"}, out))
	require.NoError(t, db.GoLive(b.ctx, tenant.Caller{Actor: "ada"}, out), "a repetition")
	require.NoError(t, b.health.Ready(b.ctx))
	requireAccess(true)
	gone, err := b.tenants.Find(b.ctx, purged.Tenant)
	require.NoError(t, err)
	require.Equal(t, tenant.StatusDeleted, gone.Status)
	require.Empty(t, gone.Administrator.Email)
	require.Zero(t, b.count(t, `SELECT count(*) FROM pg_roles WHERE rolname = $1`, found.Role))

	// It goes on as an installation does.
	next, _ := b.active(t, "One more")
	for _, id := range []tenant.ID{next.Tenant, fences[0].Tenant} {
		_, err = b.maker().Tenant(b.ctx, tenant.FleetFence{Tenant: id})
		require.NoError(t, err, "with the key that the store has")
	}
	n, err := b.maker().Sweep(b.ctx)
	require.NoError(t, err)
	require.Zero(t, n, "no backup is taken for one that came to nothing")

	r, _ = b.rebuilder()
	_, err = r.Restore(b.ctx, quietly)
	require.ErrorIs(t, err, backup.ErrNotEmpty)
}

// TestAnAlteredBackupOfTheControlTablesLeavesTheDatabaseEmpty.
func TestAnAlteredBackupOfTheControlTablesLeavesTheDatabaseEmpty(t *testing.T) {
	t.Parallel()
	b := setupBackups(t)
	b.active(t, "Clinic")
	control, err := b.maker().Control(b.ctx)
	require.NoError(t, err)
	b = b.emptied(t)
	path := b.dir + "/control/" + string(control.ID) + "/archive"
	archive, err := os.ReadFile(path)
	require.NoError(t, err)
	archive[len(archive)/2] ^= 1
	require.NoError(t, os.WriteFile(path, archive, 0o600))
	r, _ := b.rebuilder()
	_, err = r.Restore(b.ctx, quietly)
	require.ErrorIs(t, err, backup.ErrAltered)
	require.Zero(t, b.count(t, `SELECT count(*) FROM tenants`))

	archive[len(archive)/2] ^= 1
	require.NoError(t, os.WriteFile(path, archive, 0o600))
	out, err := r.Restore(b.ctx, quietly)
	require.NoError(t, err)
	require.Len(t, out.Failed, 1, "it was never backed up")
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM tenants`))
}
