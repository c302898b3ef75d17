package postgres

import (
	"fmt"
	"strings"

	"tenant-provisioning/internal/tenant"
)

// journalled is the contract that was made for tenant t in its generation.
const journalled = `LATERAL (SELECT x.contract_id FROM stellar_transactions x WHERE x.tenant_id = t.id AND x.generation = t.generation
	AND x.purpose = 'DEPLOY_CONTRACT' AND x.state = 'APPLIED' AND x.contract_id IS NOT NULL LIMIT 1) j ON true`

// compareContracts look at tenants beside the journal of transactions; the
// ledger itself is asked by others.
var compareContracts = []comparison{
	{kind: tenant.FindingContractUnknown, sql: `
		SELECT t.id::text, t.id::text, '', 'the tenant is ' || t.status || ', and its row names no contract; the journal ' ||
			coalesce('says that ' || j.contract_id || ' was made for it', 'names none either'), j.contract_id IS NOT NULL
		FROM tenants t LEFT JOIN ` + journalled + `
		WHERE ` + inUse + ` AND t.contract_id IS NULL
		/* what is safe is not crowded out */ ORDER BY 5 DESC`},
	{kind: tenant.FindingContractDiffers, sql: `
		SELECT t.id::text, t.id::text, '', 'the tenant''s row names the contract ' || t.contract_id || ', and the journal says that ' || j.contract_id || ' was made for it', false
		FROM tenants t JOIN ` + journalled + `
		WHERE ` + inUse + ` AND t.contract_id <> j.contract_id`},
	{kind: tenant.FindingContractNotJournalled, sql: `
		SELECT t.id::text, t.id::text, '', 'the tenant''s row names the contract ' || t.contract_id || ', and the journal has no transaction that made it', false
		FROM tenants t
		WHERE ` + inUse + ` AND t.contract_id IS NOT NULL AND NOT EXISTS (
			SELECT FROM stellar_transactions x WHERE x.tenant_id = t.id AND x.generation = t.generation AND x.purpose = 'DEPLOY_CONTRACT')`},
	{kind: tenant.FindingTransactionUnsettled, graced: true, sql: `
		SELECT x.hash, x.tenant_id::text, x.operation_id::text, 'the transaction ' || x.hash || ' (' || x.purpose || ') stands as ' || x.state ||
			', no ledger can hold it since ' || to_char(x.max_time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC, and its operation is ' || o.state, false
		FROM stellar_transactions x JOIN operations o ON o.id = x.operation_id
		WHERE x.state IN ('PREPARED', 'SENT') AND o.state IN ('SUCCEEDED', 'ROLLED_BACK') AND x.max_time <= now() - $1::interval`},
}

// mails is the steps that send a mail, and its template, as SQL.
func mails() string {
	var rows []string
	for _, k := range tenant.Kinds() {
		for _, step := range k.Steps() {
			if step.Template() != "" {
				rows = append(rows, fmt.Sprintf("('%s', '%s')", step, step.Template()))
			}
		}
	}
	return "(SELECT DISTINCT * FROM (VALUES " + strings.Join(rows, ", ") + ") AS m (step, template)) m"
}

// compareMails look at mails and the links in them, beside the log.
var compareMails = []comparison{
	{kind: tenant.FindingMailInDoubt, graced: true, sql: `
		SELECT e.id::text, t.id::text, ` + latestOperation + `, 'the ' || e.template || ' mail stands as SENDING, and nobody is sending it', true
		FROM emails e JOIN tenants t ON t.id = e.tenant_id
		WHERE e.state = 'SENDING' AND e.updated_at <= now() - $1::interval AND ` + quiet},
	{kind: tenant.FindingMailMissing, sql: `
		SELECT o.id::text, t.id::text, o.id::text, 'the log says that the ' || m.template || ' mail was sent, and ' ||
			CASE WHEN e.id IS NULL THEN 'there is no row of it' ELSE 'its row says ' || e.state END, false
		FROM ` + latest + ` JOIN provisioning_logs l ON l.operation_id = o.id AND l.status = 'COMPLETED'
		JOIN ` + mails() + ` ON m.step = l.step LEFT JOIN emails e ON e.operation_id = o.id AND e.template = m.template
		WHERE ` + inUse + ` AND o.state = 'SUCCEEDED' AND coalesce(e.state, '') NOT IN ('SENT', 'SENDING')`},
	{kind: tenant.FindingMailUntraceable, sql: `
		SELECT e.id::text, e.tenant_id::text, '', 'the ' || e.template || ' mail was sent, and its row does not say ' ||
			concat_ws(', ', CASE WHEN e.provider IS NULL THEN 'by whom' END, CASE WHEN e.provider_id IS NULL THEN 'under which id' END, CASE WHEN e.sent_at IS NULL THEN 'when' END), false
		FROM emails e WHERE e.state = 'SENT' AND (e.provider IS NULL OR e.provider_id IS NULL OR e.sent_at IS NULL)`},
	// A corrected address ends the link that went to the old one, which the audit log tells.
	// That is kept for a year at least (AUDIT_RETENTION), and a link works for a month at
	// most (INVITATION_TTL): of an older mail neither is known any more, nor matters.
	{kind: tenant.FindingInvitationMissing, sql: `
		SELECT e.id::text, t.id::text, '', 'the welcome mail was sent, and no row of invitations has its link', false
		FROM tenants t JOIN emails e ON e.id = (
			SELECT m.id FROM emails m JOIN operations o ON o.id = m.operation_id
			WHERE m.template = 'welcome' AND m.state = 'SENT' AND o.tenant_id = t.id AND o.generation = t.generation ORDER BY o.id DESC LIMIT 1)
		WHERE ` + inUse + ` AND e.created_at > now() - interval '365 days' AND NOT EXISTS (SELECT FROM invitations i WHERE i.tenant_id = t.id AND i.created_at >= e.created_at)
		  AND NOT EXISTS (SELECT FROM audit_log a WHERE a.tenant_id = t.id AND a.action = 'change-administrator' AND a.outcome = 'accepted' AND a.at >= e.created_at)`},
}
