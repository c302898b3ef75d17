package postgres

import "tenant-provisioning/internal/tenant"

// ourSchemas are the tenants in use whose schema is there, with it.
const ourSchemas = `tenants t JOIN pg_namespace n ON n.nspname = t.schema_name AND ` + inUse

// ourselves are the roles that the control plane is: its login, the owner of its
// tables, and what these are members of, except tenants' roles: that they may be
// ours does not let them own anything.
const ourselves = `ourselves (oid) AS (
	SELECT r.oid FROM pg_roles r WHERE r.rolname = current_user OR r.oid = (SELECT relowner FROM pg_class WHERE oid = 'tenants'::regclass)
	UNION
	SELECT m.roleid FROM pg_auth_members m JOIN ourselves o ON o.oid = m.member
	WHERE coalesce(to_jsonb(m) ->> 'set_option', 'true') = 'true' /* since PostgreSQL 16 there are others */
	  AND NOT EXISTS (SELECT FROM ` + markedRoles + ` r WHERE r.oid = m.roleid AND starts_with(r.mark, 'tenant-provisioning installation='))
)`

// compareSchemas look at tenants beside the catalog's schemas, and at what is in
// these.
var compareSchemas = []comparison{
	{kind: tenant.FindingSchemaWithoutTenant, sql: `
		SELECT n.nspname, coalesce(t.id::text, ''), '', 'schema ' || n.nspname || CASE WHEN t.id IS NULL
			THEN ' is called like a tenant''s, and no tenant has it' ELSE ' is there, and no row of tenant_schema_versions owns it' END, false
		FROM pg_namespace n LEFT JOIN tenants t ON t.schema_name = n.nspname
		WHERE n.nspname ~ '^t_([a-z0-9_]+_)?[0-9a-f]{8}$' AND (t.id IS NULL
			OR t.status IN ('FAILED', 'DELETED') AND ` + quiet + ` AND NOT EXISTS (SELECT FROM tenant_schema_versions v WHERE v.schema_name = n.nspname)
			AND NOT EXISTS (SELECT FROM tenant_imports i WHERE i.tenant_id = t.id) /* it was there before the tenant */)`},
	{kind: tenant.FindingActiveWithoutSchema, sql: `
		SELECT t.schema_name, t.id::text, '', 'the tenant is ' || t.status || ', and its schema ' || t.schema_name || ' is not there', false
		FROM tenants t WHERE ` + inUse + ` AND NOT EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = t.schema_name)`},
	{kind: tenant.FindingFailedWithSchema, sql: `
		SELECT t.schema_name, t.id::text, ` + latestOperation + `, 'the tenant is ' || t.status || ', and its schema ' || t.schema_name || ' is there', false
		FROM tenants t JOIN pg_namespace n ON n.nspname = t.schema_name
		JOIN tenant_schema_versions v ON v.schema_name = t.schema_name AND v.tenant_id = t.id
		WHERE ` + gone + ` AND ` + quiet},
	{kind: tenant.FindingSchemaWithoutOwner, sql: `
		SELECT t.schema_name, t.id::text, '', 'the tenant is ' || t.status || ' in generation ' || t.generation || ', and tenant_schema_versions ' || CASE
			WHEN v.schema_name IS NULL THEN 'has no row of its schema ' || t.schema_name
			ELSE 'gives its schema ' || t.schema_name || ' to ' || CASE WHEN v.tenant_id = t.id THEN '' ELSE 'tenant ' || v.tenant_id || ', ' END || 'generation ' || v.generation END, false
		FROM ` + ourSchemas + ` LEFT JOIN tenant_schema_versions v ON v.schema_name = t.schema_name
		WHERE v.schema_name IS NULL OR v.tenant_id <> t.id OR v.generation <> t.generation`},
	{kind: tenant.FindingSchemaIncomplete, look: lookForParts},
	{kind: tenant.FindingSeedMissing, sql: `
		SELECT t.schema_name, t.id::text, '', 'the schema ' || t.schema_name || ' lacks ' || s.missing, false
		FROM ` + ourSchemas + ` CROSS JOIN LATERAL (SELECT seed_missing(t.schema_name, ARRAY['admin', 'user', 'viewer'],
			ARRAY(SELECT i.user_id FROM invitations i WHERE i.tenant_id = t.id AND i.used_at IS NULL AND i.expires_at > now())) AS missing) s
		WHERE s.missing IS NOT NULL`},
	{kind: tenant.FindingRestoreSchema, sql: `
		SELECT s.schema_name, t.id::text, o.id::text, 'the schema ' || s.schema_name || ' of ' || CASE s.purpose
			WHEN 'kept' THEN 'what the tenant had before a restore' ELSE 'a restore that has ended' END || ' is there', true
		FROM ` + ofRestores + ` WHERE ` + unneeded + `
		UNION ALL
		SELECT n.nspname, '', '', 'the schema ' || n.nspname || ' is called like one of a restore, and restore_schemas does not have it', false
		FROM pg_namespace n WHERE n.nspname ~ '` + restoreName + `' AND NOT EXISTS (SELECT FROM restore_schemas s WHERE s.schema_name = n.nspname)`},
	{kind: tenant.FindingDrillFailed, sql: `
		SELECT d.backup_id::text, t.id::text, '', 'the backup ' || d.backup_id || ' could not be restored for practice: ' || d.error, false
		FROM tenants t CROSS JOIN LATERAL (SELECT * FROM restore_drills WHERE tenant_id = t.id ORDER BY at DESC, id DESC LIMIT 1) d
		WHERE NOT d.held AND t.status <> 'DELETED'`},
	{kind: tenant.FindingSchemaOwnedByAnother, sql: `
		WITH RECURSIVE ` + ourselves + `
		SELECT t.schema_name, t.id::text, '', 'in the schema ' || t.schema_name || ' belongs ' ||
			string_agg(x.what || ' to ' || coalesce(r.rolname, x.owner::text), ', ' ORDER BY x.what), false
		FROM ` + ourSchemas + ` JOIN (
			SELECT oid AS schema, 'the schema itself' AS what, nspowner AS owner FROM pg_namespace
			UNION ALL SELECT c.relnamespace, c.relname, c.relowner FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S')) x ON x.schema = n.oid
		LEFT JOIN pg_roles r ON r.oid = x.owner
		WHERE x.owner NOT IN (SELECT oid FROM ourselves) GROUP BY t.schema_name, t.id`},
}
