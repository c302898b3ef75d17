package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/tenant"
)

// Names of the schemas that an operation's restore has: what it fills, and what the
// tenant had before.
func scratchSchema(id tenant.OperationID) string { return "tp_restore_" + digits(string(id)) }
func keptSchema(id tenant.OperationID) string    { return "tp_kept_" + digits(string(id)) }
func digits(id string) string                    { return strings.ReplaceAll(id, "-", "") }

// mayRestore refuses a backup that is not there, is no good one, or another's.
func mayRestore(ctx context.Context, tx pgx.Tx, o tenant.Operation) error {
	id, err := backup.ParseID(o.Backup)
	if err != nil {
		return &tenant.InvalidError{Fields: []tenant.FieldError{{Field: "backupId", Message: err.Error()}}}
	}
	var state backup.State
	err = tx.QueryRow(ctx, `SELECT state FROM backups WHERE id = $1 AND tenant_id = $2 FOR SHARE`, string(id), string(o.TenantID)).Scan(&state)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return &tenant.InvalidError{Fields: []tenant.FieldError{{Field: "backupId", Message: "is no backup of this tenant; starter backup list " + string(o.TenantID) + " lists them"}}}
	case err != nil:
		return err
	case state != backup.Good:
		return &tenant.InvalidError{Fields: []tenant.FieldError{{Field: "backupId", Message: "is a backup that is " + string(state) + ": only a GOOD one can be restored"}}}
	}
	return nil
}

// Restoration is what an operation restores, and where to.
type Restoration struct {
	Ref    backup.Ref
	Target Target
}

// Begin writes down which schema an operation of the kind restore is about to fill, and
// makes the tenant's role where it is gone. Done tells that the schema is filled already.
func (r *Restorer) Begin(ctx context.Context, f tenant.Fence) (to Restoration, done bool, err error) {
	err = r.pool.inTx(ctx, func(tx pgx.Tx) error {
		var login string
		b := &pgx.Batch{}
		b.Queue(passFence, fenceArgs(f)...)
		b.Queue(`SELECT o.backup_id::text, t.id::text, i.id::text, t.role_name, t.app_login,
				EXISTS (SELECT FROM provisioning_logs l WHERE l.operation_id = o.id AND l.step = $2 AND l.status = 'COMPLETED')
			FROM operations o JOIN tenants t ON t.id = o.tenant_id, installation i WHERE o.id = $1`, string(f.Operation), string(tenant.StepRestoreData)).
			QueryRow(func(row pgx.Row) error {
				return row.Scan(&to.Ref.ID, &to.Ref.Tenant, &to.Ref.Installation, &to.Target.Role, &login, &done)
			})
		b.Queue(`SELECT ensure_app_login(t.app_login), ensure_role(t.role_name, t.id::text, 'NOLOGIN') FROM tenants t WHERE t.id = $1`, string(f.Tenant))
		b.Queue(`INSERT INTO restore_schemas (schema_name, purpose, tenant_id, operation_id, version, drop_after)
			VALUES ($1, 'scratch', $2, $3, $4, now() + $5::interval) ON CONFLICT DO NOTHING`,
			scratchSchema(f.Operation), string(f.Tenant), string(f.Operation), r.schemas.template.Version, tenant.KeptFor)
		if err := run(ctx, tx, b); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `GRANT `+pgx.Identifier{to.Target.Role}.Sanitize()+` TO `+pgx.Identifier{login}.Sanitize())
		return err
	})
	if err != nil {
		return Restoration{}, false, stepError(tenant.StepRestoreData, err)
	}
	to.Target.Schema = scratchSchema(f.Operation)
	return to, done, nil
}

// Complete fills the schema of an operation, and notes what came of it.
func (r *Restorer) Complete(ctx context.Context, f tenant.Fence, to Restoration, m backup.Manifest, archive *backup.Reader) error {
	_, err := r.Fill(ctx, to.Target, m, archive, func(tx pgx.Tx, filled Filled) error {
		restored, err := json.Marshal(tenant.Restored{TakenAt: m.TakenAt, Rows: m.Rows(), Version: filled.Version, Plain: filled.Plain})
		if err != nil {
			return err
		}
		b := &pgx.Batch{}
		b.Queue(passFence, fenceArgs(f)...)
		b.Queue(`UPDATE operations SET restored = $2 WHERE id = $1`, string(f.Operation), string(restored))
		b.Queue(`UPDATE restore_schemas SET version = $2 WHERE schema_name = $1`, to.Target.Schema, filled.Version)
		logDone(b, f, tenant.StepRestoreData)
		return run(ctx, tx, b)
	})
	return err
}

// Drop undoes Complete, also where it never ran.
func (r *Restorer) Drop(ctx context.Context, f tenant.Fence) error {
	started := time.Now()
	err := r.pool.inTx(ctx, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue(passFence, fenceArgs(f)...)
		queueDropRestored(b, scratchSchema(f.Operation))
		logUndone(b, f, tenant.StepRestoreData, time.Since(started))
		return run(ctx, tx, b)
	})
	if err != nil {
		return stepError(tenant.StepRestoreData, err)
	}
	return nil
}

func queueDropRestored(b *pgx.Batch, schema string) {
	b.Queue(`DROP SCHEMA IF EXISTS ` + pgx.Identifier{schema}.Sanitize() + ` CASCADE`)
	b.Queue(`DELETE FROM restore_schemas WHERE schema_name = $1`, schema)
}

// Swap puts the schema that was filled into the place of the tenant's, in one
// transaction with the end of the operation. What the tenant had is kept for
// tenant.KeptFor. The role of one that is ACTIVE can use its schema from that commit on.
// Whoever has not set a password yet has the name and address that the tenant's row has
// now.
func (r *Restorer) Swap(ctx context.Context, f tenant.Fence) error {
	err := r.pool.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, passFence, fenceArgs(f)...); err != nil {
			return err
		}
		var schema string
		err := tx.QueryRow(ctx, swapRestored, string(f.Operation), keptSchema(f.Operation), tenant.KeptFor).Scan(&schema)
		if errors.Is(err, pgx.ErrNoRows) {
			return &tenant.StepError{
				Class: tenant.ClassConflict, Permanent: true,
				Reason: "the schema that was filled from the backup is gone; nothing of the tenant was changed: roll back, and restore again",
			}
		}
		if err != nil {
			return err
		}
		b := &pgx.Batch{}
		b.Queue(`UPDATE `+pgx.Identifier{schema, "users"}.Sanitize()+` u SET email = t.admin_email, first_name = t.admin_first_name, last_name = t.admin_last_name
			FROM tenants t WHERE t.id = $1::uuid AND u.id = $2::uuid AND u.password_hash IS NULL`, string(f.Tenant), f.Tenant.AdministratorID())
		if f.To == tenant.StatusActive {
			giveAccess(b, f)
		}
		completeStage(b, f, tenant.StepSwapSchemas, `NOT pivot_passed`)
		logDone(b, f, tenant.StepSwapSchemas)
		return run(ctx, tx, b)
	})
	if err != nil {
		return stepError(tenant.StepSwapSchemas, err)
	}
	return nil
}

// swapRestored changes the schemas and the rows that own them.
const swapRestored = `
	WITH swapped AS MATERIALIZED (
		SELECT s.schema_name AS scratch, s.version, t.id, t.schema_name, t.generation, v.version AS had_version,
			swap_schemas(t.schema_name, s.schema_name, $2, t.role_name) AS had
		FROM restore_schemas s JOIN tenants t ON t.id = s.tenant_id LEFT JOIN tenant_schema_versions v ON v.schema_name = t.schema_name
		WHERE s.operation_id = $1 AND s.purpose = 'scratch' AND to_regnamespace(quote_ident(s.schema_name)) IS NOT NULL
	), gone AS (
		DELETE FROM restore_schemas r USING swapped s WHERE r.schema_name = s.scratch
	), kept AS (
		INSERT INTO restore_schemas (schema_name, purpose, tenant_id, operation_id, version, drop_after)
		SELECT $2, 'kept', id, $1, coalesce(had_version, version), now() + $3::interval FROM swapped WHERE had
	)
	INSERT INTO tenant_schema_versions (schema_name, tenant_id, generation, version) SELECT schema_name, id, generation, version FROM swapped
	ON CONFLICT (schema_name) DO UPDATE SET version = EXCLUDED.version, generation = EXCLUDED.generation, updated_at = now()
	RETURNING schema_name`

// unneeded is a schema s of a restore, with its tenant t and operation o, that nobody
// needs any more.
const unneeded = `CASE s.purpose WHEN 'scratch' THEN o.state IN ('SUCCEEDED', 'ROLLED_BACK')
	ELSE s.drop_after <= now() AND (t.legal_hold IS NULL OR t.status = 'DELETED') END`

// ofRestores joins what unneeded asks for.
const ofRestores = `restore_schemas s JOIN tenants t ON t.id = s.tenant_id JOIN operations o ON o.id = s.operation_id`

// dropLockTimeout is how long such a schema's tables are waited for. People look into them,
// and the repairs that come after must not wait for that.
const dropLockTimeout = 5 * time.Second

// DropRestoreSchema drops a schema of a restore that nobody needs any more, or that no
// row knows. It reports false when there is none, or somebody needs it. The error is a
// *tenant.StepError when a session holds a lock in it.
func (r *Repairs) DropRestoreSchema(ctx context.Context, schema string) (bool, error) {
	dropped := false
	err := r.pool.inTx(ctx, func(tx pgx.Tx) error {
		var leftover bool
		err := tx.QueryRow(ctx, `SELECT `+unneeded+` FROM `+ofRestores+` WHERE s.schema_name = $1 FOR UPDATE OF s`, schema).Scan(&leftover)
		if errors.Is(err, pgx.ErrNoRows) {
			err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = $1 AND n.nspname ~ '`+restoreName+`')`, schema).Scan(&leftover)
		}
		if dropped = leftover; err != nil || !leftover {
			return err
		}
		b := &pgx.Batch{}
		b.Queue(setLockTimeout, fmt.Sprint(dropLockTimeout.Milliseconds()))
		queueDropRestored(b, schema)
		return run(ctx, tx, b)
	})
	if sqlState(err) == stateLockNotAvailable {
		return false, fmt.Errorf("drop schema %s: %w", schema, &tenant.StepError{
			Class: tenant.ClassConflict, Err: err,
			Reason: "a session works in " + schema + ", which nobody needs any more; it is dropped when that session has ended its transaction, and pg_locks says who it is",
		})
	}
	if err != nil {
		return false, fmt.Errorf("drop schema %s: %w", schema, interpret(err))
	}
	return dropped, nil
}

// restoreName is what such schemas are called.
const restoreName = `^tp_(restore|kept)_[0-9a-f]{32}$`

// dropRestoredOf drops all such schemas of a tenant that is being purged.
func dropRestoredOf(ctx context.Context, tx pgx.Tx, id tenant.ID) error {
	rows, err := tx.Query(ctx, `SELECT schema_name FROM restore_schemas WHERE tenant_id = $1::uuid FOR UPDATE`, string(id))
	if err != nil {
		return err
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(all) == 0 {
		return err
	}
	b := &pgx.Batch{}
	for _, schema := range all {
		queueDropRestored(b, schema)
	}
	return run(ctx, tx, b)
}
