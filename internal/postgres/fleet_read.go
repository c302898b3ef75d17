package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tenant-provisioning/internal/tenant"
)

const fleetColumns = `r.id::text, r.kind, r.state, r.settings, r.params, r.waves, coalesce(r.note, ''), r.requested_by, r.reason, coalesce(r.run_id, ''), r.version,
	r.created_at, r.started_at, r.finished_at, r.updated_at,
	c.pending, c.done, c.failed, c.skipped, c.wave`

// fleetCounted joins what the rows of a run's tenants say. Nothing keeps the counts:
// tenants that are done at the same time would wait for each other.
const fleetCounted = ` fleet_runs r CROSS JOIN LATERAL (
	SELECT count(*) FILTER (WHERE state = 'PENDING') AS pending, count(*) FILTER (WHERE state = 'DONE') AS done,
		count(*) FILTER (WHERE state = 'FAILED') AS failed, count(*) FILTER (WHERE state = 'SKIPPED') AS skipped,
		coalesce(min(wave) FILTER (WHERE state = 'PENDING'), max(wave), 0) AS wave
	FROM fleet_items i WHERE i.fleet_id = r.id) c `

func scanFleet(row pgx.CollectableRow) (tenant.FleetRun, error) {
	var r tenant.FleetRun
	var started, finished *time.Time
	err := row.Scan(&r.ID, &r.Kind, &r.State, &r.Settings, &r.Params, &r.Waves, &r.Note, &r.Actor, &r.Reason, &r.RunID, &r.Version,
		&r.CreatedAt, &started, &finished, &r.UpdatedAt,
		&r.Counts.Pending, &r.Counts.Done, &r.Counts.Failed, &r.Counts.Skipped, &r.Wave)
	r.StartedAt, r.FinishedAt = orZero(started), orZero(finished)
	return r, err
}

func countFleet(ctx context.Context, tx pgx.Tx, id tenant.FleetID) (c tenant.FleetCounts, err error) {
	err = tx.QueryRow(ctx, `
		SELECT count(*) FILTER (WHERE state = 'PENDING'), count(*) FILTER (WHERE state = 'DONE'), count(*) FILTER (WHERE state = 'FAILED'), count(*) FILTER (WHERE state = 'SKIPPED')
		FROM fleet_items WHERE fleet_id = $1`, string(id)).Scan(&c.Pending, &c.Done, &c.Failed, &c.Skipped)
	return c, err
}

// Find reads a run.
func (fs *Fleets) Find(ctx context.Context, id tenant.FleetID) (tenant.FleetRun, error) {
	rows, err := fs.pool.Query(ctx, `SELECT `+fleetColumns+` FROM `+fleetCounted+` WHERE r.id = $1`, string(id))
	if err == nil {
		var r tenant.FleetRun
		if r, err = pgx.CollectExactlyOneRow(rows, scanFleet); err == nil {
			return r, nil
		}
	}
	return tenant.FleetRun{}, fmt.Errorf("read fleet run %s: %w", id, interpret(err))
}

// List reads runs, the newest first.
func (fs *Fleets) List(ctx context.Context, f tenant.FleetFilter) (tenant.Page[tenant.FleetRun], error) {
	l := listingOf("fleets", string(f.Kind), string(f.State))
	after, err := l.after(f.Cursor)
	if err != nil {
		return tenant.Page[tenant.FleetRun]{}, err
	}
	rows, err := fs.pool.Query(ctx, `SELECT `+fleetColumns+` FROM `+fleetCounted+`
		WHERE ($1 = '' OR r.kind = $1) AND ($2 = '' OR r.state = $2) AND ($3::uuid IS NULL OR r.id < $3) ORDER BY r.id DESC LIMIT $4`,
		string(f.Kind), string(f.State), after, pageSize(f.Limit)+1)
	if err == nil {
		var items []tenant.FleetRun
		if items, err = pgx.CollectRows(rows, scanFleet); err == nil {
			return page(l, items, f.Limit, func(r tenant.FleetRun) string { return string(r.ID) }), nil
		}
	}
	return tenant.Page[tenant.FleetRun]{}, fmt.Errorf("list fleet runs: %w", interpret(err))
}

// Items reads the tenants of a run, in the order of their ids.
func (fs *Fleets) Items(ctx context.Context, id tenant.FleetID, f tenant.FleetItemFilter) (tenant.Page[tenant.FleetItem], error) {
	l := listingOf("fleet-items", string(id), string(f.State))
	after, err := l.after(f.Cursor)
	if err != nil {
		return tenant.Page[tenant.FleetItem]{}, err
	}
	rows, err := fs.pool.Query(ctx, `
		SELECT tenant_id::text, wave, state, attempts, coalesce(error_class, ''), coalesce(error, ''), finished_at, updated_at FROM fleet_items
		WHERE fleet_id = $1 AND ($2 = '' OR state = $2) AND ($3::uuid IS NULL OR tenant_id > $3) ORDER BY tenant_id LIMIT $4`,
		string(id), string(f.State), after, pageSize(f.Limit)+1)
	if err == nil {
		var items []tenant.FleetItem
		items, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (i tenant.FleetItem, err error) {
			var finished *time.Time
			err = row.Scan(&i.Tenant, &i.Wave, &i.State, &i.Attempts, &i.Class, &i.Error, &finished, &i.UpdatedAt)
			i.FinishedAt = orZero(finished)
			return i, err
		})
		if err == nil {
			return page(l, items, f.Limit, func(i tenant.FleetItem) string { return string(i.Tenant) }), nil
		}
	}
	return tenant.Page[tenant.FleetItem]{}, fmt.Errorf("list the tenants of fleet run %s: %w", id, interpret(err))
}

// Open lists the runs that are not over: few, one of a kind.
func (fs *Fleets) Open(ctx context.Context) ([]tenant.FleetRun, error) {
	rows, err := fs.pool.Query(ctx, `SELECT `+fleetColumns+` FROM `+fleetCounted+` WHERE r.state NOT IN ('COMPLETED', 'FAILED', 'ABORTED') ORDER BY r.id`)
	if err == nil {
		var open []tenant.FleetRun
		if open, err = pgx.CollectRows(rows, scanFleet); err == nil {
			return open, nil
		}
	}
	return nil, fmt.Errorf("list open fleet runs: %w", interpret(err))
}

// Unclaimed lists the open runs that no workflow has.
func (fs *Fleets) Unclaimed(ctx context.Context) ([]tenant.FleetRun, error) {
	rows, err := fs.pool.Query(ctx, `SELECT id::text, kind FROM fleet_runs WHERE run_id IS NULL AND state NOT IN ('COMPLETED', 'FAILED', 'ABORTED') ORDER BY id`)
	if err == nil {
		var open []tenant.FleetRun
		open, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r tenant.FleetRun, err error) { return r, row.Scan(&r.ID, &r.Kind) })
		if err == nil {
			return open, nil
		}
	}
	return nil, fmt.Errorf("list fleet runs that wait to be started: %w", interpret(err))
}

// Release takes an open run from its workflow, by compare-and-set, so that another one
// may claim it. Only who has seen that the workflow is closed may do that.
func (fs *Fleets) Release(ctx context.Context, id tenant.FleetID, run string) (bool, error) {
	tag, err := fs.pool.Exec(ctx, `
		UPDATE fleet_runs SET run_id = NULL, version = version + 1, updated_at = now()
		WHERE id = $1 AND run_id = $2 AND state NOT IN ('COMPLETED', 'FAILED', 'ABORTED')`, string(id), run)
	if err != nil {
		return false, fmt.Errorf("release fleet run %s from its workflow: %w", id, interpret(err))
	}
	return tag.RowsAffected() == 1, nil
}

// SchemaVersions tells how many tenants' schemas are at which version of the template,
// the oldest first.
func (fs *Fleets) SchemaVersions(ctx context.Context) ([]tenant.SchemaVersion, error) {
	rows, err := fs.pool.Query(ctx, `
		SELECT v.version, count(*) FROM tenant_schema_versions v JOIN tenants t ON t.id = v.tenant_id AND t.generation = v.generation GROUP BY v.version ORDER BY v.version`)
	if err == nil {
		var versions []tenant.SchemaVersion
		versions, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (v tenant.SchemaVersion, err error) {
			return v, row.Scan(&v.Version, &v.Tenants)
		})
		if err == nil {
			return versions, nil
		}
	}
	return nil, fmt.Errorf("read the versions of tenants' schemas: %w", interpret(err))
}

// Standing tells how the latest run of each kind stands. A tenant that is gone has not
// been left behind.
func (fs *Fleets) Standing(ctx context.Context) (map[tenant.FleetKind]tenant.FleetStanding, error) {
	rows, err := fs.pool.Query(ctx, `
		SELECT r.kind, CASE WHEN r.finished_at IS NULL THEN extract(epoch FROM now() - greatest(r.created_at, (
				SELECT max(finished_at) FROM fleet_items WHERE fleet_id = r.id AND state = 'DONE')))::float8 ELSE 0 END,
			(SELECT count(*) FROM fleet_items i JOIN tenants t ON t.id = i.tenant_id WHERE i.fleet_id = r.id AND i.state = 'FAILED' AND t.status NOT IN ('FAILED', 'DELETED'))
		FROM (SELECT DISTINCT ON (kind) id, kind, created_at, finished_at FROM fleet_runs ORDER BY kind, created_at DESC) r`)
	if err != nil {
		return nil, fmt.Errorf("read how fleet runs stand: %w", interpret(err))
	}
	all := map[tenant.FleetKind]tenant.FleetStanding{}
	var kind tenant.FleetKind
	var idle float64
	var failed int
	_, err = pgx.ForEachRow(rows, []any{&kind, &idle, &failed}, func() error {
		all[kind] = tenant.FleetStanding{Idle: seconds(idle), Failed: failed}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read how fleet runs stand: %w", interpret(err))
	}
	return all, nil
}
