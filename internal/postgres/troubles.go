package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"tenant-provisioning/internal/tenant"
)

// troubles are those that last (tenant.Trouble). A run that has come to its end is one
// for as long as there is a tenant that it has left behind and that no later run of its
// kind has done.
const troubles = `(
	SELECT 'window_overrun' AS trouble, id::text AS subject, overrun_at AS since, note AS cause
	FROM maintenance_windows WHERE state = 'RUNNING' AND overrun_at IS NOT NULL
	UNION ALL
	SELECT 'capacity_short', resource, short_since, cause FROM capacity WHERE short_since IS NOT NULL
	UNION ALL
	SELECT 'fleet_stopped', r.kind, r.stopped_at, 'run ' || r.id || ': ' || r.note FROM fleet_runs r
	WHERE r.stopped_at IS NOT NULL AND (r.state = 'PAUSED' OR r.state = 'FAILED' AND EXISTS (
		SELECT FROM fleet_items i JOIN tenants t ON t.id = i.tenant_id
		WHERE i.fleet_id = r.id AND i.state = 'FAILED' AND t.status NOT IN ('FAILED', 'DELETED')
		  AND NOT EXISTS (SELECT FROM fleet_runs l JOIN fleet_items d ON d.fleet_id = l.id
			WHERE l.kind = r.kind AND l.created_at > r.created_at AND d.tenant_id = i.tenant_id AND d.state = 'DONE')))) troubles `

// collectTroubles makes the notices of troubles: at once, since each has lasted by its
// nature, and when nothing of the kind is the matter with the subject any more, to those
// who know of it; of several that have passed, one. That a window overruns staff are
// mailed by the window itself.
func collectTroubles(ctx context.Context, tx pgx.Tx, recipients []string) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO notices (batch, recipient, trouble, subject, since, cause)
		SELECT gen_random_uuid(), r, trouble, subject, since, cause FROM `+troubles+` CROSS JOIN unnest($1::text[]) r
		WHERE r = $2 OR trouble <> 'window_overrun'
		ON CONFLICT DO NOTHING`, recipients, tenant.NoticeWebhook)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO notices (batch, recipient, trouble, subject, since, cause, over)
		SELECT DISTINCT ON (n.recipient, n.trouble, n.subject) gen_random_uuid(), n.recipient, n.trouble, n.subject, n.since, n.cause, true FROM notices n
		WHERE n.trouble IS NOT NULL AND n.state = 'SENT' AND NOT n.over
		  AND NOT EXISTS (SELECT FROM notices o WHERE o.trouble = n.trouble AND o.subject = n.subject AND o.recipient = n.recipient AND o.over AND o.since >= n.since)
		  AND NOT EXISTS (SELECT FROM `+troubles+` WHERE troubles.trouble = n.trouble AND troubles.subject = n.subject)
		ORDER BY n.recipient, n.trouble, n.subject, n.since DESC
		ON CONFLICT DO NOTHING`)
	return err
}

// troubleToTell is the trouble that a notice is about; zero when it has passed, or has
// come again, before the notice left.
func troubleToTell(ctx context.Context, tx pgx.Tx, t tenant.Trouble) (tenant.Trouble, error) {
	var lasts bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+troubles+` WHERE trouble = $1 AND subject = $2 AND ($4 OR since = $3))`,
		string(t.Kind), t.Subject, t.Since, t.Over()).Scan(&lasts)
	if err != nil || lasts == t.Over() {
		return tenant.Trouble{}, err
	}
	return t, nil
}
