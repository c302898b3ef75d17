package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"tenant-provisioning/internal/tenant"
)

// ownedSchemas are the tenants in use whose schema is there and theirs, made
// from the template of version $1, with their role, if that is there. access tells
// that the role must be able to use the schema.
const ownedSchemas = `owned AS MATERIALIZED (
	SELECT n.oid, t.schema_name, t.id, t.role_name, r.oid AS role, t.status = 'ACTIVE' AND ` + quiet + ` AS access
	FROM ` + ourSchemas + ` JOIN tenant_schema_versions v ON v.schema_name = t.schema_name AND v.tenant_id = t.id
	LEFT JOIN ` + markedRoles + ` r ON r.rolname = t.role_name AND r.mark = ` + markOf + `
	WHERE v.version = $1
)`

// missingParts are findings: what a schema lacks of $2. Of a table that is
// missing nothing else is said.
const missingParts = `
	WITH ` + ownedSchemas + `, present AS MATERIALIZED (
		SELECT p.schema, p.part FROM (` + schemaParts + `) p WHERE p.schema IN (SELECT oid FROM owned)
	), expected AS (
		SELECT * FROM ROWS FROM (jsonb_to_recordset($2::jsonb) AS (part text, relation text)) WITH ORDINALITY AS e (part, relation, n)
	)
	SELECT o.schema_name, o.id::text, '', 'the schema ' || o.schema_name || ' lacks ' || string_agg(e.part, ', ' ORDER BY e.n), false
	FROM owned o CROSS JOIN expected e LEFT JOIN present r ON r.schema = o.oid AND r.part = e.relation
	WHERE NOT EXISTS (SELECT FROM present h WHERE h.schema = o.oid AND h.part = e.part)
	  AND (e.relation = '' OR r.part IS NOT NULL)
	GROUP BY o.schema_name, o.id`

// comparedGrants has the privileges that there are, and those of $2.
const comparedGrants = ownedSchemas + `, present AS MATERIALIZED (
	SELECT g.* FROM (` + schemaGrants + `) g WHERE g.schema IN (SELECT oid FROM owned)
), expected AS (
	SELECT e.*, e.grantee = 0 AS everybody FROM jsonb_to_recordset($2::jsonb) AS e (grantee bigint, kind text, relation text, col text, privilege text, grantable boolean)
)`

const missingGrants = comparedGrants + `, missing AS (
	SELECT o.schema_name, o.id, o.role_name, e.kind, e.relation, e.col, e.privilege
	FROM owned o CROSS JOIN expected e
	WHERE NOT e.everybody AND o.role IS NOT NULL AND (o.access OR e.relation <> '')
	  AND (e.relation = '' OR EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = o.oid AND c.relname = e.relation
		AND (e.col = '' OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = e.col AND NOT a.attisdropped))))
	  AND NOT EXISTS (SELECT FROM present g WHERE g.schema = o.oid AND g.grantee = o.role
		AND (g.relation, g.col, g.privilege) = (e.relation, e.col, e.privilege))
)`

// privilegeOn says what a privilege is on, of a row g.
const privilegeOn = `g.privilege || ' on ' || CASE WHEN g.relation = '' THEN 'the schema' WHEN g.col = '' THEN g.relation ELSE g.relation || '.' || g.col END`

// excessGrants are findings: what everybody, another tenant or an application's
// login has in a schema, and what its role has beyond $2 on what $2 names. What
// other roles have, such as one for reports, is the platform's decision.
const excessGrants = `
	WITH ` + comparedGrants + `
	SELECT o.schema_name, o.id::text, '', 'in the schema ' || o.schema_name || ' ' || string_agg(
		CASE WHEN g.grantee = 0 THEN 'everybody (PUBLIC)' ELSE coalesce(r.rolname, g.grantee::text) END || ' has ' || ` + privilegeOn + ` ||
		CASE WHEN g.grantable THEN ' and can pass it on' ELSE '' END, ', ' ORDER BY g.relation, g.col, g.privilege), false
	FROM owned o JOIN present g ON g.schema = o.oid LEFT JOIN pg_roles r ON r.oid = g.grantee
	WHERE NOT EXISTS (SELECT FROM expected e WHERE e.everybody = (g.grantee = 0) AND g.grantee IN (0, o.role)
		AND (e.relation, e.col, e.privilege) = (g.relation, g.col, g.privilege) AND (e.grantable OR NOT g.grantable))
	  AND (g.grantee = 0 OR g.grantee = o.role AND (g.relation = '' OR g.relation IN (SELECT relation FROM expected))
		OR g.grantee IS DISTINCT FROM o.role AND g.grantee IN (SELECT m.oid FROM ` + markedRoles + ` m WHERE starts_with(m.mark, 'tenant-provisioning installation=')))
	GROUP BY o.schema_name, o.id`

func lookForParts(ctx context.Context, c *Comparer) ([]tenant.Finding, error) {
	return c.byVersion(ctx, func(version int64, m made) ([]tenant.Finding, error) {
		return collectFindings(ctx, c.pool, tenant.FindingSchemaIncomplete, missingParts, version, m.parts)
	})
}

func lookForGrants(ctx context.Context, c *Comparer) ([]tenant.Finding, error) {
	return c.byVersion(ctx, func(version int64, m made) ([]tenant.Finding, error) {
		return collectFindings(ctx, c.pool, tenant.FindingGrantsMissing, `WITH `+missingGrants+`
			SELECT g.role_name, g.id::text, '', 'the role ' || g.role_name || ' lacks ' || string_agg(`+privilegeOn+`, ', ' ORDER BY g.relation, g.col, g.privilege), false
			FROM missing g GROUP BY g.role_name, g.id`, version, m.grants)
	})
}

func lookForAccess(ctx context.Context, c *Comparer) ([]tenant.Finding, error) {
	return c.byVersion(ctx, func(version int64, m made) ([]tenant.Finding, error) {
		return collectFindings(ctx, c.pool, tenant.FindingAccessTooWide, excessGrants, version, m.grants)
	})
}

// byVersion looks at the schemas of each version of the template that there are
// any of. What a newer build has made is for that build to compare.
func (c *Comparer) byVersion(ctx context.Context, look func(version int64, m made) ([]tenant.Finding, error)) ([]tenant.Finding, error) {
	rows, err := c.pool.Query(ctx, `SELECT DISTINCT version FROM tenant_schema_versions WHERE version <= $1 ORDER BY version`, c.schemas.template.Version)
	if err != nil {
		return nil, err
	}
	versions, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, err
	}
	var all []tenant.Finding
	for _, version := range versions {
		m, err := c.schemas.templateOf(ctx, version)
		if err != nil {
			return nil, err
		}
		found, err := look(version, m)
		if err != nil {
			return nil, err
		}
		if all = append(all, found...); len(all) >= maxFindings {
			return all[:maxFindings], nil
		}
	}
	return all, nil
}

// restoreGrants gives a tenant's role what it lacks of the template.
func (r *Repairs) restoreGrants(ctx context.Context, id tenant.ID) (bool, error) {
	var version int64
	if err := r.pool.QueryRow(ctx, `SELECT v.version FROM tenant_schema_versions v JOIN tenants t ON t.id = v.tenant_id AND t.schema_name = v.schema_name
		WHERE t.id = $1`, string(id)).Scan(&version); err != nil {
		return false, err
	}
	m, err := r.comparer.schemas.templateOf(ctx, version)
	if err != nil {
		return false, err
	}
	done := false
	err = r.pool.inTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `WITH `+missingGrants+`
			SELECT format('GRANT %s%s ON %s %s TO %I', g.privilege, CASE WHEN g.col = '' THEN '' ELSE format(' (%I)', g.col) END, g.kind,
				CASE WHEN g.relation = '' THEN format('%I', g.schema_name) ELSE format('%I.%I', g.schema_name, g.relation) END, g.role_name)
			FROM missing g WHERE g.id = $3`, version, m.grants, string(id))
		if err != nil {
			return err
		}
		grants, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, grant := range grants {
			if _, err := tx.Exec(ctx, grant); err != nil {
				return fmt.Errorf("%s: %w", grant, err)
			}
		}
		done = len(grants) > 0
		return nil
	})
	return done, err
}
