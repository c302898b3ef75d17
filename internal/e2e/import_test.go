package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	tenantcontract "tenant-provisioning/contracts/tenant"
	"tenant-provisioning/internal/postgres/postgrestest"
)

// imported is what starter import says.
type imported struct {
	Rows []struct {
		Name, SchemaName, State, TenantID, OperationID, ContractID string
		Changes, Why                                               []string
	}
}

// imports runs starter import, which ends with this exit code.
func (i *installation) imports(code int, args ...string) (report imported) {
	i.t.Helper()
	p := i.answered(append([]string{"import", "--from", "legacy", "--output", "json"}, args...)...)
	require.Equal(i.t, code, p.wait(), "%s%s", p.stdout.String(), p.stderr.String())
	require.NoError(i.t, json.Unmarshal([]byte(p.stdout.String()), &report))
	return report
}

func (r imported) states() map[string]string {
	states := map[string]string{}
	for _, row := range r.Rows {
		states[row.Name] = row.State
	}
	return states
}

// patients has all rows of the tables that are no concern of ours.
func (i *installation) patients(schema string) string {
	i.t.Helper()
	return value[string](i, `SELECT md5(string_agg(p::text, ',' ORDER BY id)) FROM `+pgx.Identifier{schema, "patients"}.Sanitize()+` p`)
}

// TestTenantsOfTheReplacedApplicationAreImported: three of five can be, and are, though
// the command and the worker are killed at it; then the fourth is corrected. It runs the
// commands of the operations guide.
func TestTenantsOfTheReplacedApplicationAreImported(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	_, section, _ := strings.Cut(text(t, filepath.Join("..", "..", "docs", "OPERATIONS.md")), "\n## Import\n")
	section, _, _ = strings.Cut(section, "\n## ")
	commands := fence.FindAllStringSubmatch(section, -1)
	require.Len(t, commands, 2)

	require.NoError(t, postgrestest.Legacy(t.Context(), i.db, "legacy"))
	before := map[string]string{}
	for _, name := range []string{"charite", "st_mary", "lakeside", "odd"} {
		schema, run := "tenant_"+name, uuid.NewString()[:8]
		_, err := postgrestest.LegacyTenant(t.Context(), i.db, "legacy", "Hospital "+name, schema, "ada."+run+"@hospital.example")
		require.NoError(t, err)
		before[schema] = i.patients(schema)
	}
	_, err := postgrestest.LegacyRow(t.Context(), i.db, "legacy", "Hospital gone", "tenant_gone", "ada@gone.example")
	require.NoError(t, err)
	i.execute(`ALTER TABLE tenant_odd.users ALTER COLUMN email TYPE varchar(255)`)

	dry := i.shell(commands[0][2], nil)
	require.Equal(t, 3, dry.wait(), "%s%s", dry.stdout.String(), dry.stderr.String())
	require.Contains(t, dry.stdout.String(), "users.email is character varying(255), and the template's is text")
	require.Contains(t, dry.stdout.String(), "the schema tenant_gone is not there")
	require.Contains(t, dry.stdout.String(), "5 rows: ")
	require.Contains(t, dry.stdout.String(), "Nothing was changed.")
	require.Zero(t, value[int](i, `SELECT count(*) FROM tenants`))

	killed := i.starter("import", "--from", "legacy", "--concurrency", "2")
	eventually(t, "two rows are accepted, and nobody takes them", func() bool { return value[int](i, `SELECT count(*) FROM tenants`) == 2 })
	killed.kill()
	i.startAPI()
	held := i.holdRow("provisioning_logs", "NEW.step = 'SEED_ROLES_AND_USER'")
	worker := i.startWorker()
	held.await()
	worker.kill()
	held.release()
	i.startWorker()

	whole := i.shell(commands[1][2], nil)
	require.Equal(t, 3, whole.wait(), "%s%s", whole.stdout.String(), whole.stderr.String())
	want := map[string]string{"Hospital charite": "IMPORTED", "Hospital st_mary": "IMPORTED", "Hospital lakeside": "IMPORTED", "Hospital odd": "REFUSED", "Hospital gone": "REFUSED"}
	report := i.imports(3)
	require.Equal(t, want, report.states(), "and a repetition does nothing")
	for _, row := range report.Rows {
		if row.State != "IMPORTED" {
			continue
		}
		tenant := i.becomesActive(operation{ID: value[string](i, `SELECT id::text FROM operations WHERE tenant_id = $1`, row.TenantID), TenantID: row.TenantID})
		require.Equal(t, row.SchemaName, tenant.SchemaName)
		require.Equal(t, row.ContractID, tenant.ContractID)
		require.Equal(t, before[row.SchemaName], i.patients(row.SchemaName), "every old row is there")
		require.Zero(t, value[int](i, fmt.Sprintf(`SELECT count(*) FROM %q.users WHERE password_hash = $1`, row.SchemaName), postgrestest.SharedPassword))
		i.setsFirstPassword(tenant)
		require.Equal(t, 1000, value[int](i, fmt.Sprintf(`SELECT count(*) FROM %[1]q.patients p JOIN %[1]q.users u ON u.id = p.seen_by WHERE u.password_hash LIKE '$argon2id$%%'`, row.SchemaName)),
			"the administrator is who they were")
	}
	require.Equal(t, 3, value[int](i, `SELECT count(*) FROM tenants`))
	require.Equal(t, before["tenant_odd"], i.patients("tenant_odd"))
	require.Empty(t, i.reconciles())

	i.execute(`ALTER TABLE tenant_odd.users ALTER COLUMN email TYPE text; UPDATE legacy.tenants SET status = 'DELETED' WHERE name = 'Hospital gone'`)
	want["Hospital odd"], want["Hospital gone"] = "ACTIVE", "LEFT"
	require.Equal(t, want, i.imports(0).states())
	i.requireNoMore()
}

// TestAnImportIsRolledBack: its activation is refused, its contract terminated, and the
// schema is as it was until the import is tried again.
func TestAnImportIsRolledBack(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.start()
	require.NoError(t, postgrestest.Legacy(t.Context(), i.db, "legacy"))
	_, err := postgrestest.LegacyTenant(t.Context(), i.db, "legacy", "Charité", "tenant_charite", "ada."+uuid.NewString()[:8]+"@hospital.example")
	require.NoError(t, err)
	looks := func() string {
		return value[string](i, `SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM pg_class c WHERE relnamespace = 'tenant_charite'::regnamespace`) +
			value[string](i, `SELECT md5(string_agg(u::text, ',' ORDER BY id)) FROM tenant_charite.users u`)
	}
	before, patients := looks(), i.patients("tenant_charite")

	mend := failures["the database rejects the activation"].arrange(i, operation{})
	report := i.imports(3)
	require.Equal(t, map[string]string{"Charité": "FAILED"}, report.states())
	require.Contains(t, report.Rows[0].Why[0], "MARK_ACTIVE: ")
	o := i.reaches(report.Rows[0].OperationID, "ROLLED_BACK")
	require.Equal(t, 3, value[int](i, `SELECT count(*) FROM provisioning_logs WHERE operation_id = $1 AND status = 'COMPLETED' AND step IN ('CREATE_SCHEMA', 'RUN_MIGRATIONS', 'SEED_ROLES_AND_USER')`, o.ID))
	contract := value[string](i, `SELECT contract_id FROM stellar_transactions WHERE purpose = 'DEPLOY_CONTRACT' AND state = 'APPLIED'`)
	require.Equal(t, tenantcontract.Terminated, i.contractStatus(contract))
	require.Equal(t, before, looks())
	require.Equal(t, patients, i.patients("tenant_charite"))
	require.Empty(t, i.reconciles())

	mend()
	require.Equal(t, map[string]string{"Charité": "READY_AGAIN"}, i.imports(0, "--dry-run").states())
	require.Equal(t, map[string]string{"Charité": "ACTIVE"}, i.imports(0).states())
	require.Equal(t, patients, i.patients("tenant_charite"))
	require.Equal(t, 2, value[int](i, `SELECT generation FROM tenants`))
	i.requireNoMore()
}

// TestTablesOfTheReplacedApplicationMakeRoom runs the statements of the operations guide
// on a database in which those tables have the names of ours.
func TestTablesOfTheReplacedApplicationMakeRoom(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	_, section, _ := strings.Cut(text(t, filepath.Join("..", "..", "docs", "OPERATIONS.md")), "\n## Import\n")
	_, statements, _ := strings.Cut(section, "```sql\n")
	statements, _, found := strings.Cut(statements, "```")
	require.True(t, found)
	superuser := postgrestest.Superuser(t)
	name := "legacy_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	postgrestest.Execute(t, superuser, `CREATE DATABASE `+name+` OWNER `+pgx.Identifier{i.env["DB_USERNAME"]}.Sanitize())
	t.Cleanup(func() { postgrestest.Execute(t, superuser, `DROP DATABASE `+name+` WITH (FORCE)`) })
	own := superuser
	own.Database = name
	postgrestest.ExecuteIn(t, own, `ALTER SCHEMA public OWNER TO `+pgx.Identifier{i.env["DB_USERNAME"]}.Sanitize())
	i = i.with(map[string]string{"DB_NAME": name})
	own.User, own.Password = i.env["DB_USERNAME"], i.env["DB_PASSWORD"]
	postgrestest.ExecuteIn(t, own, `CREATE TABLE public.tenants (id integer, name text, schema_name text, status text, admin_email text)`, `CREATE TABLE public.provisioning_logs ()`,
		`INSERT INTO public.tenants VALUES (17, 'Charité', 'tenant_charite', 'ACTIVE', 'ada@charite.example')`)
	require.NotZero(t, i.starter("migrate").wait())
	postgrestest.ExecuteIn(t, own, strings.Split(strings.TrimSpace(statements), ";\n")...)
	i.output("migrate")
	report := i.imports(3, "--dry-run")
	require.Equal(t, []string{"the schema tenant_charite is not there"}, report.Rows[0].Why[:1])
}
