package postgres

import "tenant-provisioning/internal/tenant"

// latest is a tenant with its newest operation, which there may not be.
const latest = `tenants t LEFT JOIN LATERAL (SELECT o.id, o.state, o.pivot_passed, o.generation FROM operations o
	WHERE o.tenant_id = t.id ORDER BY o.id DESC LIMIT 1) o ON true`

// statusOf is what the newest operation has made of its tenant, if nothing has
// followed that is not written by operations: a person may have suspended it.
const statusOf = `CASE
	WHEN o.state = 'PENDING' THEN ARRAY['PENDING']
	WHEN o.state = 'SUCCEEDED' THEN ARRAY['ACTIVE', 'SUSPENDED', 'ARCHIVED', 'DELETED']
	WHEN o.state = 'ROLLED_BACK' THEN ARRAY['FAILED', 'DELETED']
	WHEN o.pivot_passed THEN ARRAY['ACTIVE']
	ELSE ARRAY['PROVISIONING'] END`

// compareRows look at tenants beside their operations.
var compareRows = []comparison{
	{kind: tenant.FindingStatusDiffers, sql: `
		SELECT t.id::text, t.id::text, coalesce(o.id::text, ''), 'the tenant is ' || t.status || ', and ' ||
			CASE WHEN o.id IS NULL THEN 'no operation of it is there' ELSE 'its latest operation is ' || o.state END, false
		FROM ` + latest + ` WHERE o.id IS NULL OR t.status <> ALL (` + statusOf + `)`},
	{kind: tenant.FindingGenerationDiffers, sql: `
		SELECT t.id::text, t.id::text, o.id::text, 'the tenant is in generation ' || t.generation || ', and its latest operation in ' || o.generation, false
		FROM ` + latest + ` WHERE t.generation <> o.generation`},
	{kind: tenant.FindingActiveWithoutDate, sql: `
		SELECT t.id::text, t.id::text, '', 'the tenant is ' || t.status || ', and its row does not say since when', false
		FROM tenants t WHERE ` + inUse + ` AND t.activated_at IS NULL`},
	{kind: tenant.FindingNameDiffers, sql: `
		SELECT t.id::text, t.id::text, '', 'the tenant''s row names the schema ' || t.schema_name || ' and the role ' || t.role_name, false
		FROM tenants t WHERE t.role_name <> t.schema_name OR right(t.schema_name, 8) <> right(t.id::text, 8)`},
}
