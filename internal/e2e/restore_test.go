package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/backup"
)

// rowsOf are a tenant's notes, in one text.
func (i *installation) rowsOf(schema string) string {
	i.t.Helper()
	return value[string](i, `SELECT count(*) || ' ' || coalesce(md5(string_agg(n::text, ',' ORDER BY id)), '') FROM `+pgx.Identifier{schema, "notes"}.Sanitize()+` n`)
}

// TestRunbookOfARestore: a tenant whose data was spoiled gets that of the backup by the
// page, while another is written to; then its schema is gone altogether; then the newest
// backup was altered, and is refused without a change.
func TestRunbookOfARestore(t *testing.T) {
	t.Parallel()
	store := t.TempDir()
	i := install(t, backedUp(t, "file://"+store))
	i.start()
	spoiled, other := i.becomesActive(i.create("Charité")), i.becomesActive(i.create("Necker"))
	i.notes(spoiled.SchemaName, 2000)
	i.notes(other.SchemaName, 10)
	before := i.rowsOf(spoiled.SchemaName)
	require.Zero(t, i.starter("backup", "--wait").wait())
	scripts := way(t, "restore-one.md", false)
	notes := pgx.Identifier{spoiled.SchemaName, "notes"}.Sanitize()
	restores := func() {
		t.Helper()
		i.goes(operation{TenantID: spoiled.ID}, scripts)
		require.Equal(t, before, i.rowsOf(spoiled.SchemaName))
		require.True(t, value[bool](i, `SELECT has_schema_privilege(role_name, schema_name, 'USAGE') FROM tenants WHERE id = '`+spoiled.ID+`'`))
		require.Zero(t, value[int](i, `SELECT count(*) FROM restore_schemas r JOIN tenants t ON t.id = r.tenant_id WHERE has_schema_privilege(t.role_name, r.schema_name, 'USAGE')`))
	}

	i.execute(`DELETE FROM ` + notes + ` WHERE id % 2 = 0; UPDATE ` + notes + ` SET text = 'spoiled'`)
	was := i.rowsOf(spoiled.SchemaName)
	i.execute(`INSERT INTO ` + pgx.Identifier{other.SchemaName, "notes"}.Sanitize() + ` VALUES (100, 'written since')`)
	restores()
	require.Equal(t, was, i.rowsOf(value[string](i, `SELECT schema_name FROM restore_schemas WHERE purpose = 'kept'`)), "what was there before is kept")
	require.Equal(t, 11, value[int](i, `SELECT count(*) FROM `+pgx.Identifier{other.SchemaName, "notes"}.Sanitize()))

	i.execute(`DROP SCHEMA ` + pgx.Identifier{spoiled.SchemaName}.Sanitize() + ` CASCADE`)
	restores()

	var newest backupRow
	for _, b := range i.backups(backup.Good) {
		if b.Tenant == spoiled.ID {
			newest = b
		}
	}
	archive := filepath.Join(store, "tenants", spoiled.ID, newest.ID, "archive")
	whole, err := os.ReadFile(archive)
	require.NoError(t, err)
	whole[len(whole)/2] ^= 1
	require.NoError(t, os.WriteFile(archive, whole, 0o600))
	i.execute(`DELETE FROM ` + notes + ` WHERE id > 7`)
	p := i.starter("restore", spoiled.ID, "--backup", newest.ID, "--reason", "ticket 4711", "--wait")
	require.NotZero(t, p.wait())
	require.Contains(t, p.stdout.String()+p.stderr.String(), "the backup was altered")
	require.Equal(t, 7, value[int](i, `SELECT count(*) FROM `+notes), "nothing was changed")
	require.Empty(t, i.backups(backup.Good)[0].Tenant, "only that of the control tables and of the other tenant are good")
	require.Len(t, i.backups(backup.Broken), 1)
	p = i.starter("restore", spoiled.ID, "--backup", newest.ID, "--reason", "ticket 4711")
	require.NotZero(t, p.wait())
	require.Contains(t, p.stderr.String(), "only a GOOD one can be restored")
}

// TestRunbookOfADrill: the weekly drill tries the backups of a sample, and leaves nothing;
// one that was altered is found, named, and mended by the page. When the operator's key is
// replaced, by the page too, the new one alone opens them all.
func TestRunbookOfADrill(t *testing.T) {
	t.Parallel()
	store := t.TempDir()
	i := install(t, backedUp(t, "file://"+store))
	_, worker := i.start()
	sound, altered := i.becomesActive(i.create("Charité")), i.becomesActive(i.create("Necker"))
	for _, x := range []tenant{sound, altered} {
		i.notes(x.SchemaName, 500)
	}
	require.Zero(t, i.starter("backup", "--wait").wait())
	require.Zero(t, i.starter("backup", "drill", "--wait").wait())
	require.Equal(t, 2, value[int](i, `SELECT count(*) FROM restore_drills WHERE held AND rows > 500 AND duration_ms > 0`))
	require.Zero(t, value[int](i, `SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'tp_drill%'`))
	require.Contains(t, i.metrics(), "\nrestore_drills_failed 0\n")

	id := value[string](i, `SELECT id::text FROM backups WHERE tenant_id = '`+altered.ID+`'`)
	archive := filepath.Join(store, "tenants", altered.ID, id, "archive")
	whole, err := os.ReadFile(archive)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(archive, whole[:len(whole)-1], 0o600))
	p := i.starter("backup", "drill", "--wait")
	require.Equal(t, 3, p.wait())
	require.Contains(t, p.stdout.String(), altered.ID)
	require.Contains(t, p.stdout.String(), "the backup is truncated")
	failed := func() bool {
		return slices.ContainsFunc(i.reconciles(), func(f finding) bool { return f.Kind == "drill-failed" })
	}
	require.True(t, failed())
	i.goes(operation{}, way(t, "drill-failed.md", false))
	require.False(t, failed())

	before := i.env["BACKUP_IDENTITY"]
	after, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	i.env["BACKUP_RECIPIENTS"], i.env["BACKUP_IDENTITY"] = after.Recipient().String(), before+","+after.String()
	i.goes(operation{}, slices.DeleteFunc(way(t, "rotate-keys.md", false), func(script string) bool { return !strings.Contains(script, "rewrap") }))
	require.Equal(t, "ticket 4711", value[string](i, `SELECT reason FROM audit_log WHERE action = 'backup-rewrap'`))
	drills := func(identity string) int {
		t.Helper()
		i.env["BACKUP_IDENTITY"] = identity
		worker.kill()
		worker = i.startWorker()
		return i.starter("backup", "drill", "--wait").wait()
	}
	broken := len(i.backups(backup.Broken))
	require.Equal(t, 3, drills(before))
	require.Len(t, i.backups(backup.Broken), broken, "a wrong key says nothing of a backup")
	require.Zero(t, drills(after.String()))
}
