package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tenant-provisioning/internal/tenant"
)

// adopt is Create for a tenant whose schema is there with its data: the role and its
// privileges are made, and what the template has and the schema lacks is added, in one
// transaction that also keeps how to take it off. No row of the tenant's is changed.
func (s *Schemas) adopt(ctx context.Context, f tenant.Fence, t tenant.Tenant) error {
	template, err := s.templateOf(ctx, s.template.Version)
	if err != nil {
		return stepError(tenant.StepCreateSchema, err)
	}
	a := adopter{fence: f, tenant: t, template: template, version: s.template.Version, script: s.template.For}
	err = onceMore(func() error {
		conn, err := s.acquire(ctx, tenant.StepCreateSchema)
		if err != nil {
			return err
		}
		defer conn.Release()
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			a.step, a.undo, a.changes = tenant.StepCreateSchema, nil, nil // it may be the second time
			return a.run(ctx, tx)
		})
	})
	if sqlState(err) == stateAlreadyDone {
		return nil
	}
	if err != nil {
		return a.explain(err)
	}
	return nil
}

// adopter adopts one schema.
type adopter struct {
	fence    tenant.Fence
	tenant   tenant.Tenant
	template made
	version  int64
	script   func(schema, role string) string
	// step is the one that is under way.
	step tenant.Step
	// undo has the statements that take off what was added, the newest first.
	undo    []string
	changes []string
}

func (a *adopter) run(ctx context.Context, tx pgx.Tx) error {
	t, schema := a.tenant, pgx.Identifier{a.tenant.Schema}.Sanitize()
	role, login := pgx.Identifier{t.Role}.Sanitize(), pgx.Identifier{t.AppLogin}.Sanitize()
	began := time.Now()
	b := &pgx.Batch{}
	b.Queue(passFence, fenceArgs(a.fence)...)
	b.Queue(`SELECT claim_adopted_schema($1::text, $2::uuid, $3::integer, $4::bigint)`, t.Schema, string(t.ID), a.fence.Generation, a.version)
	b.Queue(setLockTimeout, fmt.Sprint(MigrateLockTimeout.Milliseconds()))
	b.Queue(`SELECT ensure_app_login($1::text), ensure_role($2::text, $3::text, 'NOLOGIN')`, t.AppLogin, t.Role, string(t.ID))
	b.Queue(`GRANT ` + role + ` TO ` + login)
	if err := run(ctx, tx, b); err != nil {
		return err
	}
	claimed := time.Now()
	a.step = tenant.StepRunMigrations
	what, err := lookForAdoption(ctx, tx, t.Schema, a.template.shape)
	if err != nil {
		return err
	}
	if len(what.differs) > 0 {
		return a.refuse("the schema " + t.Schema + " cannot be adopted: " + strings.Join(what.differs, "; "))
	}
	a.changes = what.changes()
	if err := a.complete(ctx, tx, what); err != nil {
		return err
	}
	if err := a.grant(ctx, tx, schema, role); err != nil {
		return err
	}
	fitted := time.Now()
	a.step = tenant.StepSeedRolesAndUser
	administrator, err := a.seedUser(ctx, tx)
	if err != nil {
		return err
	}
	logs := &pgx.Batch{}
	logs.Queue(`UPDATE tenant_imports SET adopted_at = now(), administrator_id = $2::uuid, changes = $3::text[], undo = $4::text[] WHERE tenant_id = $1::uuid`,
		string(t.ID), administrator, a.changes, a.undo)
	for _, done := range []struct {
		step tenant.Step
		from time.Time
		took time.Duration
	}{
		{tenant.StepCreateSchema, began, claimed.Sub(began)},
		{tenant.StepRunMigrations, claimed, fitted.Sub(claimed)},
		{tenant.StepSeedRolesAndUser, fitted, time.Since(fitted)},
	} {
		logs.Queue(`
			INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, attempt, started_at, duration_ms)
			SELECT $1::uuid, $2::uuid, $3::text, 'COMPLETED', next_attempt($2::uuid, $3::text), now() + $4::interval, $5::float8`,
			string(t.ID), string(a.fence.Operation), string(done.step), done.from.Sub(began), float64(done.took.Microseconds())/1000)
	}
	return run(ctx, tx, logs)
}

// lookForAdoption compares a schema with what the template makes, and says whose it is.
func lookForAdoption(ctx context.Context, tx pgx.Tx, schema string, template shape) (adoption, error) {
	owners, err := foreignOwners(ctx, tx, schema)
	if err != nil {
		return adoption{}, err
	}
	present, err := readShape(ctx, tx, schema)
	if err != nil {
		return adoption{}, err
	}
	what := adopting(schema, template, present)
	what.differs = append(owners, what.differs...)
	return what, nil
}

// foreignOwners says what in a schema belongs to others than the control plane, which
// then cannot grant it.
func foreignOwners(ctx context.Context, tx pgx.Tx, schema string) ([]string, error) {
	rows, err := tx.Query(ctx, `
		WITH RECURSIVE `+ourselves+`
		SELECT x.what || ' belongs to ' || coalesce(r.rolname, x.owner::text) || ', and must belong to ' || current_user
		FROM pg_namespace n JOIN (
			SELECT oid AS schema, 'the schema itself' AS what, nspowner AS owner FROM pg_namespace
			UNION ALL SELECT c.relnamespace, c.relname, c.relowner FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S')) x ON x.schema = n.oid
		LEFT JOIN pg_roles r ON r.oid = x.owner
		WHERE n.nspname = $1 AND x.owner NOT IN (SELECT oid FROM ourselves) ORDER BY x.what LIMIT 5`, schema)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// complete adds what the schema lacks of the template. Missing tables are made by the
// template itself, beside the schema, and moved in.
func (a *adopter) complete(ctx context.Context, tx pgx.Tx, what adoption) error {
	if len(what.makes) > 0 {
		if err := a.makeTables(ctx, tx, what.makes); err != nil {
			return err
		}
	}
	if err := a.seedRoles(ctx, tx, what.makes); err != nil {
		return err
	}
	return within(ctx, tx, a.tenant.Schema, func() error {
		for _, step := range what.steps {
			if _, err := tx.Exec(ctx, step.do); err != nil {
				return err
			}
			a.undoBy(step.undo)
		}
		return nil
	})
}

func (a *adopter) undoBy(statement string) { a.undo = append([]string{statement}, a.undo...) }

func (a *adopter) makeTables(ctx context.Context, tx pgx.Tx, tables []string) error {
	scratch := pgx.Identifier{"tp_import_" + strings.ToLower(rand.Text()[:16])}.Sanitize()
	b := &pgx.Batch{}
	b.Queue(`CREATE SCHEMA ` + scratch)
	b.Queue(`SELECT run_script($1::text)`, a.script(scratch, pgx.Identifier{a.tenant.Role}.Sanitize()))
	if err := run(ctx, tx, b); err != nil {
		return err
	}
	b = &pgx.Batch{}
	for _, table := range tables {
		b.Queue(`ALTER TABLE ` + scratch + `.` + pgx.Identifier{table}.Sanitize() + ` SET SCHEMA ` + pgx.Identifier{a.tenant.Schema}.Sanitize())
		a.undoBy(`DROP TABLE IF EXISTS ` + pgx.Identifier{a.tenant.Schema, table}.Sanitize())
	}
	b.Queue(`DROP SCHEMA ` + scratch + ` CASCADE`) // with the keys that lead from what was moved to what was not
	return run(ctx, tx, b)
}

// seedRoles adds the roles of users that are missing, before users refer to them.
func (a *adopter) seedRoles(ctx context.Context, tx pgx.Tx, made []string) error {
	table := pgx.Identifier{a.tenant.Schema, "roles"}.Sanitize()
	rows, err := tx.Query(ctx, `INSERT INTO `+table+` (name, description)
		SELECT s.name, s.description FROM (`+seedValues+`) AS s (name, description)
		WHERE NOT EXISTS (SELECT FROM `+table+` r WHERE r.name = s.name) RETURNING quote_literal(name)`)
	if err != nil {
		return err
	}
	added, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	if len(added) > 0 && !slices.Contains(made, "roles") {
		a.changes = append(a.changes, "adds the roles "+strings.Join(added, ", "))
		a.undoBy(`DELETE FROM ` + table + ` WHERE name IN (` + strings.Join(added, ", ") + `)`)
	}
	return nil
}

// grant gives the tenant's role what the template gives it.
func (a *adopter) grant(ctx context.Context, tx pgx.Tx, schema, role string) error {
	rows, err := tx.Query(ctx, `
		SELECT format('GRANT %s%s ON %s %s TO %s', e.privilege, CASE WHEN e.col = '' THEN '' ELSE format(' (%I)', e.col) END, e.kind,
			CASE WHEN e.relation = '' THEN $2::text ELSE format('%s.%I', $2::text, e.relation) END, CASE WHEN e.grantee = 0 THEN 'PUBLIC' ELSE $3::text END)
		FROM jsonb_to_recordset($1::jsonb) AS e (grantee bigint, kind text, relation text, col text, privilege text)`, a.template.grants, schema, role)
	if err != nil {
		return err
	}
	grants, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	b := &pgx.Batch{}
	for _, g := range grants {
		b.Queue(g)
	}
	a.undoBy(`REVOKE ALL ON SCHEMA ` + schema + ` FROM ` + role)
	a.undoBy(`REVOKE ALL ON ALL TABLES IN SCHEMA ` + schema + ` FROM ` + role)
	a.undoBy(`REVOKE ALL ON ALL SEQUENCES IN SCHEMA ` + schema + ` FROM ` + role)
	return run(ctx, tx, b)
}

// seedUser finds the administrator among the tenant's users, or adds one.
func (a *adopter) seedUser(ctx context.Context, tx pgx.Tx) (id string, err error) {
	users := usersOf(a.tenant.Schema)
	var role string
	err = tx.QueryRow(ctx, `SELECT u.id::text, u.role FROM tenants t JOIN `+users+` u ON lower(u.email) = lower(t.admin_email)
		WHERE t.id = $1::uuid FOR SHARE OF t`, string(a.tenant.ID)).Scan(&id, &role)
	switch {
	case ifThere(err) != nil:
		return "", err
	case id != "" && role != adminRole:
		return "", a.refuse(notAdmin(role))
	case id != "":
		return id, nil
	}
	id = a.tenant.ID.AdministratorID()
	a.changes = append(a.changes, "adds the administrator to users")
	a.undoBy(`DELETE FROM ` + users + ` WHERE id = '` + id + `'`)
	_, err = tx.Exec(ctx, `INSERT INTO `+users+` (id, email, first_name, last_name, role)
		SELECT $1::uuid, admin_email, admin_first_name, admin_last_name, $3::text FROM tenants WHERE id = $2::uuid FOR SHARE`, id, string(a.tenant.ID), adminRole)
	return id, err
}

const adminRole = "admin"

func notAdmin(role string) string {
	return fmt.Sprintf("the administrator's user has the role %q, and an administrator's is %q: change users.role", role, adminRole)
}

func (a *adopter) refuse(reason string) error {
	return &tenant.StepError{Step: a.step, Class: tenant.ClassConflict, Permanent: true, Alone: true, Reason: reason}
}

// explain says what an error means to an operator: what the schema's rows do not bear
// is the schema's, and everything is as it was.
func (a *adopter) explain(err error) error {
	pg, fromServer := errors.AsType[*pgconn.PgError](err)
	switch {
	case !fromServer:
	case pg.Code == stateNotThere:
		return a.refuse("the schema " + a.tenant.Schema + " is not there")
	case pg.Code == stateLockNotAvailable, pg.Code == stateDeadlock:
		return &tenant.StepError{Step: a.step, Class: tenant.ClassConflict, Alone: true, Err: err,
			Reason: tableInUse(a.tenant.Schema, err) + "; the step is repeated by itself"}
	case strings.HasPrefix(pg.Code, "23"):
		return a.refuse("rows of the schema " + a.tenant.Schema + " do not bear what the template demands (SQLSTATE " + pg.Code + ")" + concerned(pg) + ": correct them and import again")
	}
	return stepError(a.step, err)
}

// tableInUse says that somebody holds a lock that is in the way, and what to do.
func tableInUse(schema string, err error) string {
	pg, _ := errors.AsType[*pgconn.PgError](err)
	return "a table of the schema " + schema + " is in use" + concerned(pg) + ": stop the replaced application"
}

const setLockTimeout = `SELECT set_config('lock_timeout', $1::text, true)`

// boundLockWaits has a transaction wait no longer for a lock on what may be in use
// elsewhere than a migration does: whoever comes after it waits as well.
func boundLockWaits(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, setLockTimeout, fmt.Sprint(MigrateLockTimeout.Milliseconds()))
	return err
}

// release undoes adopt: what was added is taken off, and the schema stays with all that
// it had.
func release(ctx context.Context, tx pgx.Tx, f tenant.Fence, schema string) error {
	var undo []string
	if err := tx.QueryRow(ctx, `SELECT undo FROM tenant_imports WHERE tenant_id = $1::uuid FOR UPDATE`, string(f.Tenant)).Scan(&undo); err != nil {
		return err
	}
	b := &pgx.Batch{}
	b.Queue(setLockTimeout, fmt.Sprint(MigrateLockTimeout.Milliseconds()))
	var there bool
	if err := tx.QueryRow(ctx, `SELECT to_regnamespace(quote_ident($1::text)) IS NOT NULL`, schema).Scan(&there); err != nil {
		return err
	}
	if there {
		for _, statement := range undo {
			b.Queue(statement)
		}
	}
	b.Queue(`UPDATE tenant_imports SET adopted_at = NULL, administrator_id = NULL, changes = '{}', undo = '{}' WHERE tenant_id = $1::uuid`, string(f.Tenant))
	err := run(ctx, tx, b)
	if sqlState(err) == stateLockNotAvailable {
		return &tenant.StepError{Step: tenant.StepCreateSchema, Class: tenant.ClassConflict, Alone: true, Err: err, Reason: tableInUse(schema, err) + "; the undo is repeated by itself"}
	}
	return err
}
