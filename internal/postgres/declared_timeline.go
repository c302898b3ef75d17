package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tenant-provisioning/internal/tenant"
)

// maxTimeline bounds a timeline, the latest entries.
const maxTimeline = 1000

// timeline is all that happened in a time, of incident $1 from $2 to $3. What is alike
// within a minute is one entry, so that an outage that ten thousand operations met is
// read in as many lines as it has minutes.
const timeline = `
	SELECT at, 'message' AS source, actor, message || CASE WHEN done <> '{}' THEN ' (done: ' || array_to_string(done, ', ') || ')' ELSE '' END AS text, public
	FROM declared_incident_updates WHERE incident_id = $1 AND kind <> 'alerted'
	UNION ALL
	SELECT starts_at, 'alert', '', name || ' fires: ' || summary, '' FROM declared_incident_alerts WHERE incident_id = $1
	UNION ALL
	SELECT ends_at, 'alert', '', name || ' has ended', '' FROM declared_incident_alerts WHERE incident_id = $1 AND ends_at IS NOT NULL
	UNION ALL
	SELECT min(at), 'audit', actor, action || ' ' || outcome || CASE WHEN count(*) > 1 THEN ' ' || count(*) || ' times' ELSE '' END
		|| coalesce(': ' || nullif(concat_ws('; ', min(reason), CASE WHEN count(*) = 1 THEN min(detail) END), ''), ''), ''
	FROM audit_log WHERE at BETWEEN $2 AND $3 AND NOT (action LIKE 'incident-%' AND outcome = 'accepted')
	GROUP BY date_trunc('minute', at), actor, action, outcome
	UNION ALL
	SELECT min(started_at), 'operation', '', count(*) || ' failed at ' || step || ': ' || min(error), ''
	FROM provisioning_logs WHERE status = 'FAILED' AND started_at BETWEEN $2 AND $3 GROUP BY date_trunc('minute', started_at), step, error
	UNION ALL
	SELECT min(at), 'operation', '', count(*) || ' became ' || (data->>'state'), ''
	FROM events WHERE at BETWEEN $2 AND $3 AND type IN ('operation.needs_attention', 'operation.rollback_blocked', 'operation.rolled_back')
	GROUP BY date_trunc('minute', at), data->>'state'
	UNION ALL
	SELECT opened_at, 'breaker', '', 'incident ' || id || ' of the ' || dependency || ' holds work: ' || cause, '' FROM incidents WHERE opened_at BETWEEN $2 AND $3
	UNION ALL
	SELECT closed_at, 'breaker', '', 'incident ' || id || ' of the ' || dependency || ' is over', '' FROM incidents WHERE closed_at BETWEEN $2 AND $3
	UNION ALL
	SELECT opened_at, 'workers', '', 'no worker takes work: ' || cause, '' FROM worker_outages WHERE opened_at BETWEEN $2 AND $3
	UNION ALL
	SELECT closed_at, 'workers', '', 'a worker takes work again', '' FROM worker_outages WHERE closed_at BETWEEN $2 AND $3`

// movedLogs tells that what failed in that time is not all in the database any more.
const movedLogs = `
	SELECT $2::timestamptz, 'operation', '', 'provisioning logs of this time have moved to the backup store, and failures that they tell of are missing here; they are read by: starter logs --since '
		|| to_char($2 AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') || ' --until ' || to_char($3 AT TIME ZONE 'UTC' + interval '1 second', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), ''
	WHERE EXISTS (SELECT FROM log_archives WHERE to_at >= $2 AND from_at <= $3)`

// Timeline lists what happened from a time to another and belongs to an incident or may,
// in order: what was said of it, its alerts, and of the installation the audit log, what
// failed, the breaker's incidents and outages of the workers. Where logs of that time have
// left the database, the first entry says so, and how they are read.
func (d *Declared) Timeline(ctx context.Context, id tenant.DeclaredID, from, until time.Time) ([]tenant.TimelineEntry, error) {
	rows, err := d.pool.Query(ctx, fmt.Sprintf(`SELECT at, source, actor, text, public FROM ((SELECT * FROM (%s) t ORDER BY at DESC LIMIT %d) UNION ALL %s) t
		ORDER BY at, source, text`, timeline, maxTimeline, movedLogs), int64(id), from, until)
	if err != nil {
		return nil, fmt.Errorf("read the timeline of %s: %w", id, interpret(err))
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[tenant.TimelineEntry])
	if err != nil {
		return nil, fmt.Errorf("read the timeline of %s: %w", id, interpret(err))
	}
	return found, nil
}
