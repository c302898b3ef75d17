package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/tenant"
)

// Imports read the tenants of the application that this one replaces, and say what an
// import can do about each. They change nothing.
type Imports struct {
	pool    database
	schemas *Schemas
}

// NewImports reads on a pool, and compares with the template of schemas.
func NewImports(pool *pgxpool.Pool, schemas *Schemas) *Imports {
	return &Imports{pool: database{pool}, schemas: schemas}
}

// legacyColumns are the columns that the replaced application's table of tenants may
// have a field in, the first that is there counts.
var legacyColumns = []struct {
	field    string
	names    []string
	optional bool
}{
	{"id", []string{"id"}, false},
	{"name", []string{"name"}, false},
	{"schema", []string{"schema_name", "schemaName", "schema"}, false},
	{"status", []string{"status"}, false},
	{"admin-email", []string{"admin_email", "adminEmail"}, false},
	{"admin-first-name", []string{"admin_first_name", "adminFirstName"}, true},
	{"admin-last-name", []string{"admin_last_name", "adminLastName"}, true},
	{"contract", []string{"contract_id", "contractId", "contract_address", "contractAddress"}, true},
}

// LegacyFields are the fields for which a column can be named.
func LegacyFields() []string {
	var fields []string
	for _, c := range legacyColumns {
		fields = append(fields, c.field)
	}
	return fields
}

// maxLegacy bounds what one import reads.
const maxLegacy = 100_000

// Rows lists the tenants of the table "tenants" of a schema with what can be done about
// each. columns names the column of a field where that is not an obvious one.
//
// Errors: *tenant.InvalidError where the schema is none of the replaced application.
func (im *Imports) Rows(ctx context.Context, from string, columns map[string]string) ([]tenant.ImportRow, error) {
	rows, err := im.read(ctx, from, columns)
	if err != nil {
		return nil, fmt.Errorf("read the tenants of the schema %s: %w", from, interpret(err))
	}
	if err := im.findImported(ctx, from, rows); err != nil {
		return nil, fmt.Errorf("look which tenants of %s were imported: %w", from, interpret(err))
	}
	tenant.JudgeImport(rows)
	if err := im.judge(ctx, from, rows); err != nil {
		return nil, fmt.Errorf("look at the schemas of the tenants of %s: %w", from, interpret(err))
	}
	return rows, nil
}

// read reads the rows of the replaced application, by their ids.
func (im *Imports) read(ctx context.Context, from string, columns map[string]string) ([]tenant.ImportRow, error) {
	selected, err := im.find(ctx, from, columns)
	if err != nil {
		return nil, err
	}
	var found []tenant.ImportRow
	err = im.pool.inTx(ctx, func(tx pgx.Tx) error {
		if err := boundLockWaits(ctx, tx); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT `+strings.Join(selected, ", ")+` FROM `+pgx.Identifier{from, "tenants"}.Sanitize()+` ORDER BY 1 LIMIT `+fmt.Sprint(maxLegacy))
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r tenant.ImportRow, err error) {
			err = row.Scan(&r.ID, &r.Name, &r.Schema, &r.Status, &r.Administrator.Email, &r.Administrator.FirstName, &r.Administrator.LastName, &r.Contract)
			return r, err
		})
		return err
	})
	if sqlState(err) == stateLockNotAvailable {
		return nil, invalidImport("from", "%s, and run it again", tableInUse(from, err))
	}
	return found, err
}

// find finds the column of each field.
func (im *Imports) find(ctx context.Context, from string, columns map[string]string) ([]string, error) {
	var ours bool
	var there []string
	err := im.pool.QueryRow(ctx, `
		SELECT coalesce(c.oid = 'tenants'::regclass, false), ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)
		FROM (SELECT to_regclass(quote_ident($1) || '.tenants') AS oid) c`, from).Scan(&ours, &there)
	switch {
	case err != nil:
		return nil, err
	case ours:
		return nil, invalidImport("from", "%s has the tables of this installation. Those of the replaced application have to be in a schema of their own before these are made: docs/OPERATIONS.md, Import", from)
	case len(there) == 0:
		return nil, invalidImport("from", "there is no table %s.tenants", from)
	}
	var selected, wrong []string
	for _, c := range legacyColumns {
		names := c.names
		if named := columns[c.field]; named != "" {
			names = []string{named}
		}
		i := slices.IndexFunc(names, func(n string) bool { return slices.Contains(there, n) })
		switch {
		case i >= 0:
			selected = append(selected, `coalesce(`+pgx.Identifier{names[i]}.Sanitize()+`::text, '')`)
		case c.optional && columns[c.field] == "":
			selected = append(selected, `''`)
		default:
			wrong = append(wrong, c.field+" ("+strings.Join(names, " or ")+")")
		}
	}
	if len(wrong) > 0 {
		return nil, invalidImport("column", "%s.tenants has no column for %s; it has %s. Name the right one: --column %s=COLUMN",
			from, strings.Join(wrong, ", "), strings.Join(there, ", "), strings.Fields(wrong[0])[0])
	}
	return selected, nil
}

func invalidImport(field, format string, args ...any) error {
	return &tenant.InvalidError{Fields: []tenant.FieldError{{Field: field, Message: fmt.Sprintf(format, args...)}}}
}

// findImported gives each row the tenant that it has become.
func (im *Imports) findImported(ctx context.Context, from string, rows []tenant.ImportRow) error {
	sources, err := im.pool.Query(ctx, `SELECT source_id, tenant_id::text FROM tenant_imports WHERE source_schema = $1`, from)
	if err != nil {
		return err
	}
	ids := map[string]tenant.ID{}
	var source string
	var id tenant.ID
	if _, err := pgx.ForEachRow(sources, []any{&source, &id}, func() error { ids[source] = id; return nil }); err != nil {
		return err
	}
	found, err := im.pool.Query(ctx, `SELECT `+tenantColumns+` FROM tenants t WHERE t.id = ANY($1::uuid[])`, slices.Collect(maps.Values(ids)))
	if err != nil {
		return err
	}
	tenants, err := pgx.CollectRows(found, scanTenant)
	if err != nil {
		return err
	}
	byID := map[tenant.ID]*tenant.Tenant{}
	for i := range tenants {
		byID[tenants[i].ID] = &tenants[i]
	}
	for i := range rows {
		rows[i].Tenant = byID[ids[rows[i].ID]]
	}
	return nil
}

// judge says of each row that is not imported what the database says about it.
func (im *Imports) judge(ctx context.Context, from string, rows []tenant.ImportRow) error {
	template, err := im.schemas.templateOf(ctx, im.schemas.template.Version)
	if err != nil {
		return err
	}
	for i := range rows {
		r := &rows[i]
		if r.State != tenant.ImportAgain && (r.Tenant != nil || r.State == tenant.ImportLeft) {
			continue
		}
		if err := im.judgeNames(ctx, from, r); err != nil {
			return err
		}
		err := pgx.BeginTxFunc(ctx, im.schemas.schemas, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
			if err := boundLockWaits(ctx, tx); err != nil {
				return err
			}
			return judgeSchema(ctx, tx, r, template.shape)
		})
		if sqlState(err) == stateLockNotAvailable {
			r.Refuse("%s, and import again", tableInUse(r.Schema, err))
			continue
		}
		if err != nil {
			return fmt.Errorf("row %s: %w", r.ID, err)
		}
	}
	return nil
}

// judgeNames looks whether the row's name and schema are anybody else's.
func (im *Imports) judgeNames(ctx context.Context, from string, r *tenant.ImportRow) error {
	var own tenant.ID
	if r.Tenant != nil {
		own = r.Tenant.ID
	}
	var byName, bySchema string
	var reserved bool
	err := im.pool.QueryRow(ctx, `
		SELECT coalesce((SELECT id::text FROM tenants WHERE name_held AND coalesce(next_name_key, name_key) = $1 AND id::text <> $4), ''),
			coalesce((SELECT id::text FROM tenants WHERE schema_name = $2 AND id::text <> $4), ''),
			$2 IN ($3, 'information_schema', (SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = 'tenants'::regclass)) OR starts_with($2, 'pg_')`,
		tenant.NameKey(r.Name), r.Schema, from, string(own)).Scan(&byName, &bySchema, &reserved)
	switch {
	case err != nil:
		return err
	case byName != "":
		r.Refuse("the tenant %s holds its name: change one", byName)
	}
	if bySchema != "" {
		r.Refuse("the schema %s is that of the tenant %s", r.Schema, bySchema)
	}
	if reserved {
		r.Refuse("the schema %s is no tenant's", r.Schema)
	}
	return nil
}

// judgeSchema looks whether the row's schema can be adopted, and what that adds to it.
func judgeSchema(ctx context.Context, tx pgx.Tx, r *tenant.ImportRow, template shape) error {
	var there bool
	if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1::text)`, r.Schema).Scan(&there); err != nil {
		return err
	}
	if !there {
		if r.Schema != "" {
			r.Refuse("the schema %s is not there", r.Schema)
		}
		r.Clean(tenant.Administrator{})
		return nil
	}
	what, err := lookForAdoption(ctx, tx, r.Schema, template)
	if err != nil {
		return err
	}
	for _, difference := range what.differs {
		r.Refuse("%s", difference)
	}
	r.Changes = what.changes()
	user, role, err := userOf(ctx, tx, *r, what)
	if err != nil {
		return err
	}
	if role != "" && role != adminRole {
		r.Refuse("%s", notAdmin(role))
	}
	r.Clean(user)
	return nil
}

// userOf reads the administrator's user, if the table of users is one of ours.
func userOf(ctx context.Context, tx pgx.Tx, r tenant.ImportRow, what adoption) (user tenant.Administrator, role string, err error) {
	if len(what.differs) > 0 || slices.Contains(what.makes, "users") {
		return user, "", nil
	}
	err = tx.QueryRow(ctx, `SELECT first_name, last_name, role FROM `+usersOf(r.Schema)+` WHERE lower(email) = lower($1::text) LIMIT 1`,
		strings.TrimSpace(r.Administrator.Email)).Scan(&user.FirstName, &user.LastName, &role)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return user, role, err
}
