package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/probe"
	"tenant-provisioning/internal/tenant"
)

const (
	// outageTimeout bounds what is asked of a database that may be away.
	outageTimeout = 2 * time.Second
	// longestAttempt bounds how long before its end a failed attempt began.
	longestAttempt = 10 * time.Minute
	// resumeSpread is how long it takes after an incident until as much is
	// started as ever.
	resumeSpread = 15 * time.Second
	// probesToClose is how many probes in a row must succeed.
	probesToClose = 2
	// maxIncidents bounds a listing.
	maxIncidents = 100
)

// Incidents are dependencies that have failed for many at once: the circuit breaker
// of the steps, with the failures that open it and the probes that close it.
type Incidents struct {
	pool database
	// open are those that are open, for which every attempt asks.
	open *probe.Shared[[]tenant.Incident]
}

// NewIncidents reads and writes incidents on a pool. Whoever asks for the open ones
// shares the answer with all who ask the same Incidents.
func NewIncidents(pool *pgxpool.Pool) *Incidents {
	is := &Incidents{pool: database{pool}}
	is.open = probe.Share(outageTimeout, is.readOpen)
	return is
}

const incidentColumns = `i.id, i.dependency, i.cause, i.affected, i.opened_at, i.closed_at, i.last_probe_at, i.reopened`

func scanIncident(row pgx.CollectableRow) (tenant.Incident, error) {
	var i tenant.Incident
	var closed, probed *time.Time
	err := row.Scan(&i.ID, &i.Dependency, &i.Cause, &i.Affected, &i.OpenedAt, &closed, &probed, &i.Reopened)
	i.ClosedAt, i.LastProbeAt = orZero(closed), orZero(probed)
	return i, err
}

// Blocking is the incident that an attempt at step must wait for; its id
// is zero when there is none. The answer is at most a second old.
func (is *Incidents) Blocking(ctx context.Context, step tenant.Step) (tenant.Incident, error) {
	open, err := is.Open(ctx)
	if err != nil {
		return tenant.Incident{}, err
	}
	for _, i := range open {
		if step.Needs(i.Dependency) || i.Dependency == tenant.DependencyDatabase {
			return i, nil
		}
	}
	return tenant.Incident{}, nil
}

// Open lists those that are open. The answer is at most a second old;
// it is everybody's, and not to be changed.
func (is *Incidents) Open(ctx context.Context) ([]tenant.Incident, error) {
	return is.open.Get(ctx)
}

func (is *Incidents) readOpen(ctx context.Context) ([]tenant.Incident, error) {
	return is.list(ctx, `WHERE i.closed_at IS NULL ORDER BY i.id`)
}

// List lists the newest 100, open ones first.
func (is *Incidents) List(ctx context.Context) ([]tenant.Incident, error) {
	return is.list(ctx, `ORDER BY i.closed_at IS NULL DESC, i.id DESC`)
}

func (is *Incidents) list(ctx context.Context, which string) ([]tenant.Incident, error) {
	rows, err := is.pool.Query(ctx, fmt.Sprintf(`SELECT %s FROM incidents i %s LIMIT %d`, incidentColumns, which, maxIncidents))
	if err != nil {
		return nil, fmt.Errorf("read the incidents: %w", interpret(err))
	}
	found, err := pgx.CollectRows(rows, scanIncident)
	if err != nil {
		return nil, fmt.Errorf("read the incidents: %w", interpret(err))
	}
	return found, nil
}

// failedAlike counts the operations that have failed by a dependency within a
// time, since its last incident.
const failedAlike = `
	SELECT count(DISTINCT l.operation_id)::integer FROM provisioning_logs l
	WHERE l.passing AND l.dependency = $1 AND l.started_at > now() - $3::interval
	  AND l.started_at + make_interval(secs => l.duration_ms / 1000) > greatest(now() - $2::interval,
		(SELECT max(i.closed_at) FROM incidents i WHERE i.dependency = $1))`

// underWay counts the operations that an outage of the database stops.
const underWay = `SELECT count(*)::integer FROM operations WHERE state IN ('PENDING', 'RUNNING')`

// Detect is asked after a failed attempt: it opens an incident when
// enough operations have failed alike, and returns the one that is open; its
// id is zero when there is none. opened tells one caller of many that it was
// the first.
func (is *Incidents) Detect(ctx context.Context, fail tenant.Failure) (i tenant.Incident, opened bool, err error) {
	d := fail.DependsOn()
	return is.detect(ctx, tenant.Incident{Dependency: d, Cause: fail.Reason},
		failedAlike, string(d), tenant.IncidentWindow, longestAttempt)
}

// DetectOutage is asked when the database has refused a write. Failures cannot
// be counted then, for nobody could write them down; but what is refused to one
// is refused to everybody, so the operations under way are counted instead. On a
// full disk an incident still has its place (migrations/control/00005_audit_and_oversight.sql); in
// the other outages it would have none, and is returned with no id.
func (is *Incidents) DetectOutage(ctx context.Context, refused error) (i tenant.Incident, opened bool, err error) {
	seen := tenant.Incident{Dependency: tenant.DependencyDatabase, Cause: reason(refused)}
	if sqlState(refused) != stateDiskFull {
		return seen, false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, outageTimeout)
	defer cancel()
	i, opened, err = is.detect(ctx, seen, underWay)
	if i.ID == 0 {
		return seen, false, err
	}
	return i, opened, err
}

// reason is what people read of an error of the database.
func reason(err error) string {
	if se, explained := errors.AsType[*tenant.StepError](stepError("", err)); explained {
		return se.Reason
	}
	return "the database has refused a write"
}

// detect opens the incident that was seen when enough operations are affected
// by it, and returns the one of its dependency that is open.
func (is *Incidents) detect(ctx context.Context, seen tenant.Incident, count string, args ...any) (i tenant.Incident, opened bool, err error) {
	err = is.pool.inTx(ctx, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, count, args...).Scan(&seen.Affected); err != nil {
			return err
		}
		if seen.Affected >= tenant.IncidentThreshold {
			if opened, err = openIncident(ctx, tx, seen); err != nil {
				return err
			}
		}
		rows, err := tx.Query(ctx, `SELECT `+incidentColumns+` FROM incidents i WHERE i.dependency = $1 AND i.closed_at IS NULL`, string(seen.Dependency))
		if err != nil {
			return err
		}
		i, err = pgx.CollectExactlyOneRow(rows, scanIncident)
		return ifThere(err)
	})
	if err != nil {
		return tenant.Incident{}, false, fmt.Errorf("look for an incident of the %s: %w", seen.Dependency, interpret(err))
	}
	if opened {
		is.open.Forget()
	}
	return i, opened, nil
}

// openIncident opens the dependency's last incident again, if it has just been
// closed, or a new one. It does nothing when one is open.
func openIncident(ctx context.Context, tx pgx.Tx, seen tenant.Incident) (bool, error) {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('incidents'))`); err != nil {
		return false, err
	}
	tag, err := tx.Exec(ctx, `
		UPDATE incidents i SET closed_at = NULL, successes = 0, reopened = reopened + 1, cause = $2,
			affected = greatest(i.affected, $3), probe_after = now()
		WHERE i.id = (SELECT max(l.id) FROM incidents l WHERE l.dependency = $1) AND i.closed_at > now() - $4::interval`,
		string(seen.Dependency), seen.Cause, seen.Affected, tenant.IncidentQuiet)
	if err != nil || tag.RowsAffected() > 0 {
		return err == nil, err
	}
	tag, err = tx.Exec(ctx, `
		INSERT INTO incidents (dependency, cause, affected) SELECT $1, $2, $3
		WHERE NOT EXISTS (SELECT FROM incidents o WHERE o.dependency = $1 AND o.closed_at IS NULL)`,
		string(seen.Dependency), seen.Cause, seen.Affected)
	return tag.RowsAffected() > 0, err
}

// TakeProbe gives the next probe that is due to one worker, which has interval
// for it, longer where an incident was reopened; false when none is due.
func (is *Incidents) TakeProbe(ctx context.Context, interval, longest time.Duration) (tenant.Incident, bool, error) {
	rows, err := is.pool.Query(ctx, `
		UPDATE incidents i SET last_probe_at = now(), probe_after = now() + least($1::interval * power(2, least(i.reopened, 16)), $2::interval)
		WHERE i.id = (SELECT d.id FROM incidents d WHERE d.closed_at IS NULL AND d.probe_after <= now()
			ORDER BY d.probe_after LIMIT 1 FOR UPDATE SKIP LOCKED)
		RETURNING `+incidentColumns, interval, longest)
	if err != nil {
		return tenant.Incident{}, false, fmt.Errorf("take a probe: %w", interpret(err))
	}
	i, err := pgx.CollectExactlyOneRow(rows, scanIncident)
	if errors.Is(err, pgx.ErrNoRows) {
		return i, false, nil
	}
	if err != nil {
		return i, false, fmt.Errorf("take a probe: %w", interpret(err))
	}
	return i, true, nil
}

// Probed notes how a probe went. The second success in a row closes the
// incident. Nothing else is written, however much has waited: Queue.Take spreads
// its start.
func (is *Incidents) Probed(ctx context.Context, id int64, success bool) (closed bool, err error) {
	err = is.pool.QueryRow(ctx, `
		UPDATE incidents SET successes = CASE WHEN $3 THEN successes + 1 ELSE 0 END,
			closed_at = CASE WHEN $3 AND successes + 1 >= $2 THEN now() END
		WHERE id = $1 AND closed_at IS NULL RETURNING closed_at IS NOT NULL`, id, probesToClose, success).Scan(&closed)
	if ifThere(err) != nil { // without a row another probe has closed it
		return false, fmt.Errorf("note the probe of incident %d: %w", id, interpret(err))
	}
	return closed, nil
}

// WriteProbe asks whether the database takes the writes of a step.
type WriteProbe struct {
	pool database
	// writes is the question of all who wait.
	writes *probe.Shared[struct{}]
}

// NewWriteProbe probes the database of a pool.
func NewWriteProbe(pool *pgxpool.Pool) *WriteProbe {
	p := &WriteProbe{pool: database{pool}}
	p.writes = probe.Share(outageTimeout, func(ctx context.Context) (struct{}, error) { return struct{}{}, p.Probe(ctx) })
	return p
}

// TakesWrites is Probe for everything that waits: its answer is at most
// a second old.
func (p *WriteProbe) TakesWrites(ctx context.Context) error {
	_, err := p.writes.Get(ctx)
	return err
}

// Probe writes as much as a tenant's schema takes, and takes it back:
// a full disk lets a single row in. It commits, as a step does, and needs the
// same privilege.
func (p *WriteProbe) Probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, outageTimeout)
	defer cancel()
	schema := pgx.Identifier{"probe_" + strings.ToLower(rand.Text())}.Sanitize() // several probe at once
	err := p.pool.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			CREATE SCHEMA `+schema+`;
			CREATE TABLE `+schema+`.probe AS SELECT repeat('x', 1000) AS filler FROM generate_series(1, 500);
			DROP TABLE `+schema+`.probe;
			DROP SCHEMA `+schema, pgx.QueryExecModeSimpleProtocol)
		return err
	})
	if err != nil {
		return fmt.Errorf("write to the database: %w", interpret(err))
	}
	return nil
}
