package e2e

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// inUse makes tenants that are ACTIVE, without the ledger and mails, and returns their
// schemas. It takes a worker, which gives them the template. login is what their roles are
// granted to: roles are the server's, and no two installations share one.
func (i *installation) inUse(n int, login string) (schemas []string) {
	t := i.t
	t.Helper()
	i.emptySchemas(n)
	i.output("migrate", "tenants")
	schemas = value[[]string](i, `WITH used AS (
			UPDATE tenants SET status = 'ACTIVE', activated_at = now(), app_login = $1 WHERE status = 'ARCHIVED' AND activated_at IS NULL RETURNING schema_name
		) SELECT array_agg(schema_name) FROM used`, login)
	require.Len(t, schemas, n)
	return schemas
}

// records fills a schema: tables of the template and its own, sequences that have counted,
// references, and what COPY has to escape.
func (i *installation) records(schema string, rows int) {
	i.t.Helper()
	const sql = `
		CREATE TABLE %[1]s.visits (id bigserial PRIMARY KEY, patient uuid NOT NULL DEFAULT gen_random_uuid(), at timestamptz NOT NULL DEFAULT clock_timestamp(), words text[]);
		CREATE TABLE %[1]s.bills (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, visit bigint NOT NULL REFERENCES %[1]s.visits,
			amount numeric(12, 2) NOT NULL, taxed numeric GENERATED ALWAYS AS (amount * 1.19) STORED);
		INSERT INTO %[1]s.visits (words) SELECT ARRAY['n' || n, NULL, E'tab\t\\N "quoted"'] FROM generate_series(1, %[2]d) n;
		INSERT INTO %[1]s.bills (visit, amount) SELECT id, id * 1.25 FROM %[1]s.visits WHERE id %% 3 = 0;
		INSERT INTO %[1]s.audit_logs (action, detail) SELECT 'signed in', jsonb_build_object('n', n) FROM generate_series(1, %[2]d) n;
		INSERT INTO %[1]s.roles VALUES ('porter', 'opens doors');
		INSERT INTO %[1]s.users (id, email, first_name, last_name, role, password_hash)
			SELECT gen_random_uuid(), 'porter' || n || '@hospital.example', 'Pat', 'Porter', 'porter', '$argon2id$none' FROM generate_series(1, 5) n;`
	i.execute(fmt.Sprintf(sql, pgx.Identifier{schema}.Sanitize(), rows))
	i.notes(schema, rows)
}

// contents are of every table of a schema how many rows it has and their checksum, and where
// every sequence stands.
type contents map[string]string

// contents looks at every tenant's schema.
func (i *installation) contents() map[string]contents {
	i.t.Helper()
	all := map[string]contents{}
	for _, schema := range value[[]string](i, `SELECT array_agg(schema_name) FROM tenant_schema_versions WHERE to_regnamespace(quote_ident(schema_name)) IS NOT NULL`) {
		all[schema] = i.contentsOf(schema)
	}
	return all
}

func (i *installation) contentsOf(schema string) contents {
	i.t.Helper()
	parts := value[[]string](i, `
		SELECT array_agg(CASE relkind
			WHEN 'r' THEN format($q$SELECT %1$L, count(*) || ' ' || coalesce(md5(string_agg(x::text, E'\n' ORDER BY x::text)), '') FROM %2$I.%1$I x$q$, relname, $1::text)
			ELSE format($q$SELECT %1$L, last_value || ' ' || is_called FROM %2$I.%1$I$q$, relname, $1::text) END)
		FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident($1::text)) AND relkind IN ('r', 'S')`, schema)
	return value[contents](i, `SELECT jsonb_object_agg(name, what) FROM (`+strings.Join(parts, " UNION ALL ")+`) parts (name, what)`)
}

// requireAccess requires that exactly the tenants that are ACTIVE can use their schemas, and
// what the template gives them there.
func (i *installation) requireAccess() {
	i.t.Helper()
	require.Empty(i.t, value[string](i, `
		SELECT coalesce(string_agg(schema_name, ', '), '') FROM tenants WHERE status IN ('ACTIVE', 'SUSPENDED')
			AND (has_schema_privilege(role_name, schema_name, 'USAGE') <> (status = 'ACTIVE')
				OR NOT has_table_privilege(role_name, format('%I.users', schema_name), 'SELECT, INSERT, UPDATE, DELETE')
				OR NOT pg_has_role(app_login, role_name, 'MEMBER'))`), "tenants whose access is not as their status")
}
