package postgres_test

import (
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

// own are tables and columns that a tenant's schema has got beside its template, with
// what would refuse or change rows that come in another order.
const own = `
	ALTER TABLE own.users ADD COLUMN badge text DEFAULT 'none';
	ALTER TABLE own.roles DROP COLUMN description;
	CREATE TABLE own.a_child (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, parent integer NOT NULL, doubled bigint GENERATED ALWAYS AS (id * 2) STORED);
	CREATE TABLE own.z_parent (id serial PRIMARY KEY, note varchar(9) COLLATE "C" NOT NULL, words text[]);
	ALTER TABLE own.a_child ADD FOREIGN KEY (parent) REFERENCES own.z_parent;
	INSERT INTO own.z_parent (note, words) SELECT 'n' || n, ARRAY['a', NULL, E'tab\t'] FROM generate_series(1, 300) n;
	INSERT INTO own.a_child (parent) SELECT id FROM own.z_parent WHERE id % 3 = 0;
	INSERT INTO own.audit_logs (action) VALUES ('signed in'), ('signed out');`

func (b backupBundle) restorer() *postgres.Restorer { return postgres.NewRestorer(b.pool, b.schemas) }

func nothingMore(pgx.Tx, postgres.Filled) error { return nil }

// rows are those of a table, whatever their order.
func (b backupBundle) rows(t *testing.T, schema, table, columns string) (found []string) {
	t.Helper()
	all, err := b.pool.Query(b.ctx, `SELECT (`+columns+`)::text FROM `+pgx.Identifier{schema, table}.Sanitize()+` ORDER BY 1`)
	require.NoError(t, err)
	found, err = pgx.CollectRows(all, pgx.RowTo[string])
	require.NoError(t, err)
	return found
}

// TestASchemaIsFilledFromABackup: rows, sequences, foreign keys and the template's own
// constraints are there again; what the template does not make has its columns and rows.
func TestASchemaIsFilledFromABackup(t *testing.T) {
	t.Parallel()
	b := setupBackups(t)
	f, schema := b.active(t, "filled")
	b.exec(t, strings.ReplaceAll(own, "own.", pgx.Identifier{schema}.Sanitize()+"."))
	m, err := b.write(t, f.Tenant)
	require.NoError(t, err)
	target := postgres.Target{Schema: "Filled \"again\"", Role: schema}
	for range 2 { // what an attempt before has left is dropped
		r, err := b.store.Open(b.ctx, m, []age.Identity{b.operator})
		require.NoError(t, err)
		filled, err := b.restorer().Fill(b.ctx, target, m, r, nothingMore)
		require.NoError(t, err)
		require.Equal(t, []string{"a_child", "roles", "z_parent"}, filled.Plain)
	}
	for table, columns := range map[string]string{
		"users": "(id, email, badge, role)", "roles": "(name)", "a_child": "(id, parent, doubled)", "z_parent": "(id, note, words)", "audit_logs": "(id, action, at)",
	} {
		require.Equal(t, b.rows(t, schema, table, "ROW"+columns), b.rows(t, target.Schema, table, "ROW"+columns), table)
	}
	quoted := pgx.Identifier{target.Schema}.Sanitize()
	b.exec(t, `INSERT INTO `+quoted+`.audit_logs (action) VALUES ('after'); INSERT INTO `+quoted+`.a_child (parent) VALUES (1); INSERT INTO `+quoted+`.z_parent (note) VALUES ('after')`)
	var log, child, parent int64
	require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT (SELECT max(id) FROM `+quoted+`.audit_logs), (SELECT max(id) FROM `+quoted+`.a_child), (SELECT max(id) FROM `+quoted+`.z_parent)`).Scan(&log, &child, &parent))
	require.Equal(t, []int64{3, 101, 301}, []int64{log, child, parent}, "sequences go on")
	_, err = b.pool.Exec(b.ctx, `INSERT INTO `+quoted+`.users (id, email, first_name, last_name, role) SELECT gen_random_uuid(), upper(email), 'x', 'y', role FROM `+quoted+`.users`)
	require.ErrorContains(t, err, "users_email", "the template's index is there")
	var use bool
	require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT has_schema_privilege($1, $2, 'USAGE')`, schema, target.Schema).Scan(&use))
	require.False(t, use, "the tenant's role has no right on it")
}

// TestABackupThatIsNotAsItWasFillsNothing.
func TestABackupThatIsNotAsItWasFillsNothing(t *testing.T) {
	t.Parallel()
	b := setupBackups(t)
	f, schema := b.active(t, "altered")
	b.exec(t, strings.ReplaceAll(own, "own.", pgx.Identifier{schema}.Sanitize()+"."))
	m, err := b.write(t, f.Tenant)
	require.NoError(t, err)
	there := func() (found bool) {
		require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT to_regnamespace('scratch') IS NOT NULL`).Scan(&found))
		return found
	}
	fill := func(m backup.Manifest, identity *age.X25519Identity) error {
		r, err := b.store.Open(b.ctx, m, []age.Identity{identity})
		require.NoError(t, err)
		_, err = b.restorer().Fill(b.ctx, postgres.Target{Schema: "scratch", Role: schema}, m, r, nothingMore)
		return err
	}
	stranger, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	require.ErrorIs(t, fill(m, stranger), backup.ErrWrongKey)
	other := m
	other.Archive.SHA256 = strings.Repeat("0", 64)
	require.ErrorIs(t, fill(other, b.operator), backup.ErrAltered)
	newer := m
	newer.Source.Version = 1000
	refused := fill(newer, b.operator)
	var step *tenant.StepError
	require.ErrorAs(t, refused, &step)
	require.True(t, step.Permanent)
	require.Contains(t, step.Reason, "replace the worker")
	typed := m
	typed.Tables = append([]backup.Table(nil), m.Tables...)
	for i := range typed.Tables {
		if typed.Tables[i].Name == "z_parent" {
			typed.Tables[i].Definition = append([]backup.Column(nil), typed.Tables[i].Definition...)
			typed.Tables[i].Definition[0].Type = `:"schema".mood`
		}
	}
	require.ErrorAs(t, fill(typed, b.operator), &step)
	require.Contains(t, step.Reason, "SQLSTATE 42704")
	require.False(t, there())
	require.NoError(t, fill(m, b.operator))
	require.True(t, there())
}

// claimed is a restore that was accepted and has a run.
func (b backupBundle) claimed(t *testing.T, id tenant.ID, from backup.ID) tenant.Fence {
	t.Helper()
	sub := submission(t, tenant.KindRestore, id)
	sub.Operation.Backup = string(from)
	o, err := b.operations.Submit(b.ctx, sub)
	require.NoError(t, err)
	o.RunID, o.State = "run of "+string(o.ID), tenant.StateRunning
	c, err := b.transitions.Claim(b.ctx, o.Fence())
	require.NoError(t, err)
	require.True(t, c.Claimed)
	return o.Fence()
}

// fills has the schema of a restore filled, and once more: nothing happens then.
func (b backupBundle) fills(t *testing.T, f tenant.Fence, m backup.Manifest) postgres.Restoration {
	t.Helper()
	to, done, err := b.restorer().Begin(b.ctx, f)
	require.NoError(t, err)
	require.False(t, done)
	require.Equal(t, m.Ref(), to.Ref)
	r, err := b.store.Open(b.ctx, m, b.opened(t, m))
	require.NoError(t, err)
	require.NoError(t, b.restorer().Complete(b.ctx, f, to, m, r))
	_, done, err = b.restorer().Begin(b.ctx, f)
	require.NoError(t, err)
	require.True(t, done)
	return to
}

// backedUp is a tenant with data of its own, and a backup that the rows know.
func (b backupBundle) backedUp(t *testing.T, name string) (tenant.Tenant, backup.Manifest) {
	t.Helper()
	_, row := b.provision(t, name, tenant.StateSucceeded)
	b.exec(t, strings.ReplaceAll(own, "own.", pgx.Identifier{row.Schema}.Sanitize()+"."))
	maker := b.maker()
	maker.Recipients = []age.Recipient{b.operator.Recipient()}
	m, err := maker.Tenant(b.ctx, tenant.FleetFence{Tenant: row.ID})
	require.NoError(t, err)
	return row, m
}

func (b backupBundle) opened(t *testing.T, m backup.Manifest) []age.Identity {
	t.Helper()
	key, err := b.store.Key(b.ctx, m.Installation, m.Tenant)
	require.NoError(t, err)
	identities, err := key.Open([]age.Identity{b.operator})
	require.NoError(t, err)
	return identities
}

func (b backupBundle) can(t *testing.T, role, schema string) (use bool) {
	t.Helper()
	require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT has_schema_privilege($1, $2, 'USAGE')`, role, schema).Scan(&use))
	return use
}

func (b backupBundle) there(t *testing.T, schema string) (found bool) {
	t.Helper()
	require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)`, schema).Scan(&found))
	return found
}

// leftOfRestores drops what the reconciler finds of restores.
func (b backupBundle) leftOfRestores(t *testing.T) (left []string) {
	t.Helper()
	for _, finding := range b.look(t) {
		if finding.Kind == tenant.FindingRestoreSchema {
			left = append(left, finding.Subject)
			dropped, err := b.repairs.DropRestoreSchema(b.ctx, finding.Subject)
			require.NoError(t, err)
			require.True(t, dropped)
		}
	}
	return left
}

// TestARestoreTakesTheTenantsPlace: the data is that of the backup, access is as it was,
// what was there before is kept where only operators reach it, and goes after a day.
func TestARestoreTakesTheTenantsPlace(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		t.Run(map[bool]string{false: "changed", true: "dropped"}[lost], func(t *testing.T) {
			t.Parallel()
			b := setupBackups(t)
			row, m := b.backedUp(t, "Charité")
			quoted := pgx.Identifier{row.Schema}.Sanitize()
			before := b.rows(t, row.Schema, "a_child", "ROW(id, parent)")
			b.exec(t, `DELETE FROM `+quoted+`.a_child; INSERT INTO `+quoted+`.audit_logs (action) VALUES ('wrong')`)
			if lost {
				b.exec(t, `DROP SCHEMA `+quoted+` CASCADE; DELETE FROM tenant_schema_versions`)
			}
			f := b.claimed(t, row.ID, m.ID)
			to := b.fills(t, f, m)
			require.False(t, b.can(t, row.Role, to.Target.Schema))
			require.NoError(t, b.access.RevokeAccess(b.ctx, f))
			require.NoError(t, b.restorer().Swap(b.ctx, f))

			require.Equal(t, before, b.rows(t, row.Schema, "a_child", "ROW(id, parent)"))
			require.Len(t, b.rows(t, row.Schema, "audit_logs", "ROW(action)"), 2)
			require.True(t, b.can(t, row.Role, row.Schema))
			require.False(t, b.there(t, to.Target.Schema))
			o, err := b.operations.Find(b.ctx, f.Operation)
			require.NoError(t, err)
			require.Equal(t, tenant.StateSucceeded, o.State)
			require.Equal(t, []string{"a_child", "roles", "z_parent"}, o.Restored.Plain)
			require.Equal(t, m.Rows(), o.Restored.Rows)
			found, err := b.tenants.Find(b.ctx, row.ID)
			require.NoError(t, err)
			require.Equal(t, tenant.StatusActive, found.Status)

			kept := "tp_kept_" + strings.ReplaceAll(string(f.Operation), "-", "")
			require.Equal(t, !lost, b.there(t, kept))
			for _, finding := range b.look(t) {
				require.Contains(t, []tenant.FindingKind{tenant.FindingSchemaIncomplete, tenant.FindingGrantsMissing}, finding.Kind, "what a plain table lacks: %s", finding.Detail)
			}
			if lost {
				return
			}
			require.False(t, b.can(t, row.Role, kept))
			require.Empty(t, b.rows(t, kept, "a_child", "ROW(id)"))
			gone, err := b.repairs.DropRestoreSchema(b.ctx, kept)
			require.NoError(t, err)
			require.False(t, gone, "it is kept for a day")
			b.exec(t, `UPDATE restore_schemas SET drop_after = now()`)
			b.exec(t, `UPDATE tenants SET legal_hold = '{"setBy": "ada", "setAt": "2026-01-01T00:00:00Z", "reason": "case 4"}'`)
			gone, err = b.repairs.DropRestoreSchema(b.ctx, kept)
			require.NoError(t, err)
			require.False(t, gone, "nor while the tenant is under legal hold")
			b.exec(t, `UPDATE tenants SET legal_hold = NULL`)
			require.Equal(t, []string{kept}, b.leftOfRestores(t))
			require.False(t, b.there(t, kept))
		})
	}
}

// TestARestoreThatIsRolledBackLeavesNothing.
func TestARestoreThatIsRolledBackLeavesNothing(t *testing.T) {
	t.Parallel()
	b := setupBackups(t)
	row, m := b.backedUp(t, "Charité")
	f := b.claimed(t, row.ID, m.ID)
	to := b.fills(t, f, m)
	require.NoError(t, b.access.RevokeAccess(b.ctx, f))
	b.move(t, f, tenant.StateRunning, tenant.StateRollingBack)
	f.State = tenant.StateRollingBack
	require.NoError(t, b.access.RestoreAccess(b.ctx, f))
	for range 2 {
		require.NoError(t, b.restorer().Drop(b.ctx, f))
	}
	b.move(t, f, tenant.StateRollingBack, tenant.StateRolledBack)
	require.False(t, b.there(t, to.Target.Schema))
	require.True(t, b.can(t, row.Role, row.Schema))
	require.Empty(t, b.rows(t, "public", "restore_schemas", "ROW(schema_name)"))

	// One whose run was terminated leaves what the reconciler drops.
	f = b.claimed(t, row.ID, m.ID)
	to = b.fills(t, f, m)
	dropped, err := b.repairs.DropRestoreSchema(b.ctx, to.Target.Schema)
	require.NoError(t, err)
	require.False(t, dropped, "the operation is open")
	b.exec(t, `UPDATE operations SET state = 'ROLLED_BACK', finished_at = now() WHERE state = 'RUNNING'`)
	b.exec(t, `CREATE SCHEMA tp_kept_00000000000000000000000000000000`)
	require.ElementsMatch(t, []string{to.Target.Schema, "tp_kept_00000000000000000000000000000000"}, b.leftOfRestores(t))
	require.False(t, b.there(t, to.Target.Schema))
}

// TestOnlyAGoodBackupOfTheTenantIsRestored.
func TestOnlyAGoodBackupOfTheTenantIsRestored(t *testing.T) {
	t.Parallel()
	b := setupBackups(t)
	row, m := b.backedUp(t, "Charité")
	_, other := b.backedUp(t, "Another")
	ask := func(from string) error {
		sub := submission(t, tenant.KindRestore, row.ID)
		sub.Operation.Backup = from
		_, err := b.operations.Submit(b.ctx, sub)
		return err
	}
	for from, says := range map[string]string{
		string(other.ID):                       "is no backup of this tenant",
		"01a22ed0-5bbb-7338-bc36-1c4dba7d079e": "is no backup of this tenant",
		"the newest":                           "is no backup id",
	} {
		var invalid *tenant.InvalidError
		require.ErrorAs(t, ask(from), &invalid, from)
		require.Equal(t, "backupId", invalid.Fields[0].Field)
		require.Contains(t, invalid.Fields[0].Message, says)
	}
	b.exec(t, `UPDATE backups SET state = 'BROKEN' WHERE id = '`+string(m.ID)+`'`)
	require.ErrorContains(t, ask(string(m.ID)), "BROKEN")
	b.exec(t, `UPDATE backups SET state = 'GOOD', taken_at = now() - interval '40 days', created_at = now() - interval '40 days' WHERE id = '`+string(m.ID)+`'`)
	require.NoError(t, ask(string(m.ID)))
	_, err := b.maker().Tenant(b.ctx, tenant.FleetFence{Tenant: row.ID})
	require.NoError(t, err)
	old, err := b.backups.Expire(b.ctx, 10)
	require.NoError(t, err)
	require.Empty(t, old, "it is being restored")
}

// TestAPurgeDropsWhatRestoresHaveKept.
func TestAPurgeDropsWhatRestoresHaveKept(t *testing.T) {
	t.Parallel()
	b := setupBackups(t)
	row, m := b.backedUp(t, "Charité")
	f := b.claimed(t, row.ID, m.ID)
	b.fills(t, f, m)
	require.NoError(t, b.access.RevokeAccess(b.ctx, f))
	require.NoError(t, b.restorer().Swap(b.ctx, f))
	require.Len(t, b.rows(t, "public", "restore_schemas", "ROW(purpose)"), 1)
	b.exec(t, `UPDATE tenants SET status = 'ARCHIVED', archived_from = 'ACTIVE', purge_after = now(), name_held = false`)
	require.NoError(t, b.schemas.Remove(b.ctx, b.submit(t, tenant.KindPurge, row.ID)))
	require.Empty(t, b.rows(t, "public", "restore_schemas", "ROW(purpose)"))
	require.False(t, b.there(t, "tp_kept_"+strings.ReplaceAll(string(f.Operation), "-", "")))
	require.False(t, b.there(t, row.Schema))
}
