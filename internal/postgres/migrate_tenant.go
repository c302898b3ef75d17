package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/migrations"
)

// MigrateLockTimeout bounds the waiting for a lock on a tenant's table: whoever comes
// after waits behind it, so that a long one is an outage of that table.
const MigrateLockTimeout = 2 * time.Second

// MigrationParams are the params of a fleet run of the kind migrate.
type MigrationParams struct {
	// Version is what the schemas are brought to.
	Version int64 `json:"version"`
	// LockTimeout bounds the waiting for a lock on a table; zero takes the default.
	LockTimeout time.Duration `json:"lockTimeout,omitempty"`
}

// migrating is a tenant's schema and how far it is.
type migrating struct {
	schema, role string
	generation   int
	version      int64
	params       MigrationParams
}

// Migrator returns what brings the schema of one of these tenants, all of the same run,
// to the version that the run names, and marks the tenant done in the run. It does one at
// a time. Where the schemas are is read once for all, and so each costs one round trip. One
// that has changed since is tenant.ErrSuperseded, and nothing is done to it.
func (s *Schemas) Migrator(of []tenant.ID) func(context.Context, tenant.FleetFence) error {
	var all map[tenant.ID]migrating
	return func(ctx context.Context, f tenant.FleetFence) (err error) {
		if all == nil {
			if all, err = s.migrating(ctx, f.Fleet, of); err != nil {
				return stepError("", err)
			}
		}
		m, there := all[f.Tenant]
		if !there { // purged, or undone, since the run wrote it down
			return s.settleItem(ctx, f, tenant.FleetItemSkipped)
		}
		return s.migrate(ctx, f, m)
	}
}

// migrate does one of them. Each file is a transaction with the version that it leads to:
// one that fails leaves the schema at the version before.
func (s *Schemas) migrate(ctx context.Context, f tenant.FleetFence, m migrating) error {
	if s.template.Version < m.params.Version {
		return &tenant.StepError{
			Class: tenant.ClassCapacity, // everybody's, and passing: another worker has the files
			Reason: fmt.Sprintf("this worker's template ends at version %d, and the run migrates to %d; replace the worker by the version that the run was started from",
				s.template.Version, m.params.Version),
		}
	}
	files := s.template.Between(m.version, m.params.Version)
	if len(files) == 0 {
		return s.settleItem(ctx, f, tenant.FleetItemDone)
	}
	for i, file := range files {
		last := i == len(files)-1
		err := onceMore(func() error { return s.send(ctx, m.batch(f, file, last)) })
		if sqlState(err) == stateAlreadyDone {
			return nil
		}
		if err != nil {
			return migrationError(file, err)
		}
		m.version = file.Version
	}
	return nil
}

// migrating reads where tenants' schemas are, and where their run leads.
func (s *Schemas) migrating(ctx context.Context, fleet tenant.FleetID, of []tenant.ID) (map[tenant.ID]migrating, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT t.id::text, v.schema_name, t.role_name, v.generation, v.version, r.params
		FROM tenants t JOIN tenant_schema_versions v ON v.tenant_id = t.id AND v.generation = t.generation AND v.schema_name = t.schema_name, fleet_runs r
		WHERE t.id = ANY ($1::uuid[]) AND r.id = $2`, of, string(fleet))
	if err != nil {
		return nil, err
	}
	all := make(map[tenant.ID]migrating, len(of))
	var id tenant.ID
	var m migrating
	_, err = pgx.ForEachRow(rows, []any{&id, &m.schema, &m.role, &m.generation, &m.version, &m.params}, func() error {
		all[id] = m
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// batch applies a file in one round trip, as one transaction; the last one ends the
// work on the tenant.
func (m migrating) batch(f tenant.FleetFence, file migrations.File, last bool) *pgx.Batch {
	timeout := m.params.LockTimeout
	if timeout <= 0 {
		timeout = MigrateLockTimeout
	}
	b := &pgx.Batch{}
	b.Queue(`SELECT migrate_schema($1::uuid, $2::uuid, $3::text, $4::text, $5::integer, $6::bigint, $7::bigint, $8::boolean, $9::text, $10::text)`,
		string(f.Fleet), string(f.Tenant), f.Run, m.schema, m.generation, m.version, file.Version, last, fmt.Sprint(timeout.Milliseconds()),
		file.For(pgx.Identifier{m.schema}.Sanitize(), pgx.Identifier{m.role}.Sanitize()))
	return b
}

func (s *Schemas) settleItem(ctx context.Context, f tenant.FleetFence, state tenant.FleetItemState) error {
	b := &pgx.Batch{}
	queueFleetFence(b, f)
	queueFleetDone(b, f, state)
	if err := s.pool.run(ctx, b); err != nil && sqlState(err) != stateAlreadyDone {
		return stepError("", err)
	}
	return nil
}

// migrationError says what a file that failed on one tenant means to an operator.
func migrationError(file migrations.File, err error) error {
	pg, fromServer := errors.AsType[*pgconn.PgError](err)
	if !fromServer || pg.Code == stateSuperseded {
		return stepError("", err)
	}
	e := &tenant.StepError{Alone: true, Err: err}
	switch {
	case pg.Code == stateLockNotAvailable, pg.Code == stateDeadlock, pg.Code == stateSerialization:
		e.Class = tenant.ClassConflict
		e.Reason = fmt.Sprintf("%s waits for a lock that others hold (SQLSTATE %s)%s; docs/runbooks/migration-stuck.md says how to find them", file.Name, pg.Code, concerned(pg))
	case strings.HasPrefix(pg.Code, "2"), strings.HasPrefix(pg.Code, "42") && pg.Code != stateNoPrivilege, strings.HasPrefix(pg.Code, "0A"), strings.HasPrefix(pg.Code, "P0"):
		e.Class, e.Permanent = tenant.ClassPermanent, true
		e.Reason = fmt.Sprintf("%s fails on this tenant's schema (SQLSTATE %s)%s, which is as it was before; the worker's log has the statement's error", file.Name, pg.Code, concerned(pg))
	default:
		return stepError("", err)
	}
	return e
}

// concerned names the objects that an error is about. Its message may hold data.
func concerned(pg *pgconn.PgError) string {
	var b strings.Builder
	for _, part := range [][2]string{{"table", pg.TableName}, {"column", pg.ColumnName}, {"constraint", pg.ConstraintName}} {
		if part[1] != "" {
			fmt.Fprintf(&b, ", %s %s", part[0], part[1])
		}
	}
	return b.String()
}
