package e2e

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres/postgrestest"
)

// TestRunbookOfTheWholeInstallation: the database is dropped with everything in it, after a
// tenant was purged since the backup; by the page it comes back on an empty one, row by
// row, does nothing until it goes live, and then works as one that was never lost.
func TestRunbookOfTheWholeInstallation(t *testing.T) {
	t.Parallel()
	i := install(t, backedUp(t, "file://"+t.TempDir()))
	api, worker := i.start()
	var tenants []tenant
	rows := map[string]string{}
	for n := range 4 {
		x := i.becomesActive(i.create(fmt.Sprintf("Hospital %d", n)))
		i.notes(x.SchemaName, 100+n)
		rows[x.SchemaName] = i.rowsOf(x.SchemaName)
		tenants = append(tenants, x)
	}
	suspended, purged := tenants[1], tenants[3]
	i.output("suspend", suspended.ID, "--reason", "ticket 7", "--wait")
	i.output("archive", purged.ID, "--reason", "ticket 8", "--wait")
	require.Zero(t, i.starter("backup", "--wait").wait())
	lost := i.becomesActive(i.create("Made after the backup"))
	i.output("purge", purged.ID, "--reason", "ticket 9", "--wait")
	delete(rows, purged.SchemaName)

	i.verifiesBeside(len(rows))
	worker.terminate()
	api.terminate()
	i.isEmptied()
	i.output("restore", "--all", "--as-clone", "--yes")
	for schema, want := range rows {
		require.Equal(t, want, i.rowsOf(schema))
	}
	require.Equal(t, 2, value[int](i, `SELECT count(*) FROM tenants WHERE status = 'ACTIVE' AND has_schema_privilege(role_name, schema_name, 'USAGE')`), "a clone is used")
	p := i.starter("restore", "--go-live")
	require.NotZero(t, p.wait())
	require.Contains(t, p.stderr.String(), "it never goes live")
	i.isEmptied()

	scripts := way(t, "restore-all.md", false)
	require.Len(t, scripts, 4, "look, restore, go live, over")
	i.goes(operation{}, scripts[:2])
	for schema, want := range rows {
		require.Equal(t, want, i.rowsOf(schema))
	}
	p = i.starter("provision", "--name", "Too early", "--admin-email", "ada@x.example", "--admin-first-name", "Ada", "--admin-last-name", "Lovelace")
	require.NotZero(t, p.wait())
	require.Contains(t, p.stderr.String(), "starter restore --go-live")
	require.Zero(t, value[int](i, `SELECT count(*) FROM tenants WHERE to_regnamespace(schema_name) IS NOT NULL AND has_schema_privilege(role_name, schema_name, 'USAGE')`))

	i.goes(operation{}, scripts[2:])
	i.start()
	require.Equal(t, "DELETED", value[string](i, `SELECT status FROM tenants WHERE id = '`+purged.ID+`'`))
	require.False(t, value[bool](i, `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = '`+purged.RoleName+`')`))
	require.Equal(t, 2, value[int](i, `SELECT count(*) FROM tenants WHERE status = 'ACTIVE' AND has_schema_privilege(role_name, schema_name, 'USAGE')`))
	require.False(t, value[bool](i, `SELECT has_schema_privilege('`+suspended.RoleName+`', '`+suspended.SchemaName+`', 'USAGE')`))
	require.Zero(t, value[int](i, `SELECT count(*) FROM tenants WHERE id = '`+lost.ID+`'`))
	require.Contains(t, value[string](i, `SELECT detail FROM audit_log WHERE action = 'go-live'`), `"signedSince":[{`, "the ledger knows of the contract that is lost")
	i.output("resume", suspended.ID, "--reason", "ticket 10", "--wait")
	i.becomesActive(i.create("One more"))
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
