package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/backup/bucket/buckettest"
	"tenant-provisioning/internal/postgres/postgrestest"
)

// TestRunbookOfTheWholeInstallation: fifty tenants in a bucket. One is restored while the
// others are written to; all are restored for practice; one whose backup was altered is
// refused by name. Then the database is dropped with everything in it, after a tenant was
// purged since the backup; by the page it comes back on an empty one, row by row, does
// nothing until it goes live, and then works as one that was never lost.
func TestRunbookOfTheWholeInstallation(t *testing.T) {
	t.Parallel()
	store := buckettest.Start(t)
	i := install(t, inBucket(t, store.URL()))
	api, worker := i.start()
	var tenants []tenant
	for n := range 4 {
		tenants = append(tenants, i.becomesActive(i.create(fmt.Sprintf("Hospital %d", n))))
	}
	login := value[string](i, `SELECT min(app_login) FROM tenants`)
	const more = 46
	others := i.inUse(more, login)
	for n, schema := range value[[]string](i, `SELECT array_agg(schema_name ORDER BY id) FROM tenants`) {
		i.records(schema, 100+n)
	}
	rows := i.contents()
	require.Len(t, rows, len(tenants)+more)
	suspended, purged := tenants[1], tenants[3]
	i.output("suspend", suspended.ID, "--reason", "ticket 7", "--wait")
	i.output("archive", purged.ID, "--reason", "ticket 8", "--wait")
	require.Zero(t, i.starter("backup", "--wait").wait())
	i.isRestoredBeside(tenants[0], rows, others)
	i.output("backup", "drill", "--sample", "1000", "--wait")
	require.Equal(t, len(rows), value[int](i, `SELECT count(*) FROM restore_drills WHERE held AND rows > 300`))
	i.refusesAltered(store, tenants[2])
	lost := i.becomesActive(i.create("Made after the backup"))
	i.output("purge", purged.ID, "--reason", "ticket 9", "--wait")
	delete(rows, purged.SchemaName)

	i.verifiesBeside(len(rows))
	worker.terminate()
	api.terminate()
	i.isEmptied()
	i.becomesAClone(store, tenants[2], rows)
	p := i.starter("restore", "--go-live")
	require.NotZero(t, p.wait())
	require.Contains(t, p.stderr.String(), "it never goes live")
	i.isEmptied()

	scripts := way(t, "restore-all.md", false)
	require.Len(t, scripts, 4, "look, restore, go live, over")
	i.goes(operation{}, scripts[:2])
	require.Equal(t, rows, i.contents())
	p = i.starter("provision", "--name", "Too early", "--admin-email", "ada@x.example", "--admin-first-name", "Ada", "--admin-last-name", "Lovelace")
	require.NotZero(t, p.wait())
	require.Contains(t, p.stderr.String(), "starter restore --go-live")
	require.Zero(t, value[int](i, `SELECT count(*) FROM tenants WHERE to_regnamespace(schema_name) IS NOT NULL AND has_schema_privilege(role_name, schema_name, 'USAGE')`))

	i.goes(operation{}, scripts[2:])
	i.start()
	require.Equal(t, "DELETED", value[string](i, `SELECT status FROM tenants WHERE id = '`+purged.ID+`'`))
	require.False(t, value[bool](i, `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = '`+purged.RoleName+`')`))
	i.requireAccess()
	require.Equal(t, len(rows)-1, value[int](i, `SELECT count(*) FROM tenants WHERE status = 'ACTIVE'`), "all but the one that is suspended")
	require.Zero(t, value[int](i, `SELECT count(*) FROM tenants WHERE id = '`+lost.ID+`'`))
	require.Contains(t, value[string](i, `SELECT detail FROM audit_log WHERE action = 'go-live'`), `"signedSince":[{`, "the ledger knows of the contract that is lost")
	i.output("resume", suspended.ID, "--reason", "ticket 10", "--wait")
	i.becomesActive(i.create("One more"))
}

// newestBackup is the id of a tenant's newest good one.
func (i *installation) newestBackup(x tenant) string {
	i.t.Helper()
	return value[string](i, `SELECT id::text FROM backups WHERE tenant_id = $1 AND state = 'GOOD' ORDER BY taken_at DESC LIMIT 1`, x.ID)
}

// isRestoredBeside restores one tenant while others are written to, one of whose tables
// somebody has locked, as one of its own is: neither waits for the other.
func (i *installation) isRestoredBeside(x tenant, rows map[string]contents, others []string) {
	t := i.t
	t.Helper()
	i.execute(`DELETE FROM ` + pgx.Identifier{x.SchemaName, "bills"}.Sanitize() + `; DROP TABLE ` + pgx.Identifier{x.SchemaName, "notes"}.Sanitize())
	for _, schema := range []string{x.SchemaName, others[0]} {
		defer i.locks(schema, "visits")()
	}
	var writes strings.Builder
	for _, schema := range others[1:] {
		writes.WriteString(`INSERT INTO ` + pgx.Identifier{schema, "audit_logs"}.Sanitize() + ` (action) VALUES ('written meanwhile');`)
	}
	p := i.starter("restore", x.ID, "--backup", i.newestBackup(x), "--reason", "ticket 11", "--wait")
	written := 0
	for ; p.Running() || written == 0; written++ {
		i.execute(writes.String())
	}
	require.Zero(t, p.wait(), "%s%s", p.stdout.String(), p.stderr.String())
	require.Equal(t, rows[x.SchemaName], i.contentsOf(x.SchemaName))
	for _, schema := range others[1:] {
		require.Equal(t, written, value[int](i, `SELECT count(*) FROM `+pgx.Identifier{schema, "audit_logs"}.Sanitize()+` WHERE action = 'written meanwhile'`))
	}
}

// locks has somebody hold a table, until release.
func (i *installation) locks(schema, table string) (release func()) {
	t := i.t
	t.Helper()
	tx, err := i.db.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `SET LOCAL idle_in_transaction_session_timeout = 0`) // it is held for as long as a test takes
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `LOCK TABLE `+pgx.Identifier{schema, table}.Sanitize()+` IN ACCESS EXCLUSIVE MODE`)
	require.NoError(t, err)
	return func() { require.NoError(t, tx.Rollback(t.Context())) }
}

// altered flips a bit in the middle of a tenant's newest backup, until undo.
func (i *installation) altered(store *buckettest.Server, x tenant, id string) (undo func()) {
	return store.Change("first/tenants/"+x.ID+"/"+id+"/archive", func(whole []byte) []byte {
		whole[len(whole)/2] ^= 1
		return whole
	})
}

// refusesAltered: a backup that was altered is refused by name, and changes nothing; when
// it is as it was, it counts again.
func (i *installation) refusesAltered(store *buckettest.Server, x tenant) {
	t := i.t
	t.Helper()
	before, id := i.contentsOf(x.SchemaName), i.newestBackup(x)
	undo := i.altered(store, x, id)
	p := i.starter("restore", x.ID, "--backup", id, "--reason", "ticket 12", "--wait")
	require.NotZero(t, p.wait())
	require.Contains(t, p.stdout.String()+p.stderr.String(), "the backup was altered")
	require.Equal(t, before, i.contentsOf(x.SchemaName))
	require.Equal(t, []string{id}, value[[]string](i, `SELECT array_agg(id::text) FROM backups WHERE state = 'BROKEN'`))
	undo()
	i.output("backup", "verify", id)
	require.Equal(t, id, i.newestBackup(x))
}

// becomesAClone restores everything as a clone: killed in the middle, and with one backup
// that was altered, it is made by the same command when that is as it was.
func (i *installation) becomesAClone(store *buckettest.Server, x tenant, rows map[string]contents) {
	t := i.t
	t.Helper()
	clone := []string{"restore", "--all", "--as-clone", "--yes"}
	p := i.starter(clone...)
	eventually(t, "it is in the middle", func() bool {
		return value[int](i, `SELECT count(*) FROM pg_namespace WHERE nspname !~ '^(pg_|public$|information_schema$)'`) >= len(rows)/3
	})
	p.kill()
	var id string
	for _, key := range store.Objects() {
		if parts := strings.Split(key, "/"); strings.HasSuffix(key, "/archive") && parts[2] == x.ID {
			id = parts[3]
		}
	}
	i.execute(`DROP SCHEMA IF EXISTS ` + pgx.Identifier{x.SchemaName}.Sanitize() + ` CASCADE`) // should it be there already
	undo := i.altered(store, x, id)
	p = i.starter(clone...)
	require.Equal(t, 3, p.wait(), "%s%s", p.stdout.String(), p.stderr.String())
	require.Contains(t, p.stdout.String(), x.ID)
	require.Contains(t, p.stdout.String(), "the backup was altered")
	all := i.contents()
	require.NotContains(t, all, x.SchemaName)
	require.Len(t, all, len(rows)-1)
	undo()
	i.output(clone...)
	require.Equal(t, rows, i.contents())
	i.requireAccess()
}

// isEmptied loses the database, and has an empty one.
func (i *installation) isEmptied() {
	i.t.Helper()
	name := pgx.Identifier{i.config.Database}.Sanitize()
	postgrestest.Execute(i.t, postgrestest.Superuser(i.t), `DROP DATABASE `+name+` WITH (FORCE)`,
		`CREATE DATABASE `+name+` OWNER `+pgx.Identifier{i.config.User}.Sanitize())
	i.db.Reset()
}

// verifiesBeside restores everything to another database of the same server, which
// touches no role of the tenants.
func (i *installation) verifiesBeside(tenants int) {
	t := i.t
	t.Helper()
	name := i.config.Database + "_verify"
	quoted := pgx.Identifier{name}.Sanitize()
	superuser := postgrestest.Superuser(t)
	postgrestest.Execute(t, superuser, `CREATE DATABASE `+quoted+` OWNER `+pgx.Identifier{i.config.User}.Sanitize())
	t.Cleanup(func() { postgrestest.Execute(t, superuser, `DROP DATABASE IF EXISTS `+quoted+` WITH (FORCE)`) })
	rights := func() string {
		return value[string](i, `SELECT string_agg(r::text, ' ' ORDER BY r.oid) FROM pg_roles r WHERE r.rolname IN (SELECT role_name FROM tenants)`)
	}
	before := rights()
	out := i.output("restore", "--all", "--into", name, "--verify-only", "--yes")
	require.Contains(t, out, fmt.Sprint(tenants))
	require.Equal(t, before, rights())
	verified := *i
	verified.config.Database = name
	db, err := postgrestest.Open(verified.config)
	require.NoError(t, err)
	defer db.Close()
	verified.db = db
	require.Equal(t, "clone", value[string](&verified, `SELECT not_live FROM installation`))
	require.Equal(t, tenants, value[int](&verified, `SELECT count(*) FROM tenants WHERE to_regnamespace(schema_name) IS NOT NULL`))
}
