package postgres

import (
	"strconv"

	"tenant-provisioning/internal/tenant"
)

// powers are the attributes of role r that reach beyond what is granted to it, as
// a list of texts, each NULL where the role has it not.
const powers = `CASE WHEN r.rolsuper THEN 'SUPERUSER' END, CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END, CASE WHEN r.rolcreatedb THEN 'CREATEDB' END,
	CASE WHEN r.rolreplication THEN 'REPLICATION' END, CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END`

// ourRoles are the roles r of tenants t in use, which carry their mark.
const ourRoles = markedRoles + ` r JOIN tenants t ON t.role_name = r.rolname AND r.mark = ` + markOf + ` AND ` + inUse

// ended is a tenant whose access has ended, and on whom nobody works.
const ended = `t.status IN ('SUSPENDED', 'ARCHIVED') AND ` + quiet

// holders are the sessions a of the application of tenant t that hold locks on
// relation c. What others do there, such as a backup, is not the tenant's access.
const holders = `JOIN pg_locks l ON l.relation = c.oid AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
	JOIN pg_stat_activity a ON a.pid = l.pid AND a.usename = t.app_login`

// compareAccess look at roles, logins, who is a member of what, and privileges.
var compareAccess = []comparison{
	{kind: tenant.FindingRoleWithoutTenant, sql: `
		SELECT r.rolname, '', '', 'role ' || r.rolname || ' carries the mark of this installation, and its tenant is unknown' ||
			coalesce('; ' || role_held_by(r.oid) || ' depend on it', ''), false
		FROM ` + markedRoles + ` r
		WHERE starts_with(r.mark, (SELECT role_mark(''))) AND r.mark ~ ' owner=[0-9a-f-]{36}$'
		  AND NOT EXISTS (SELECT FROM tenants t WHERE ` + markOf + ` = r.mark)`},
	{kind: tenant.FindingActiveWithoutRole, sql: `
		SELECT t.role_name, t.id::text, '', 'the tenant is ' || t.status || ', and there is no role ' || t.role_name || ' with its mark', false
		FROM tenants t
		WHERE ` + inUse + ` AND NOT EXISTS (
			SELECT FROM ` + markedRoles + ` r WHERE r.rolname = t.role_name AND r.mark = ` + markOf + `)`},
	{kind: tenant.FindingFailedWithRole, sql: `
		SELECT t.role_name, t.id::text, ` + latestOperation + `, 'the tenant is ' || t.status || ', and its role ' || t.role_name || ' is there' ||
			coalesce(': ' || role_held_by(r.oid) || ' depend on it', ''), role_held_by(r.oid) IS NULL
		FROM tenants t JOIN ` + markedRoles + ` r ON r.rolname = t.role_name AND r.mark = ` + markOf + `
		WHERE ` + gone + ` AND ` + quiet + `
		  AND NOT EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = t.schema_name)
		/* what is safe is not crowded out */ ORDER BY 5 DESC`},
	{kind: tenant.FindingRoleNotGranted, sql: `
		SELECT t.role_name, t.id::text, '', 'the login ' || t.app_login || CASE WHEN l.oid IS NULL THEN ' is not there, and so cannot take'
			ELSE ' is not a member of' END || ' the role ' || t.role_name, false
		FROM ` + ourRoles + ` LEFT JOIN pg_roles l ON l.rolname = t.app_login
		WHERE t.status = 'ACTIVE' AND NOT EXISTS (SELECT FROM pg_auth_members m WHERE m.roleid = r.oid AND m.member = l.oid)`},
	{kind: tenant.FindingGrantsMissing, look: lookForGrants},
	{kind: tenant.FindingAccessTooWide, look: lookForAccess},
	{kind: tenant.FindingRoleTooPowerful, sql: `
		SELECT t.role_name, t.id::text, '', 'the role ' || t.role_name || ' has ' || x.what, false
		FROM ` + ourRoles + ` CROSS JOIN LATERAL (SELECT nullif(concat_ws(', ', ` + powers + `, CASE WHEN r.rolcanlogin THEN 'LOGIN' END,
			(SELECT 'a membership in ' || string_agg(g.rolname, ' and ' ORDER BY g.rolname) FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid)), '') AS what) x
		WHERE x.what IS NOT NULL`},
	// Whoever may make roles may grant them to himself as well.
	{kind: tenant.FindingRoleOfOthers, sql: `
		WITH RECURSIVE ` + ourselves + `
		SELECT t.role_name, t.id::text, '', 'the role ' || t.role_name || ' can be taken by ' ||
			string_agg(g.rolname || CASE WHEN m.admin_option THEN ', and passed on' ELSE '' END, '; ' ORDER BY g.rolname), false
		FROM ` + ourRoles + ` JOIN pg_auth_members m ON m.roleid = r.oid JOIN pg_roles g ON g.oid = m.member
		WHERE NOT g.rolsuper AND NOT g.rolcreaterole AND g.oid NOT IN (SELECT oid FROM ourselves) AND (g.rolname <> t.app_login OR m.admin_option)
		GROUP BY t.role_name, t.id`},
	{kind: tenant.FindingAccessNotEnded, sql: `
		SELECT t.schema_name, t.id::text, '', 'the tenant is ' || t.status || ', and its role ' || t.role_name || ' can use its schema', false
		FROM ` + ourRoles + ` JOIN pg_namespace n ON n.nspname = t.schema_name
		WHERE ` + ended + ` AND has_schema_privilege(r.oid, n.oid, 'USAGE')`},
	{kind: tenant.FindingAccessInUse, sql: `
		SELECT t.schema_name, t.id::text, '', 'the tenant is ' || t.status || ', and a statement of ' || string_agg(DISTINCT coalesce(a.usename, '?') || ' (process ' || a.pid || ')', ', ') ||
			' that began before the access ended is still at work in its schema', false
		FROM tenants t JOIN pg_namespace n ON n.nspname = t.schema_name JOIN pg_class c ON c.relnamespace = n.oid ` + holders + `
		WHERE ` + ended + ` GROUP BY t.schema_name, t.id, t.status`},
	{kind: tenant.FindingLoginUnsafe, sql: `
		SELECT r.rolname, '', '', 'the login ' || r.rolname || ' ' || x.what, false
		FROM pg_roles r CROSS JOIN LATERAL (SELECT nullif(concat_ws(', and ',
			CASE WHEN shobj_description(r.oid, 'pg_authid') IS DISTINCT FROM (SELECT role_mark('application')) THEN 'does not carry the mark of this installation' END,
			CASE WHEN NOT r.rolcanlogin THEN 'cannot log in' END,
			CASE WHEN r.rolinherit OR EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid AND to_jsonb(m) ->> 'inherit_option' = 'true') THEN 'inherits what the roles may do' END,
			'has ' || nullif(concat_ws(', ', ` + powers + `), '')), '') AS what) x
		WHERE r.rolname IN (SELECT t.app_login FROM tenants t WHERE ` + inUse + `) AND x.what IS NOT NULL`},
	{kind: tenant.FindingLoginCrowded, sql: `
		SELECT l.rolname, '', '', 'the login ' || l.rolname || ' is a member of ' || count(*) || ' roles, more than ` + strconv.Itoa(tenantsPerLogin) + `', false
		FROM pg_roles l JOIN pg_auth_members m ON m.member = l.oid
		WHERE l.rolname IN (SELECT t.app_login FROM tenants t WHERE ` + inUse + `)
		GROUP BY l.rolname HAVING count(*) > ` + strconv.Itoa(tenantsPerLogin)},
}
