package postgres

import (
	"fmt"
	"slices"
	"strings"

	"tenant-provisioning/internal/tenant"
)

// always is the steps that each operation of a kind has, as SQL.
func always() string {
	var rows []string
	for _, l := range tenant.Lifecycles() {
		l.Stages = slices.DeleteFunc(slices.Clone(l.Stages), func(s tenant.Stage) bool { return s.When != nil || s.Since != "" })
		for n, step := range l.Steps() {
			rows = append(rows, fmt.Sprintf("('%s', %d, '%s')", l.Kind, n, step))
		}
	}
	return "(VALUES " + strings.Join(rows, ", ") + ") AS s (kind, n, step)"
}

// compareOperations look at operations and their log.
var compareOperations = []comparison{
	{kind: tenant.FindingLostAttempt, graced: true, sql: `
		SELECT l.operation_id || '/' || l.step, l.tenant_id::text, l.operation_id::text,
			'an attempt at ' || l.step || ' stands as IN_PROGRESS, and its operation is ' || o.state, true
		FROM provisioning_logs l JOIN operations o ON o.id = l.operation_id
		WHERE l.status = 'IN_PROGRESS' AND o.state IN ('SUCCEEDED', 'ROLLED_BACK') AND o.finished_at <= now() - $1::interval`},
	{kind: tenant.FindingNeverStarted, graced: true, sql: `
		SELECT o.id::text, o.tenant_id::text, o.id::text,
			'the operation was accepted and no run has taken it; check that a worker runs, that it reaches Temporal, and how many operations wait', false
		FROM operations o WHERE o.state = 'PENDING' AND o.created_at <= now() - greatest($1::interval, interval '15 minutes')
		  AND NOT EXISTS (SELECT FROM incidents WHERE closed_at IS NULL OR closed_at > now() - interval '15 minutes')`},
	{kind: tenant.FindingTwoOpenOperations, sql: `
		SELECT o.tenant_id::text, o.tenant_id::text, max(o.id::text), 'the operations ' || string_agg(o.id || ' (' || o.state || ')', ', ' ORDER BY o.id) || ' are open', false
		FROM operations o WHERE o.state NOT IN ('SUCCEEDED', 'ROLLED_BACK') GROUP BY o.tenant_id HAVING count(*) > 1`},
	// The steps that every operation of its kind has had: of one that is added later,
	// earlier operations know nothing.
	{kind: tenant.FindingLogIncomplete, sql: `
		SELECT o.id::text, o.tenant_id::text, o.id::text, 'the operation has succeeded, and its log does not say what became of ' || string_agg(s.step, ', ' ORDER BY s.n), false
		FROM operations o JOIN ` + always() + ` ON s.kind = o.kind
		WHERE o.state = 'SUCCEEDED' AND o.log_archive IS NULL
		  AND NOT EXISTS (SELECT FROM provisioning_logs l WHERE l.operation_id = o.id AND l.step = s.step AND l.status IN ('COMPLETED', 'SKIPPED'))
		GROUP BY o.id, o.tenant_id`},
	{kind: tenant.FindingKeyOfAnotherClient, sql: `
		SELECT o.id::text, o.tenant_id::text, o.id::text, 'the client ' || k.client || ' has an idempotency key of the operation, which ' || o.client || ' asked for', false
		FROM idempotency_keys k JOIN operations o ON o.id = k.operation_id WHERE k.client <> o.client`},
}
