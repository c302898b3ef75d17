package postgres

import (
	"fmt"
	"strings"

	"tenant-provisioning/internal/tenant"
)

// latest is a tenant with its newest operation, which there may not be, and the
// status in which the table of kinds has it then.
var latest = `tenants t LEFT JOIN LATERAL (
		SELECT o.id, o.state, o.generation, CASE l.status WHEN '→' THEN o.to_status WHEN '' THEN o.from_status ELSE l.status END AS leaves
		FROM operations o LEFT JOIN ` + statuses() + ` ON l.kind = o.kind AND l.state = o.state AND l.pivot_passed = o.pivot_passed
		WHERE o.tenant_id = t.id ORDER BY o.id DESC LIMIT 1) o ON true`

// statuses is the table of kinds as SQL: the tenant's status by kind, state and
// side of the pivot; empty where it is the one that it had, and an arrow where it is
// the one that the operation leads to.
func statuses() string {
	var rows []string
	for _, l := range tenant.Lifecycles() {
		for _, state := range tenant.States() {
			for _, pivotPassed := range []bool{false, true} {
				rows = append(rows, fmt.Sprintf("('%s', '%s', %t, '%s')", l.Kind, state, pivotPassed, l.StatusIn(state, pivotPassed, "→")))
			}
		}
	}
	return "(VALUES " + strings.Join(rows, ", ") + ") AS l (kind, state, pivot_passed, status)"
}

// compareRows look at tenants beside their operations.
var compareRows = []comparison{
	{kind: tenant.FindingStatusDiffers, sql: `
		SELECT t.id::text, t.id::text, coalesce(o.id::text, ''), 'the tenant is ' || t.status || ', and ' ||
			CASE WHEN o.id IS NULL THEN 'no operation of it is there' ELSE 'its latest operation is ' || o.state END, false
		FROM ` + latest + ` WHERE o.id IS NULL OR t.status <> o.leaves`},
	{kind: tenant.FindingGenerationDiffers, sql: `
		SELECT t.id::text, t.id::text, o.id::text, 'the tenant is in generation ' || t.generation || ', and its latest operation in ' || o.generation, false
		FROM ` + latest + ` WHERE t.generation <> o.generation`},
	{kind: tenant.FindingActiveWithoutDate, sql: `
		SELECT t.id::text, t.id::text, '', 'the tenant is ' || t.status || ', and its row does not say since when', false
		FROM tenants t WHERE ` + inUse + ` AND t.activated_at IS NULL`},
	{kind: tenant.FindingNameDiffers, sql: `
		SELECT t.id::text, t.id::text, '', 'the tenant''s row names the schema ' || t.schema_name || ' and the role ' || t.role_name, false
		FROM tenants t WHERE right(t.role_name, 8) <> right(t.id::text, 8)
			OR t.role_name <> t.schema_name AND NOT EXISTS (SELECT FROM tenant_imports i WHERE i.tenant_id = t.id)`},
}
