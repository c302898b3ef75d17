package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/migrations"
)

// maxSchemaWork bounds the transactions that create or drop schemas at a time,
// in this process: beyond about two per core of the database they get slower
// (the figures: docs/decisions.md, "Schema work has a pool of its own").
const maxSchemaWork = 4

// Schemas makes tenants' schemas and roles from the template, and drops them.
type Schemas struct {
	pool database
	// schemas has a bound of its own and never prepares statements: what it
	// runs names tables that the same batch creates.
	schemas  database
	template migrations.Template
	// templates is what each version of it makes.
	templates struct {
		sync.Mutex
		made map[int64]made
	}
}

// NewSchemas makes schemas on the database of a pool, by connections of its own.
// Close it after use; the pool stays the caller's.
func NewSchemas(ctx context.Context, pool *pgxpool.Pool) (*Schemas, error) {
	template, err := migrations.Tenant()
	if err != nil {
		return nil, err
	}
	return NewSchemasOf(ctx, pool, template)
}

// NewSchemasOf is NewSchemas with another template than the embedded one.
func NewSchemasOf(ctx context.Context, pool *pgxpool.Pool, template migrations.Template) (*Schemas, error) {
	c := pool.Config()
	c.MaxConns = maxSchemaWork
	c.MinConns = 0
	c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	schemas, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("make the pool for schema work: %w", err)
	}
	return &Schemas{pool: database{pool}, schemas: database{schemas}, template: template}, nil
}

// Close gives back the connections that it made itself.
func (s *Schemas) Close() { s.schemas.Close() }

// Stat tells of the connections that it made itself.
func (s *Schemas) Stat() *pgxpool.Stat { return s.schemas.Stat() }

// seedRoles are the roles of a tenant's own users.
const (
	seedRoles  = `INSERT INTO %s (name, description) ` + seedValues
	seedValues = `VALUES
	('admin', 'manages users and settings'), ('user', 'works with the data'), ('viewer', 'reads')`
)

// Create makes a tenant's role, schema, tables, seed roles and first
// administrator in one transaction and one round trip. Repeating it after it
// was committed changes nothing.
func (s *Schemas) Create(ctx context.Context, f tenant.Fence) error {
	t, err := (&Tenants{s.pool}).Find(ctx, f.Tenant)
	if err != nil {
		return stepError(tenant.StepCreateSchema, err)
	}
	if t.Imported != nil {
		return s.adopt(ctx, f, t)
	}
	progress := &schemaProgress{step: tenant.StepCreateSchema}
	err = onceMore(func() error { return s.send(ctx, s.batch(f, t, progress)) })
	if sqlState(err) == stateAlreadyDone {
		return nil
	}
	if err != nil {
		return stepError(progress.step, err)
	}
	return nil
}

func (s *Schemas) send(ctx context.Context, b *pgx.Batch) error {
	conn, err := s.acquire(ctx, tenant.StepCreateSchema)
	if err != nil {
		return err
	}
	defer conn.Release()
	return run(ctx, conn, b)
}

// acquire waits for its turn among the schema work of this process.
func (s *Schemas) acquire(ctx context.Context, step tenant.Step) (*pgxpool.Conn, error) {
	conn, err := s.schemas.Acquire(ctx)
	if err == nil {
		return conn, nil
	}
	if busy := s.schemas.Stat(); errors.Is(err, context.DeadlineExceeded) && busy.AcquiredConns() == busy.MaxConns() {
		return nil, &tenant.StepError{
			Step: step, Class: tenant.ClassCapacity, Queued: true, Err: err,
			Reason: "the attempt's time was up before its turn came among the schema work of this worker; the step is repeated by itself",
		}
	}
	return nil, fmt.Errorf("wait for a connection for schema work: %w", err)
}

// schemaProgress follows the batch's answers, to tell which step failed.
type schemaProgress struct{ step tenant.Step }

// reached notes that everything before was done and step is next.
func (p *schemaProgress) reached(b *pgx.Batch, next tenant.Step, mark string) {
	b.Queue(`SELECT set_config('tenant_provisioning.` + mark + `', clock_timestamp()::text, true)`).
		QueryRow(func(row pgx.Row) error {
			var at string
			if err := row.Scan(&at); err != nil {
				return err
			}
			p.step = next
			return nil
		})
}

func (s *Schemas) batch(f tenant.Fence, t tenant.Tenant, p *schemaProgress) *pgx.Batch {
	schema, role, login := pgx.Identifier{t.Schema}.Sanitize(), pgx.Identifier{t.Role}.Sanitize(), pgx.Identifier{t.AppLogin}.Sanitize()
	b := &pgx.Batch{}
	b.Queue(passFence, fenceArgs(f)...)
	b.Queue(`SELECT claim_schema($1::text, $2::uuid, $3::integer, $4::bigint)`, t.Schema, string(t.ID), f.Generation, s.template.Version)
	p.reached(b, tenant.StepCreateSchema, "began")
	b.Queue(`SELECT ensure_app_login($1::text), ensure_role($2::text, $3::text, 'NOLOGIN')`, t.AppLogin, t.Role, string(t.ID))
	b.Queue(`GRANT ` + role + ` TO ` + login)
	b.Queue(`CREATE SCHEMA ` + schema)
	p.reached(b, tenant.StepRunMigrations, "schema")
	b.Queue(`SELECT run_script($1::text)`, s.template.For(schema, role))
	p.reached(b, tenant.StepSeedRolesAndUser, "migrated")
	b.Queue(fmt.Sprintf(seedRoles, pgx.Identifier{t.Schema, "roles"}.Sanitize()))
	// As the tenant's row is now, and not as it was when the step began: whoever
	// corrects the address meanwhile finds no user yet. The lock has a later
	// correction wait, and find one.
	b.Queue(`INSERT INTO `+pgx.Identifier{t.Schema, "users"}.Sanitize()+` (id, email, first_name, last_name, role)
		SELECT $1::uuid, admin_email, admin_first_name, admin_last_name, 'admin' FROM tenants WHERE id = $2::uuid FOR SHARE`,
		t.ID.AdministratorID(), string(t.ID))
	b.Queue(`
		INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, attempt, started_at, duration_ms)
		SELECT $1::uuid, $2::uuid, step, 'COMPLETED', next_attempt($2::uuid, step), began, extract(epoch FROM ended - began) * 1000
		FROM (VALUES
			(1, 'CREATE_SCHEMA', current_setting('tenant_provisioning.began')::timestamptz, current_setting('tenant_provisioning.schema')::timestamptz),
			(2, 'RUN_MIGRATIONS', current_setting('tenant_provisioning.schema')::timestamptz, current_setting('tenant_provisioning.migrated')::timestamptz),
			(3, 'SEED_ROLES_AND_USER', current_setting('tenant_provisioning.migrated')::timestamptz, clock_timestamp())
		) AS done (n, step, began, ended) ORDER BY n`,
		string(f.Tenant), string(f.Operation))
	return b
}

// Drop undoes Create: it drops the schema and the role, but only
// if the ownership row carries this generation and the tenant was never
// active. A schema that was adopted stays, as it was before. What was never made is
// no error. A role on which objects in other
// databases of the server depend, as in a copy of this one, is left, with a
// finding that names them.
func (s *Schemas) Drop(ctx context.Context, f tenant.Fence) error {
	return s.dropping(ctx, tenant.StepCreateSchema, func(tx pgx.Tx) error { return dropSchema(ctx, tx, f) })
}

// dropping runs what drops a schema, for a step, in a transaction when its turn has
// come.
func (s *Schemas) dropping(ctx context.Context, step tenant.Step, do func(pgx.Tx) error) error {
	err := onceMore(func() error {
		conn, err := s.acquire(ctx, step)
		if err != nil {
			return err
		}
		defer conn.Release()
		return pgx.BeginFunc(ctx, conn, do)
	})
	if err != nil {
		return stepError(step, err)
	}
	return nil
}

func dropSchema(ctx context.Context, tx pgx.Tx, f tenant.Fence) error {
	started := time.Now()
	if _, err := tx.Exec(ctx, passFence, fenceArgs(f)...); err != nil {
		return err
	}
	var schema, role string
	var everActive, ourRole, adopted bool
	rows, err := tx.Query(ctx, `
		SELECT v.schema_name, t.role_name, t.activated_at IS NOT NULL,
			EXISTS (SELECT FROM pg_roles r WHERE r.rolname = t.role_name AND shobj_description(r.oid, 'pg_authid') = role_mark(t.id::text)),
			EXISTS (SELECT FROM tenant_imports i WHERE i.tenant_id = t.id)
		FROM tenant_schema_versions v JOIN tenants t ON t.id = v.tenant_id
		WHERE v.tenant_id = $1::uuid AND v.generation = $2::integer AND v.schema_name = t.schema_name`, string(f.Tenant), f.Generation)
	if err != nil {
		return err
	}
	n := 0
	if _, err = pgx.ForEachRow(rows, []any{&schema, &role, &everActive, &ourRole, &adopted}, func() error { n++; return nil }); err != nil {
		return err
	}
	switch {
	case n == 0:
		return nil // never made
	case everActive:
		return &tenant.StepError{
			Step: tenant.StepCreateSchema, Class: tenant.ClassConflict, Permanent: true,
			Reason: "the tenant was active once: its data is never dropped by a rollback",
		}
	}
	b := &pgx.Batch{}
	if adopted {
		if err := release(ctx, tx, f, schema); err != nil {
			return err
		}
	} else {
		b.Queue(`DROP SCHEMA IF EXISTS ` + pgx.Identifier{schema}.Sanitize() + ` CASCADE`)
	}
	b.Queue(`DELETE FROM tenant_schema_versions WHERE schema_name = $1::text`, schema)
	if err := run(ctx, tx, b); err != nil {
		return err
	}
	if ourRole {
		if err := dropRole(ctx, tx, f, role); err != nil {
			return err
		}
	}
	logs := &pgx.Batch{}
	for _, step := range []tenant.Step{tenant.StepSeedRolesAndUser, tenant.StepRunMigrations, tenant.StepCreateSchema} {
		logUndo(logs, f, step, time.Since(started)) // one drop undoes all three
	}
	return run(ctx, tx, logs)
}

// dropRole drops a tenant's role. Nobody who works on this database can do
// anything about what another one holds, so that does not block the rollback.
func dropRole(ctx context.Context, tx pgx.Tx, f tenant.Fence, role string) error {
	err := pgx.BeginFunc(ctx, tx, func(try pgx.Tx) error {
		_, err := try.Exec(ctx, `DROP ROLE `+pgx.Identifier{role}.Sanitize())
		return err
	})
	if sqlState(err) != stateDependent {
		return err
	}
	var elsewhere string
	var here bool
	if asked := tx.QueryRow(ctx, `
		SELECT coalesce(role_held_by(oid), ''), EXISTS (SELECT FROM pg_shdepend d WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid
			AND d.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())))
		FROM pg_roles r WHERE rolname = $1::text`, role).Scan(&elsewhere, &here); asked != nil {
		return asked
	}
	if here || elsewhere == "" {
		return err
	}
	return writeFindings(ctx, tx, []tenant.Finding{{
		Kind: tenant.FindingFailedWithRole, Subject: role, Tenant: f.Tenant, Operation: f.Operation,
		Detail: "the tenant's schema was dropped, and its role " + role + " is there: " + elsewhere + " depend on it", Repair: tenant.FindingFailedWithRole.Repair(),
	}})
}
