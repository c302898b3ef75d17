package postgres

import (
	"context"
	"fmt"

	"tenant-provisioning/internal/tenant"
)

// Standing tells how old the backups are. The last good one of each tenant is read by
// the index; a tenant counts from its activation, but not from before backups were made
// at all.
func (b *Backups) Standing(ctx context.Context) (s tenant.StandingBackups, err error) {
	var control, oldest, drilled float64
	err = b.pool.QueryRow(ctx, `
		WITH first AS MATERIALIZED (SELECT min(created_at) AS at FROM (
				SELECT created_at FROM fleet_runs WHERE kind = 'backup' UNION ALL SELECT min(created_at) FROM backups) x),
		last AS MATERIALIZED (SELECT id FROM fleet_runs WHERE kind = 'backup' AND params->'tenants' IS NULL AND state IN ('COMPLETED', 'FAILED', 'ABORTED')
			ORDER BY finished_at DESC LIMIT 1),
		living AS MATERIALIZED (
			SELECT extract(epoch FROM now() - coalesce(b.taken_at, greatest(t.activated_at, first.at)))::float8 AS age
			FROM first CROSS JOIN tenants t JOIN tenant_schema_versions v ON v.tenant_id = t.id AND v.schema_name = t.schema_name
			LEFT JOIN LATERAL (SELECT taken_at FROM backups WHERE tenant_id = t.id AND state = 'GOOD' ORDER BY created_at DESC LIMIT 1) b ON true
			WHERE t.activated_at IS NOT NULL AND t.status <> 'DELETED'
			  AND NOT EXISTS (SELECT FROM backup_keys k WHERE k.tenant_id = t.id AND k.destroyed_at IS NOT NULL))
		SELECT first.at IS NOT NULL,
			coalesce(extract(epoch FROM now() - coalesce((SELECT max(taken_at) FROM backups WHERE tenant_id IS NULL AND state = 'GOOD'), first.at)), 0)::float8,
			(SELECT coalesce(max(age), 0) FROM living), (SELECT count(*) FROM living WHERE age > $1::float8),
			(SELECT count(*) FROM backups WHERE state = 'BROKEN'),
			(SELECT count(*) FROM fleet_items JOIN last ON last.id = fleet_id WHERE state = 'DONE'),
			(SELECT count(*) FROM fleet_items JOIN last ON last.id = fleet_id WHERE state = 'FAILED'),
			(SELECT count(*) FROM fleet_items JOIN last ON last.id = fleet_id WHERE state = 'SKIPPED'),
			coalesce(extract(epoch FROM now() - coalesce((SELECT max(finished_at) FROM fleet_runs WHERE kind = 'drill' AND state = 'COMPLETED'),
				(SELECT min(created_at) FROM fleet_runs WHERE kind = 'drill'))), 0)::float8,
			(SELECT count(*) FROM (SELECT DISTINCT ON (tenant_id) held FROM restore_drills ORDER BY tenant_id, at DESC) d WHERE NOT held)
		FROM first`, tenant.BackupsTooOld.Seconds()).
		Scan(&s.Made, &control, &oldest, &s.Late, &s.Broken, &s.Last.Done, &s.Last.Failed, &s.Last.Skipped, &drilled, &s.DrillsFailed)
	if err != nil {
		return tenant.StandingBackups{}, fmt.Errorf("look how old the backups are: %w", interpret(err))
	}
	if !s.Made {
		return tenant.StandingBackups{}, nil
	}
	s.Control, s.Oldest, s.Drilled = seconds(control), seconds(oldest), seconds(drilled)
	return s, nil
}
