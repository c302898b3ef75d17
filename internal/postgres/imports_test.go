package postgres_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/tenant"
)

type legacyBundle struct {
	testBundle
	imports *postgres.Imports
}

const legacy = "legacy"

func setupLegacy(t *testing.T) legacyBundle {
	t.Helper()
	b := setup(t)
	require.NoError(t, postgrestest.Legacy(b.ctx, b.pool, legacy))
	return legacyBundle{b, postgres.NewImports(b.pool, b.schemas)}
}

// tenant makes a tenant of the replaced application, and gives its row's id.
func (b legacyBundle) tenant(t *testing.T, name string) string {
	t.Helper()
	id, err := postgrestest.LegacyTenant(b.ctx, b.pool, legacy, name, schemaOf(name), "ada@"+schemaOf(name)+".example")
	require.NoError(t, err)
	return id
}

func schemaOf(name string) string { return strings.ReplaceAll("tenant_"+tenant.Slug(name), "_", "-") }

func (b legacyBundle) exec(t *testing.T, sql string) {
	t.Helper()
	_, err := b.pool.Exec(b.ctx, sql)
	require.NoError(t, err)
}

// rows are what an import can do, by the tenants' names.
func (b legacyBundle) rows(t *testing.T) map[string]tenant.ImportRow {
	t.Helper()
	rows, err := b.imports.Rows(b.ctx, legacy, nil)
	require.NoError(t, err)
	byName := map[string]tenant.ImportRow{}
	for _, r := range rows {
		byName[r.Name] = r
	}
	return byName
}

// accept records the import of a row, and gives its operation to a run.
func (b legacyBundle) accept(t *testing.T, r tenant.ImportRow) tenant.Fence {
	t.Helper()
	sub := acceptance(t, r.Spec.Name)
	sub.New.Schema, sub.New.Administrator = r.Schema, r.Spec.Administrator
	sub.Import = &tenant.Import{From: legacy, SourceID: r.ID, Schema: r.Schema, Contract: r.Contract}
	_, err := b.operations.Submit(b.ctx, sub)
	require.NoError(t, err)
	f := fence(sub)
	c, err := b.transitions.Claim(b.ctx, f)
	require.NoError(t, err)
	require.True(t, c.Claimed)
	return f
}

// looks is what a schema is made of and who may do what with it: whatever an undo must
// bring back.
func (b legacyBundle) looks(t *testing.T, schema string) string {
	t.Helper()
	var s string
	require.NoError(t, b.pool.QueryRow(b.ctx, `
		SELECT jsonb_build_object('relations', (SELECT jsonb_agg(jsonb_build_array(c.relname, c.relkind, coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)), c.relowner) ORDER BY c.relname) FROM pg_class c WHERE c.relnamespace = n.oid),
			'constraints', (SELECT jsonb_agg(jsonb_build_array(conname, pg_get_constraintdef(oid)) ORDER BY conname) FROM pg_constraint WHERE connamespace = n.oid),
			'acl', coalesce(n.nspacl, acldefault('n', n.nspowner)))::text
		FROM pg_namespace n WHERE n.nspname = $1`, schema).Scan(&s))
	return s
}

// data has every row of the replaced application's tables of a tenant.
func (b legacyBundle) data(t *testing.T, schema string) string {
	t.Helper()
	var s string
	q := func(table string) string { return pgx.Identifier{schema, table}.Sanitize() }
	require.NoError(t, b.pool.QueryRow(b.ctx, `
		SELECT md5(coalesce((SELECT string_agg(p::text, ',' ORDER BY id) FROM `+q("patients")+` p), '') || (SELECT string_agg(u::text, ',' ORDER BY id) FROM `+q("users")+` u)
			|| (SELECT string_agg(r::text, ',' ORDER BY name) FROM `+q("roles")+` r))`).Scan(&s))
	return s
}

// TestImportJudgesEachRow looks at each way in which a row cannot be imported.
func TestImportJudgesEachRow(t *testing.T) {
	t.Parallel()
	b := setupLegacy(t)
	row := func(name, schema, email string) {
		_, err := postgrestest.LegacyRow(b.ctx, b.pool, legacy, name, schema, email)
		require.NoError(t, err)
	}
	b.tenant(t, "St. Mary's Hospital")
	b.tenant(t, "Varchar clinic")
	b.exec(t, `ALTER TABLE "tenant-varchar-clinic".users ALTER COLUMN email TYPE varchar(255)`)
	b.tenant(t, "Lacking clinic")
	b.exec(t, `ALTER TABLE "tenant-lacking-clinic".users DROP COLUMN last_name`)
	b.tenant(t, "Strict clinic")
	b.exec(t, `ALTER TABLE "tenant-strict-clinic".users ADD COLUMN ward text NOT NULL DEFAULT 'x'; ALTER TABLE "tenant-strict-clinic".users ALTER COLUMN ward DROP DEFAULT`)
	b.tenant(t, "Locked clinic")
	b.exec(t, `ALTER TABLE "tenant-locked-clinic".users ALTER COLUMN password_hash SET NOT NULL`)
	b.tenant(t, "View clinic")
	b.exec(t, `CREATE VIEW "tenant-view-clinic".audit_logs AS SELECT 1`)
	b.tenant(t, "Doctors clinic")
	b.exec(t, `UPDATE "tenant-doctors-clinic".users SET role = 'nurse'`)
	row("Missing clinic", "tenant_missing", "ada@missing.example")
	row("Twin clinic", "tenant_twin_1", "ada@twin.example")
	row("TWIN  clinic", "tenant_twin_2", "ada@twin.example")
	b.tenant(t, "Odd address")
	b.exec(t, `UPDATE legacy.tenants SET admin_email = 'nobody' WHERE name = 'Odd address'`)
	b.tenant(t, "Failed clinic")
	b.exec(t, `UPDATE legacy.tenants SET status = 'FAILED' WHERE name = 'Failed clinic'`)
	row("Room of all", "public", "ada@public.example")
	row("Own goal", "legacy", "ada@legacy.example")
	b.tenant(t, "Held clinic")
	held := b.testBundle.accept(t, "held clinic")
	row("Borrowed room", held.New.Schema, "ada@borrowed.example")
	row("System", "pg_catalog", "ada@system.example")
	row("Nowhere", "", "ada@nowhere.example")
	row("Shared room 1", "tenant_shared", "ada@shared.example")
	row("Shared room 2", "tenant_shared", "ada@shared.example")
	b.tenant(t, "Forgetful clinic")
	b.exec(t, `ALTER TABLE "tenant-forgetful-clinic".users ALTER COLUMN created_at DROP DEFAULT`)
	b.tenant(t, "Rule clinic")
	b.exec(t, `ALTER TABLE "tenant-rule-clinic".users ADD CONSTRAINT users_role_fkey CHECK (role <> '')`)
	b.tenant(t, "Index clinic")
	b.exec(t, `CREATE INDEX users_email ON "tenant-index-clinic".users (phone)`)
	b.tenant(t, "Key clinic")
	b.exec(t, `ALTER TABLE "tenant-key-clinic".users DROP CONSTRAINT "PK_a3ffb1c0c8416b9fc6f907b7433" CASCADE; ALTER TABLE "tenant-key-clinic".users ADD CONSTRAINT another PRIMARY KEY (id, email)`)
	b.tenant(t, "Owned clinic")
	server := postgrestest.Superuser(t)
	server.Database = b.pool.Config().ConnConfig.Database
	postgrestest.ExecuteIn(t, server, `ALTER TABLE "tenant-owned-clinic".users OWNER TO `+pgx.Identifier{server.User}.Sanitize())
	b.tenant(t, "More clinic")
	b.exec(t, `ALTER TABLE "tenant-more-clinic".users ADD COLUMN ward text NOT NULL DEFAULT 'x', ADD COLUMN bed text; CREATE TABLE "tenant-more-clinic".beds (id integer PRIMARY KEY);
		CREATE UNIQUE INDEX "IDX_email" ON "tenant-more-clinic".users (lower(email)); CREATE UNIQUE INDEX users_email ON "tenant-more-clinic".users (lower(email));
		UPDATE legacy.tenants SET status = ' active ' WHERE name = 'More clinic'`)
	b.tenant(t, "Userless clinic")
	b.exec(t, `DROP TABLE "tenant-userless-clinic".users CASCADE`)

	rows := b.rows(t)
	good := rows["St. Mary's Hospital"]
	require.Equal(t, tenant.ImportReady, good.State, good.Refused)
	require.Equal(t, tenant.Administrator{Email: "ada@tenant-st-mary-s-hospital.example", FirstName: "Ada", LastName: "Lovelace"}, good.Spec.Administrator, "the names are the user's")
	require.Equal(t, []string{
		"makes the table audit_logs",
		"renames the constraint PK_f6d54f95c31b73fb1bdd8e91d0c of roles to roles_pkey",
		"renames the constraint PK_a3ffb1c0c8416b9fc6f907b7433 of users to users_pkey",
		"adds the constraint users_role_fkey to users, FOREIGN KEY (role) REFERENCES roles(name)",
		"adds the index users_email to users",
	}, good.Changes)
	for name, want := range map[string]string{
		"Varchar clinic": "users.email is character varying(255), and the template's is text",
		"Lacking clinic": "users has no column last_name text",
		"Strict clinic":  "users.ward is NOT NULL without a default, and the template does not know it",
		"Locked clinic":  "users.password_hash is NOT NULL, and the template's is NULL",
		"View clinic":    "audit_logs is a view, and the template's is a table",
		"Doctors clinic": `the administrator's user has the role "nurse", and an administrator's is "admin": change users.role`,
		"Missing clinic": "the schema tenant_missing is not there",
		"Twin clinic":    "the row " + rows["TWIN  clinic"].ID + " has the same name",
		"TWIN  clinic":   "the row " + rows["Twin clinic"].ID + " has the same name",
		"Odd address":    "adminEmail",
		"Room of all":    "the schema public is no tenant's",
		"Own goal":       "the schema legacy is no tenant's",
		"Held clinic":    "holds its name: change one",

		"Borrowed room":    "is that of the tenant " + string(held.New.ID),
		"System":           "the schema pg_catalog is no tenant's",
		"Nowhere":          "it names no schema",
		"Shared room 1":    "the row " + rows["Shared room 2"].ID + " has the same schema",
		"Forgetful clinic": "users.created_at has no default, and the template's has one",
		"Rule clinic":      "users has the constraint users_role_fkey, which is CHECK ((role <> ''::text)), and the template's is FOREIGN KEY (role) REFERENCES roles(name)",
		"Index clinic":     "the index users_email is CREATE INDEX ON users USING btree (phone), and the template's is CREATE UNIQUE INDEX ON users USING btree (lower(email))",
		"Key clinic":       "users has another primary key than the template's PRIMARY KEY (id)",
		"Owned clinic":     "users belongs to " + server.User + ", and must belong to ",
	} {
		require.Equal(t, tenant.ImportRefused, rows[name].State, name)
		require.Contains(t, strings.Join(rows[name].Refused, "\n"), want, name)
	}
	require.Equal(t, tenant.ImportReady, rows["More clinic"].State, "more columns and tables are fine: %s", rows["More clinic"].Refused)
	require.NotContains(t, strings.Join(rows["More clinic"].Changes, "\n"), "the index", "the one of the template's name is taken")
	require.Contains(t, rows["Userless clinic"].Changes, "adds the constraint users_role_fkey to users, FOREIGN KEY (role) REFERENCES roles(name)", "what leads to a table that is there")
	require.Equal(t, tenant.ImportLeft, rows["Failed clinic"].State)
	require.Equal(t, []string{`its status is "FAILED": only rows that are "active" are imported`}, rows["Failed clinic"].Refused)
	require.Zero(t, b.count(t, `SELECT count(*) FROM tenant_imports`), "nothing was done")
}

// TestImportFindsTheTable says what is not there, and which columns have other names.
func TestImportFindsTheTable(t *testing.T) {
	t.Parallel()
	b := setupLegacy(t)
	b.tenant(t, "St. Mary's Hospital")
	_, err := b.imports.Rows(b.ctx, "elsewhere", nil)
	require.ErrorContains(t, err, "there is no table elsewhere.tenants")
	_, err = b.imports.Rows(b.ctx, "public", nil)
	require.ErrorContains(t, err, "public has the tables of this installation")

	b.exec(t, `ALTER TABLE legacy.tenants RENAME COLUMN admin_email TO contact; ALTER TABLE legacy.tenants RENAME COLUMN schema_name TO "schemaName"`)
	_, err = b.imports.Rows(b.ctx, legacy, nil)
	require.ErrorContains(t, err, "legacy.tenants has no column for admin-email (admin_email or adminEmail); it has id, name, schemaName, status, contact, contract_id, created_at. Name the right one: --column admin-email=COLUMN")
	rows, err := b.imports.Rows(b.ctx, legacy, map[string]string{"admin-email": "contact"})
	require.NoError(t, err)
	require.Equal(t, tenant.ImportReady, rows[0].State, rows[0].Refused)
}

// TestAdoptedSchemaIsATenants looks that an imported tenant is one of ours in every
// respect that the reconciler knows, and that all its rows are there.
func TestAdoptedSchemaIsATenants(t *testing.T) {
	t.Parallel()
	b := setupLegacy(t)
	b.tenant(t, "St. Mary's Hospital")
	row := b.rows(t)["St. Mary's Hospital"]
	before := b.data(t, row.Schema)
	f := b.accept(t, row)
	require.Equal(t, tenant.ImportUnderWay, b.rows(t)[row.Name].State)

	require.NoError(t, b.schemas.Create(b.ctx, f))
	require.NoError(t, b.schemas.Create(b.ctx, f), "a repetition changes nothing")
	users := pgx.Identifier{row.Schema, "users"}.Sanitize()
	voided := func() int {
		return b.count(t, `SELECT count(*) FROM `+users+` WHERE password_hash IS NULL`)
	}
	require.Zero(t, voided(), "nobody is locked out before the pivot")
	require.Equal(t, 3, b.count(t, `SELECT count(*) FROM provisioning_logs WHERE operation_id = $1 AND status = 'COMPLETED' AND step <> 'CREATE_TENANT_RECORD' AND duration_ms > 0`, string(f.Operation)))

	b.exec(t, `UPDATE tenants SET contract_id = 'CA' WHERE schema_name = '`+row.Schema+`'`)
	require.NoError(t, b.transitions.MarkActive(b.ctx, f))
	require.Equal(t, 2, voided(), "those of the shared kind; what bcrypt has hashed stays")
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM tenant_imports WHERE voided = 2 AND source_contract = $1`, row.Contract))
	b.exec(t, `UPDATE `+users+` SET password_hash = 'set since' WHERE role = 'admin'`)
	require.NoError(t, b.transitions.MarkActive(b.ctx, f))
	require.Equal(t, 1, voided(), "a repetition voids nothing")

	b.exec(t, `UPDATE `+users+` SET password_hash = '`+postgrestest.SharedPassword+`' WHERE password_hash IS NULL OR role = 'admin'`)
	b.exec(t, `UPDATE `+users+` u SET updated_at = created_at`)
	b.exec(t, `DELETE FROM "`+row.Schema+`".roles WHERE name IN ('user', 'viewer')`)
	require.Equal(t, before, b.data(t, row.Schema), "nothing but passwords was changed")
	b.exec(t, `INSERT INTO "`+row.Schema+`".roles VALUES ('user', ''), ('viewer', '')`)

	tn, err := b.tenants.Find(b.ctx, f.Tenant)
	require.NoError(t, err)
	require.Equal(t, row.Schema, tn.Schema)
	require.True(t, strings.HasPrefix(tn.Role, "t_st_mary_s_hospital_"), tn.Role)
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM `+users+` WHERE id = $1 AND email = $2`, tn.AdministratorID(), row.Administrator.Email))
	for _, kind := range []tenant.FindingKind{
		tenant.FindingStatusDiffers, tenant.FindingNameDiffers, tenant.FindingSchemaWithoutTenant, tenant.FindingSchemaWithoutOwner, tenant.FindingSchemaIncomplete,
		tenant.FindingSeedMissing, tenant.FindingSchemaOwnedByAnother, tenant.FindingRoleNotGranted, tenant.FindingGrantsMissing, tenant.FindingAccessTooWide,
		tenant.FindingRoleTooPowerful, tenant.FindingRoleOfOthers,
	} {
		found, _, err := b.comparer.Compare(b.ctx, kind, 0)
		require.NoError(t, err)
		require.Empty(t, found, "%s", kind)
	}
	require.Equal(t, tenant.ImportDone, b.rows(t)[row.Name].State)
}

// TestRollbackOfAnImportLeavesTheSchemaAsItWas also lets it be imported again, or its
// record be purged, without any harm to the data.
func TestRollbackOfAnImportLeavesTheSchemaAsItWas(t *testing.T) {
	t.Parallel()
	b := setupLegacy(t)
	b.tenant(t, "St. Mary's Hospital")
	b.exec(t, `DROP TABLE "tenant-st-mary-s-hospital".patients; DELETE FROM "tenant-st-mary-s-hospital".users WHERE role = 'admin';
		CREATE TABLE "tenant-st-mary-s-hospital".patients (id integer PRIMARY KEY, name text);
		UPDATE legacy.tenants SET admin_email = 'new@hospital.example'`)
	row := b.rows(t)["St. Mary's Hospital"]
	require.Contains(t, row.Refused[0], "adminFirstName", "there is no user to have it from")
	row.Spec = tenant.Spec{Name: row.Name, Administrator: tenant.Administrator{Email: "new@hospital.example", FirstName: "New", LastName: "One"}}
	looks, data := b.looks(t, row.Schema), b.data(t, row.Schema)
	f := b.accept(t, row)
	require.NoError(t, b.schemas.Create(b.ctx, f))
	require.NotEqual(t, looks, b.looks(t, row.Schema))
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM "tenant-st-mary-s-hospital".users WHERE email = 'new@hospital.example'`))
	require.Equal(t, 3+1, b.count(t, `SELECT count(*) FROM "tenant-st-mary-s-hospital".roles`))

	b.move(t, f, tenant.StateRunning, tenant.StateRollingBack)
	require.NoError(t, b.schemas.Drop(b.ctx, undoing(f)))
	require.NoError(t, b.schemas.Drop(b.ctx, undoing(f)), "a repetition changes nothing")
	require.JSONEq(t, looks, b.looks(t, row.Schema))
	require.Equal(t, data, b.data(t, row.Schema))
	tn, err := b.tenants.Find(b.ctx, f.Tenant)
	require.NoError(t, err)
	require.Zero(t, b.count(t, `SELECT count(*) FROM pg_roles WHERE rolname = $1`, tn.Role))
	b.move(t, undoing(f), tenant.StateRollingBack, tenant.StateRolledBack)
	require.Equal(t, tenant.ImportAgain, func() tenant.ImportState {
		b.exec(t, `INSERT INTO "tenant-st-mary-s-hospital".users (email, first_name, last_name, role) VALUES ('new@hospital.example', 'New', 'One', 'admin')`)
		return b.rows(t)[row.Name].State
	}())

	again := b.submit(t, tenant.KindProvision, f.Tenant)
	require.NoError(t, b.schemas.Create(b.ctx, again), "in the next generation")
	b.move(t, again, tenant.StateRunning, tenant.StateRollingBack)
	require.NoError(t, b.schemas.Drop(b.ctx, undoing(again)))
	b.move(t, undoing(again), tenant.StateRollingBack, tenant.StateRolledBack)
	require.JSONEq(t, looks, b.looks(t, row.Schema))

	purge := b.submit(t, tenant.KindPurge, f.Tenant)
	require.NoError(t, b.schemas.Remove(b.ctx, purge))
	require.JSONEq(t, looks, b.looks(t, row.Schema), "a purge of the record leaves what was never the tenant's")
}

// TestAdoptionThatFailsSaysWhy stops at what only the rows can tell, and changes nothing.
func TestAdoptionThatFailsSaysWhy(t *testing.T) {
	t.Parallel()
	b := setupLegacy(t)
	b.tenant(t, "Odd roles")
	b.exec(t, `UPDATE "tenant-odd-roles".users SET role = 'midwife' WHERE role = 'nurse'`)
	b.tenant(t, "Same address")
	b.exec(t, `UPDATE "tenant-same-address".users SET email = 'Same@ward.example' WHERE role = 'nurse'`)
	b.tenant(t, "Changed meanwhile")
	b.tenant(t, "Gone meanwhile")
	b.tenant(t, "Demoted meanwhile")
	rows := b.rows(t)
	for name, c := range map[string]struct{ meanwhile, says string }{
		"Odd roles":         {"", "rows of the schema tenant-odd-roles do not bear what the template demands (SQLSTATE 23503), table users, constraint users_role_fkey"},
		"Same address":      {"", "rows of the schema tenant-same-address do not bear what the template demands (SQLSTATE 23505), table users, constraint users_email"},
		"Changed meanwhile": {`ALTER TABLE "tenant-changed-meanwhile".users DROP COLUMN first_name`, "cannot be adopted: users has no column first_name text"},
		"Demoted meanwhile": {`UPDATE "tenant-demoted-meanwhile".users SET role = 'nurse'`, "the administrator's user has the role \"nurse\""},
		"Gone meanwhile":    {`DROP SCHEMA "tenant-gone-meanwhile" CASCADE`, "the schema tenant-gone-meanwhile is not there"},
	} {
		require.Equal(t, tenant.ImportReady, rows[name].State, "%s: %s", name, rows[name].Refused)
		f := b.accept(t, rows[name])
		if c.meanwhile != "" {
			b.exec(t, c.meanwhile)
		}
		err := b.schemas.Create(b.ctx, f)
		var step *tenant.StepError
		require.ErrorAs(t, err, &step, name)
		require.True(t, step.Permanent, name)
		require.Contains(t, step.Reason, c.says, name)
		b.move(t, f, tenant.StateRunning, tenant.StateRollingBack)
		require.NoError(t, b.schemas.Drop(b.ctx, undoing(f)), name)
		require.Zero(t, b.count(t, `SELECT count(*) FROM tenant_schema_versions WHERE tenant_id = $1`, string(f.Tenant)))
	}
}

// holds takes locks in a transaction, as a session of the replaced application has them.
func (b legacyBundle) holds(t *testing.T, sql string) (release func()) {
	t.Helper()
	tx, err := b.pool.Begin(b.ctx)
	require.NoError(t, err)
	release = func() { _ = tx.Rollback(context.WithoutCancel(b.ctx)) } // it may have been
	t.Cleanup(release)
	_, err = tx.Exec(b.ctx, `SET LOCAL idle_in_transaction_session_timeout = 0`)
	require.NoError(t, err)
	_, err = tx.Exec(b.ctx, sql)
	require.NoError(t, err)
	return release
}

// TestAdoptionWaitsForNobody: a session that reads, or has locked, a table of a tenant
// keeps that tenant's adoption, its undo and what is said of its row from their end for
// no longer than a lock may be waited for, and no other tenant's; afterwards each
// succeeds.
func TestAdoptionWaitsForNobody(t *testing.T) {
	t.Parallel()
	b := setupLegacy(t)
	const says = "a table of the schema tenant-in-use is in use: stop the replaced application"
	for _, name := range []string{"In use", "Free", "Free too", "Not accepted"} {
		b.tenant(t, name)
	}
	rows := b.rows(t)
	f, data := b.accept(t, rows["In use"]), b.data(t, "tenant-in-use")
	requireInUse := func(err error) {
		t.Helper()
		var step *tenant.StepError
		require.ErrorAs(t, err, &step)
		require.Contains(t, step.Reason, says)
		require.False(t, step.Permanent, "it is repeated")
		require.True(t, step.Alone, "it is nobody else's")
	}
	for other, held := range map[string]string{"Free": `SELECT FROM "tenant-in-use".users`, "Free too": `LOCK TABLE "tenant-in-use".users`} {
		release := b.holds(t, held)
		requireInUse(b.schemas.Create(b.ctx, f))
		require.Zero(t, b.count(t, `SELECT count(*) FROM tenant_imports WHERE tenant_id = $1 AND adopted_at IS NOT NULL`, string(f.Tenant)))
		require.NoError(t, b.schemas.Create(b.ctx, b.accept(t, rows[other])), "others go on")
		release()
		require.Equal(t, data, b.data(t, "tenant-in-use"))
	}
	require.NoError(t, b.schemas.Create(b.ctx, f), "when it is repeated")

	b.move(t, f, tenant.StateRunning, tenant.StateRollingBack)
	release := b.holds(t, `SELECT FROM "tenant-in-use".users`)
	requireInUse(b.schemas.Drop(b.ctx, undoing(f)))
	release()
	require.NoError(t, b.schemas.Drop(b.ctx, undoing(f)))

	release = b.holds(t, `LOCK TABLE "tenant-not-accepted".users`)
	rows = b.rows(t)
	require.Equal(t, tenant.ImportRefused, rows["Not accepted"].State)
	require.Equal(t, []string{"a table of the schema tenant-not-accepted is in use: stop the replaced application, and import again"}, rows["Not accepted"].Refused)
	require.Equal(t, tenant.ImportUnderWay, rows["Free"].State)
	release()
	require.Equal(t, tenant.ImportReady, b.rows(t)["Not accepted"].State)

	b.holds(t, `LOCK TABLE legacy.tenants`)
	_, err := b.imports.Rows(b.ctx, legacy, nil)
	require.ErrorContains(t, err, "a table of the schema legacy is in use: stop the replaced application, and run it again")
}
