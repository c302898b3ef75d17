package postgres_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

// broken is one way to break an invariant, of an active tenant beside another
// one that stays whole.
type broken struct {
	kind tenant.FindingKind
	what string
	do   func(t *testing.T, b testBundle, f tenant.Fence, tn, whole tenant.Tenant)
	// also are findings that the same breaks as well.
	also []tenant.FindingKind
	// mends tells that Repairs repair it, and that nothing is left then.
	mends bool
}

// sql breaks it by a statement in which {schema}, {role}, {login} and {other}
// stand for the names of the tenant, and for another tenant's role.
func sql(statements ...string) func(*testing.T, testBundle, tenant.Fence, tenant.Tenant, tenant.Tenant) {
	return func(t *testing.T, b testBundle, f tenant.Fence, tn, whole tenant.Tenant) {
		t.Helper()
		names := strings.NewReplacer("{schema}", ident(tn.Schema), "{role}", ident(tn.Role), "{login}", ident(tn.AppLogin), "{other}", ident(whole.Role),
			"{tenant}", "'"+string(tn.ID)+"'", "{whole}", "'"+string(whole.ID)+"'", "{operation}", "'"+string(f.Operation)+"'", "{new}", ident("new_"+tn.Role))
		superuser := b.superuser(t) // who breaks things may do more than the product
		for _, statement := range statements {
			_, err := b.pool.Exec(b.ctx, names.Replace(statement))
			if denied, ok := errors.AsType[*pgconn.PgError](err); ok && denied.Code == "42501" {
				_, err = superuser.Exec(b.ctx, names.Replace(statement))
			}
			require.NoError(t, err, statement)
		}
	}
}

var breaks = []broken{
	{kind: tenant.FindingNeverStarted, what: "it waits for an hour", do: func(t *testing.T, b testBundle, _ tenant.Fence, _, _ tenant.Tenant) {
		t.Helper()
		a := b.accept(t, "Waits")
		b.mustExec(t, `UPDATE operations SET created_at = now() - $2::interval WHERE id = $1`, string(a.Operation.ID), time.Hour)
	}},
	{kind: tenant.FindingLostAttempt, what: "a worker was lost", do: sql(
		`INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, attempt) VALUES ({tenant}, {operation}, 'SEND_WELCOME_EMAIL', 'IN_PROGRESS', 9)`)},
	{kind: tenant.FindingTwoOpenOperations, what: "the index was not restored", do: func(t *testing.T, b testBundle, _ tenant.Fence, _, _ tenant.Tenant) {
		t.Helper()
		f := b.claim(t, "Twice")
		b.mustExec(t, `DROP INDEX operations_one_open`)
		b.mustExec(t, `INSERT INTO operations (id, tenant_id, kind, state, generation, run_id, client, retry_budget, attention_period)
			SELECT gen_random_uuid(), tenant_id, kind, state, generation, 'another', client, retry_budget, attention_period FROM operations WHERE id = $1`, string(f.Operation))
	}},
	{kind: tenant.FindingStatusDiffers, what: "it was active", mends: true, do: sql(`UPDATE tenants SET status = 'PROVISIONING' WHERE id = {tenant}`)},
	{kind: tenant.FindingStatusDiffers, what: "its rollback is over", mends: true, do: func(t *testing.T, b testBundle, _ tenant.Fence, _, _ tenant.Tenant) {
		t.Helper()
		f := b.claim(t, "Was rolled back")
		b.move(t, f, tenant.StateRunning, tenant.StateRollingBack)
		b.move(t, f, tenant.StateRollingBack, tenant.StateRolledBack)
		b.mustExec(t, `UPDATE tenants SET status = 'PROVISIONING' WHERE id = $1`, string(f.Tenant))
	}},
	{kind: tenant.FindingStatusDiffers, what: "it is active before its time", do: func(t *testing.T, b testBundle, _ tenant.Fence, _, _ tenant.Tenant) {
		t.Helper()
		f := b.claim(t, "Under way")
		b.mustExec(t, `UPDATE tenants SET status = 'ARCHIVED', activated_at = now() WHERE id = $1`, string(f.Tenant))
	}, also: []tenant.FindingKind{tenant.FindingActiveWithoutSchema, tenant.FindingActiveWithoutRole, tenant.FindingContractUnknown}},
	{kind: tenant.FindingGenerationDiffers, what: "the operation's", do: sql(`UPDATE operations SET generation = 2 WHERE id = {operation}`)},
	{kind: tenant.FindingActiveWithoutDate, what: "no date", mends: true, do: sql(`UPDATE tenants SET activated_at = NULL WHERE id = {tenant}`)},
	{
		kind: tenant.FindingNameDiffers, what: "another role", do: sql(`UPDATE tenants SET role_name = 'theirs' WHERE id = {tenant}`),
		also: []tenant.FindingKind{tenant.FindingActiveWithoutRole, tenant.FindingAccessTooWide},
	},
	{
		kind: tenant.FindingNameDiffers, what: "another schema", do: sql(`UPDATE tenants SET schema_name = 't_00000000', role_name = 't_00000000' WHERE id = {tenant}`),
		also: []tenant.FindingKind{tenant.FindingActiveWithoutRole, tenant.FindingActiveWithoutSchema, tenant.FindingSchemaWithoutTenant},
	},
	{kind: tenant.FindingLogIncomplete, what: "a step", do: sql(`DELETE FROM provisioning_logs WHERE operation_id = {operation} AND step = 'CREATE_SCHEMA'`)},
	{kind: tenant.FindingKeyOfAnotherClient, what: "a key", do: sql(
		`INSERT INTO idempotency_keys (client, key_hash, request_hash, operation_id) VALUES ('somebody else', '', '', {operation})`)},

	{kind: tenant.FindingSchemaWithoutTenant, what: "a schema", do: sql(`CREATE SCHEMA t_left_behind_0123abcd`)},
	{kind: tenant.FindingActiveWithoutSchema, what: "it was dropped", do: sql(`DROP SCHEMA {schema} CASCADE`)},
	{kind: tenant.FindingFailedWithSchema, what: "an undo did nothing", do: func(t *testing.T, b testBundle, _ tenant.Fence, _, _ tenant.Tenant) {
		t.Helper()
		b.provision(t, "Failed", tenant.StateRolledBack)
	}},
	{kind: tenant.FindingSchemaWithoutOwner, what: "no row", do: sql(`DELETE FROM tenant_schema_versions WHERE tenant_id = {tenant}`)},
	{kind: tenant.FindingSchemaWithoutOwner, what: "another generation", do: sql(`UPDATE tenant_schema_versions SET generation = 7 WHERE tenant_id = {tenant}`)},
	{kind: tenant.FindingSchemaWithoutOwner, what: "another tenant", do: sql(`UPDATE tenant_schema_versions SET tenant_id = {whole} WHERE tenant_id = {tenant}`)},
	{kind: tenant.FindingSchemaIncomplete, what: "no users", do: sql(`DROP TABLE {schema}.users`)},
	{kind: tenant.FindingSchemaIncomplete, what: "no roles", do: sql(`DROP TABLE {schema}.roles CASCADE`)},
	{kind: tenant.FindingSchemaIncomplete, what: "no log", do: sql(`DROP TABLE {schema}.audit_logs`)},
	{kind: tenant.FindingSchemaIncomplete, what: "a table by another name", do: sql(`ALTER TABLE {schema}.audit_logs RENAME TO logs`)},
	{kind: tenant.FindingSchemaIncomplete, what: "no column", do: sql(`ALTER TABLE {schema}.users DROP COLUMN password_hash`)},
	{kind: tenant.FindingSchemaIncomplete, what: "no index", do: sql(`DROP INDEX {schema}.users_email`)},
	{kind: tenant.FindingSchemaIncomplete, what: "no reference", do: sql(`ALTER TABLE {schema}.users DROP CONSTRAINT users_role_fkey`)},
	{kind: tenant.FindingSchemaIncomplete, what: "no key", do: sql(`ALTER TABLE {schema}.audit_logs DROP CONSTRAINT audit_logs_pkey`)},
	{kind: tenant.FindingSeedMissing, what: "no administrator", do: sql(`DELETE FROM {schema}.users`)},
	{kind: tenant.FindingSeedMissing, what: "another administrator than who is invited", do: sql(`UPDATE {schema}.users SET id = gen_random_uuid()`)},
	{kind: tenant.FindingSeedMissing, what: "a role", do: sql(`DELETE FROM {schema}.roles WHERE name = 'viewer'`)},
	{kind: tenant.FindingRestoreSchema, what: "kept for too long", do: sql(`CREATE SCHEMA tp_kept_01920e6a7c1e7b539b572f4d9b0a0f11`,
		`INSERT INTO restore_schemas (schema_name, purpose, tenant_id, operation_id, version, drop_after) VALUES ('tp_kept_01920e6a7c1e7b539b572f4d9b0a0f11', 'kept', {tenant}, {operation}, 1, now())`)},
	{kind: tenant.FindingRestoreSchema, what: "filled by a restore that has ended", do: sql(
		`INSERT INTO restore_schemas (schema_name, purpose, tenant_id, operation_id, version, drop_after) VALUES ('tp_restore_1', 'scratch', {tenant}, {operation}, 1, now() + interval '1 day')`)},
	{kind: tenant.FindingRestoreSchema, what: "no row", do: sql(`CREATE SCHEMA tp_restore_01920e6a7c1e7b539b572f4d9b0a0f11`)},
	{kind: tenant.FindingDrillFailed, what: "the last drill", do: sql(
		`INSERT INTO fleet_runs (id, kind, state, settings, requested_by, reason, client) VALUES (gen_random_uuid(), 'drill', 'FAILED', '{}', 'ada', 'x', 'x')`,
		`INSERT INTO restore_drills (fleet_id, tenant_id, backup_id, held, error, duration_ms, at) SELECT id, {tenant}, gen_random_uuid(), held, CASE WHEN NOT held THEN 'altered' END, 1, at
			FROM fleet_runs, (VALUES (true, now() - interval '1 day'), (false, now())) AS d (held, at)`)},
	{kind: tenant.FindingSchemaOwnedByAnother, what: "the schema", do: sql(`CREATE ROLE {new}`, `ALTER SCHEMA {schema} OWNER TO {new}`)},
	{kind: tenant.FindingSchemaOwnedByAnother, what: "a table", do: sql(`CREATE ROLE {new}`, `ALTER TABLE {schema}.users OWNER TO {new}`)},
	{
		kind: tenant.FindingSchemaOwnedByAnother, what: "the tenant owns a table", do: sql(`ALTER TABLE {schema}.audit_logs OWNER TO {role}`),
		also: []tenant.FindingKind{tenant.FindingAccessTooWide},
	},

	{kind: tenant.FindingRoleWithoutTenant, what: "a role", do: func(t *testing.T, b testBundle, _ tenant.Fence, tn, _ tenant.Tenant) {
		t.Helper()
		id, err := tenant.NewID()
		require.NoError(t, err)
		b.mustExec(t, `SELECT ensure_role($1, $2, 'NOLOGIN')`, "left_"+tn.Role, string(id))
	}},
	{kind: tenant.FindingActiveWithoutRole, what: "it was dropped", do: sql(`DROP OWNED BY {role}`, `DROP ROLE {role}`)},
	{kind: tenant.FindingActiveWithoutRole, what: "it has lost its mark", do: sql(`COMMENT ON ROLE {role} IS NULL`)},
	{kind: tenant.FindingFailedWithRole, what: "a role", do: func(t *testing.T, b testBundle, _ tenant.Fence, _, _ tenant.Tenant) {
		t.Helper()
		_, failed := b.provision(t, "Failed", tenant.StateRolledBack)
		b.mustExec(t, `DROP SCHEMA `+ident(failed.Schema)+` CASCADE`)
	}},
	{kind: tenant.FindingRoleNotGranted, what: "it was revoked", mends: true, do: sql(`REVOKE {role} FROM {login}`)},
	{kind: tenant.FindingRoleNotGranted, what: "no login", mends: true, do: sql(`DROP ROLE {login}`)},
	{kind: tenant.FindingRoleNotGranted, what: "another login", mends: true, do: sql(`UPDATE tenants SET app_login = app_login || '_2' WHERE id = {tenant}`),
		also: []tenant.FindingKind{tenant.FindingRoleOfOthers}},
	{kind: tenant.FindingAccessNotEnded, what: "somebody gave it back", mends: true, do: func(t *testing.T, b testBundle, _ tenant.Fence, tn, whole tenant.Tenant) {
		t.Helper()
		b.suspend(t, whole.ID)
		f := b.suspend(t, tn.ID)
		sql(`GRANT USAGE ON SCHEMA {schema} TO {role}`)(t, b, f, tn, whole)
	}},
	{kind: tenant.FindingAccessInUse, what: "a statement that goes on", do: func(t *testing.T, b testBundle, _ tenant.Fence, tn, _ tenant.Tenant) {
		t.Helper()
		b.uses(t, tn)
		b.suspend(t, tn.ID)
	}},
	{kind: tenant.FindingGrantsMissing, what: "the schema", mends: true, do: sql(`REVOKE USAGE ON SCHEMA {schema} FROM {role}`)},
	{kind: tenant.FindingGrantsMissing, what: "a table", mends: true, do: sql(`REVOKE ALL ON {schema}.users FROM {role}`)},
	{kind: tenant.FindingGrantsMissing, what: "all", mends: true, do: sql(`DROP OWNED BY {role}`)},
	{kind: tenant.FindingAccessTooWide, what: "everybody in the schema", do: sql(`GRANT USAGE ON SCHEMA {schema} TO PUBLIC`)},
	{kind: tenant.FindingAccessTooWide, what: "everybody in a table", do: sql(`GRANT SELECT ON {schema}.users TO PUBLIC`)},
	{kind: tenant.FindingAccessTooWide, what: "everybody in a column", do: sql(`GRANT SELECT (email) ON {schema}.users TO PUBLIC`)},
	{kind: tenant.FindingAccessTooWide, what: "everybody in a table of the platform", do: sql(`CREATE TABLE {schema}.notes (n integer)`, `GRANT SELECT ON {schema}.notes TO PUBLIC`)},
	{kind: tenant.FindingAccessTooWide, what: "another tenant", do: sql(`GRANT SELECT ON {schema}.users TO {other}`)},
	{kind: tenant.FindingAccessTooWide, what: "the login without a role", do: sql(`GRANT SELECT ON {schema}.users TO {login}`)},
	{kind: tenant.FindingAccessTooWide, what: "its log can be altered", do: sql(`GRANT UPDATE, DELETE ON {schema}.audit_logs TO {role}`)},
	{kind: tenant.FindingAccessTooWide, what: "it makes tables", do: sql(`GRANT CREATE ON SCHEMA {schema} TO {role}`)},
	{kind: tenant.FindingAccessTooWide, what: "it passes it on", do: sql(`GRANT SELECT ON {schema}.users TO {role} WITH GRANT OPTION`)},
	{kind: tenant.FindingRoleTooPowerful, what: "it logs in", do: sql(`ALTER ROLE {role} LOGIN`)},
	{kind: tenant.FindingRoleTooPowerful, what: "superuser", do: sql(`ALTER ROLE {role} SUPERUSER`)},
	{kind: tenant.FindingRoleTooPowerful, what: "past row security", do: sql(`ALTER ROLE {role} BYPASSRLS`)},
	{
		kind: tenant.FindingRoleTooPowerful, what: "it is another tenant", do: sql(`GRANT {other} TO {role}`),
		also: []tenant.FindingKind{tenant.FindingRoleOfOthers},
	},
	{kind: tenant.FindingRoleOfOthers, what: "a person's", do: sql(`CREATE ROLE {new}`, `GRANT {role} TO {new}`)},
	{kind: tenant.FindingRoleOfOthers, what: "the login passes it on", do: sql(`GRANT {role} TO {login} WITH ADMIN OPTION`)},
	{kind: tenant.FindingLoginUnsafe, what: "it inherits", do: sql(`ALTER ROLE {login} INHERIT`)},
	{kind: tenant.FindingLoginUnsafe, what: "it cannot log in", do: sql(`ALTER ROLE {login} NOLOGIN`)},
	{kind: tenant.FindingLoginUnsafe, what: "superuser", do: sql(`ALTER ROLE {login} SUPERUSER`)},
	{kind: tenant.FindingLoginUnsafe, what: "it has lost its mark", do: sql(`COMMENT ON ROLE {login} IS NULL`)},
	{kind: tenant.FindingLoginCrowded, what: "by one", do: func(t *testing.T, b testBundle, _ tenant.Fence, tn, _ tenant.Tenant) {
		t.Helper()
		b.mustExec(t, fmt.Sprintf(`DO $$ BEGIN FOR n IN 1..499 LOOP
			EXECUTE format('CREATE ROLE %%I', '%[1]s_' || n);
			EXECUTE format('GRANT %%I TO %%I', '%[1]s_' || n, '%[2]s');
		END LOOP; END $$`, tn.AppLogin+"_crowd", tn.AppLogin))
	}},

	{kind: tenant.FindingContractUnknown, what: "the journal knows", mends: true, do: sql(`UPDATE tenants SET contract_id = NULL WHERE id = {tenant}`)},
	{kind: tenant.FindingContractUnknown, what: "nobody knows", do: sql(`UPDATE tenants SET contract_id = NULL WHERE id = {tenant}`, `DELETE FROM stellar_transactions WHERE tenant_id = {tenant}`)},
	{kind: tenant.FindingContractDiffers, what: "another tenant's", mends: true, do: sql(`UPDATE tenants SET contract_id = (SELECT contract_id FROM tenants WHERE id = {whole}) WHERE id = {tenant}`)},
	{kind: tenant.FindingContractNotJournalled, what: "no row", do: sql(`DELETE FROM stellar_transactions WHERE tenant_id = {tenant}`)},
	{kind: tenant.FindingTransactionUnsettled, what: "nobody asks", do: sql(`INSERT INTO stellar_transactions
		(hash, tenant_id, operation_id, generation, purpose, target_status, state, network, channel, sequence, envelope, after_ledger, max_time)
		VALUES (repeat('a', 64), {tenant}, {operation}, 1, 'SET_STATUS', 'terminated', 'SENT', 'n', 'c', 1, '', 1, now() - interval '1 hour')`)},

	{kind: tenant.FindingMailInDoubt, what: "a worker was lost", do: sql(`UPDATE emails SET state = 'SENDING' WHERE tenant_id = {tenant}`)},
	{kind: tenant.FindingMailMissing, what: "no row", do: sql(`DELETE FROM emails WHERE tenant_id = {tenant}`)},
	{kind: tenant.FindingMailMissing, what: "it says otherwise", do: sql(`UPDATE emails SET state = 'PENDING', sent_at = NULL WHERE tenant_id = {tenant}`)},
	{kind: tenant.FindingMailUntraceable, what: "no id", do: sql(`UPDATE emails SET provider_id = NULL WHERE tenant_id = {tenant}`)},
	{kind: tenant.FindingMailUntraceable, what: "no time", do: sql(`UPDATE emails SET sent_at = NULL WHERE tenant_id = {tenant}`)},
	{kind: tenant.FindingInvitationMissing, what: "no row", do: sql(`DELETE FROM invitations WHERE tenant_id = {tenant}`)},
}

// brokenElsewhere need Temporal or a ledger: internal/e2e breaks them.
var brokenElsewhere = []tenant.FindingKind{tenant.FindingRunClosed, tenant.FindingActiveWithoutContract, tenant.FindingContractStatusDiffers, tenant.FindingFailedWithContract}

// TestEachInvariantIsLookedFor: each is broken, in every way that is listed, and
// nothing but that is found.
func TestEachInvariantIsLookedFor(t *testing.T) {
	t.Parallel()
	for _, invariant := range tenant.Invariants() {
		require.NotEmpty(t, invariant.Holds, invariant.Kind)
		require.NotEmpty(t, invariant.Repair, invariant.Kind)
		require.Equal(t, !slices.Contains(brokenElsewhere, invariant.Kind),
			slices.ContainsFunc(breaks, func(x broken) bool { return x.kind == invariant.Kind }), "%s: is it broken by a test?", invariant.Kind)
	}
	for _, x := range breaks {
		t.Run(string(x.kind)+"/"+x.what, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			_, whole := b.provision(t, "Whole", tenant.StateSucceeded)
			f, tn := b.provision(t, "Broken", tenant.StateSucceeded)
			require.Empty(t, b.look(t))
			x.do(t, b, f, tn, whole)
			open := b.look(t)
			var kinds []tenant.FindingKind
			for _, finding := range open {
				require.NotEmpty(t, finding.Detail)
				require.Equal(t, finding.Kind.Repair(), finding.Repair)
				require.NotContains(t, finding.Detail, "ada@", "nothing personal")
				kinds = append(kinds, finding.Kind)
			}
			slices.Sort(kinds)
			want := append([]tenant.FindingKind{x.kind}, x.also...)
			slices.Sort(want)
			require.Equal(t, want, slices.Compact(kinds), "%+v", open)
			if x.mends {
				b.mends(t, open, x)
			}
		})
	}
}

// mends repairs the findings of a kind, after which they are not found any more.
func (b testBundle) mends(t *testing.T, open []tenant.Finding, x broken) {
	t.Helper()
	require.True(t, x.kind.Repairable())
	for _, want := range []bool{true, false} {
		for _, finding := range open {
			if finding.Kind != x.kind {
				continue
			}
			done, err := b.repairs.Mend(b.ctx, finding)
			require.NoError(t, err)
			require.Equal(t, want, done)
		}
	}
	for _, left := range b.look(t) {
		require.Contains(t, x.also, left.Kind, "%+v", left)
	}
}

// TestWhatOnlyAPersonMends: a repair that would have to guess says why it does
// not.
func TestWhatOnlyAPersonMends(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f, tn := b.provision(t, "Nobody knows its contract", tenant.StateSucceeded)
	sql(`UPDATE tenants SET contract_id = NULL, status = 'PROVISIONING'`, `DELETE FROM stellar_transactions`)(t, b, f, tn, tn)
	for _, kind := range []tenant.FindingKind{tenant.FindingStatusDiffers, tenant.FindingContractUnknown} {
		open := b.look(t)
		require.Len(t, open, 1)
		require.Equal(t, kind, open[0].Kind)
		require.False(t, open[0].Safe)
		_, err := b.repairs.Mend(b.ctx, open[0])
		var refused *tenant.StepError
		require.ErrorAs(t, err, &refused)
		require.Contains(t, refused.Reason, "by hand")
		b.mustExec(t, `UPDATE tenants SET status = 'ACTIVE'`)
	}
}

// TestWhatIsHealthy, though a person or the platform has changed something since
// a tenant was made.
func TestWhatIsHealthy(t *testing.T) {
	t.Parallel()
	for what, do := range map[string]func(t *testing.T, b testBundle, f tenant.Fence, tn, whole tenant.Tenant){
		"more tables, columns, indexes": sql(`CREATE TABLE {schema}.notes (n integer)`, `GRANT ALL ON {schema}.notes TO {role}`,
			`ALTER TABLE {schema}.users ADD COLUMN phone text`, `CREATE INDEX ON {schema}.users (phone)`, `ALTER TABLE {schema}.users ALTER COLUMN email TYPE varchar(320)`),
		"a role for reports": sql(`CREATE ROLE {new}`, `GRANT USAGE ON SCHEMA {schema} TO {new}`, `GRANT SELECT ON {schema}.users TO {new}`),
		"the first administrator has left": sql(`UPDATE invitations SET used_at = now()`,
			`INSERT INTO {schema}.users (id, email, first_name, last_name, role) VALUES (gen_random_uuid(), 'b@hospital.example', 'B', 'C', 'admin')`,
			`DELETE FROM {schema}.users WHERE email LIKE 'ada@%'`),
		"a newer build has made it": sql(`UPDATE tenant_schema_versions SET version = 9999`, `ALTER TABLE {schema}.users DROP COLUMN password_hash`),
		"the address was corrected": func(t *testing.T, b testBundle, _ tenant.Fence, tn, _ tenant.Tenant) {
			t.Helper()
			email := "grace@hospital.example"
			_, err := b.tenants.ChangeAdministrator(b.ctx, tn.ID, tenant.AdministratorChange{Email: &email}, 0,
				tenant.AuditEntry{Actor: "test", Action: "change-administrator", Outcome: tenant.OutcomeAccepted, Tenant: tn.ID})
			require.NoError(t, err)
		},
		"the mail is on its way": func(t *testing.T, b testBundle, _ tenant.Fence, _, _ tenant.Tenant) {
			t.Helper()
			f := b.claim(t, "Nearly done")
			require.NoError(t, b.schemas.Create(b.ctx, f))
			b.activate(t, f)
		},
		"the mail was given up": func(t *testing.T, b testBundle, _ tenant.Fence, _, _ tenant.Tenant) {
			t.Helper()
			f := b.claim(t, "Without mail")
			require.NoError(t, b.schemas.Create(b.ctx, f))
			b.activate(t, f)
			_, err := b.transitions.Move(b.ctx, tenant.Move{
				Fence: f, From: tenant.StateRunning, To: tenant.StateSucceeded, Step: tenant.StepSendWelcomeEmail, Reason: "test",
				Skipped: &tenant.Skipped{Steps: []tenant.Step{tenant.StepSendWelcomeEmail}, Reason: "test"},
			})
			require.NoError(t, err)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			_, whole := b.provision(t, "Whole", tenant.StateSucceeded)
			f, tn := b.provision(t, "Changed", tenant.StateSucceeded)
			do(t, b, f, tn, whole)
			require.Empty(t, b.look(t))
		})
	}
}

// TestTheInvariantsAreDocumented, each with what must hold.
func TestTheInvariantsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/ARCHITECTURE.md")
	require.NoError(t, err)
	for _, i := range tenant.Invariants() {
		by := map[tenant.Repairer]string{tenant.ByReconciler: "itself", tenant.OnRequest: "on request", tenant.ByHand: "by hand"}[i.By]
		require.Contains(t, string(text), fmt.Sprintf("| `%s` | %s | %s |\n", i.Kind, i.Holds, by))
	}
}
