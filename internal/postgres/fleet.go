package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/tenant"
)

// fleetPage is how many tenants a run is given at a time: their ids stand in the
// history of its workflow, 40 bytes each.
const fleetPage = 2000

// fleetBackoff is the first pause before a tenant is tried again, and
// longestFleetBackoff the longest.
const (
	fleetBackoff        = time.Second
	longestFleetBackoff = 5 * time.Minute
)

// Fleets are the runs on all tenants, with what a workflow writes of them by
// compare-and-set.
type Fleets struct{ pool database }

// NewFleets reads and writes fleet runs on a pool.
func NewFleets(pool *pgxpool.Pool) *Fleets { return &Fleets{pool: database{pool}} }

// fleetTargets select the tenants of a run by its kind, as (tenant_id, tier). $2 is the
// run's params. A new kind adds its own here.
var fleetTargets = map[tenant.FleetKind]string{
	tenant.FleetMigrate: `
		SELECT t.id AS tenant_id, t.tier FROM tenants t JOIN tenant_schema_versions v ON v.tenant_id = t.id AND v.generation = t.generation
		WHERE v.version < ($2::jsonb->>'version')::bigint`,
	tenant.FleetBackup: `
		SELECT t.id AS tenant_id, t.tier FROM tenants t JOIN tenant_schema_versions v ON v.tenant_id = t.id AND v.schema_name = t.schema_name
		WHERE t.activated_at IS NOT NULL AND ($2::jsonb->'tenants' IS NULL OR $2::jsonb->'tenants' ? t.id::text)`,
	tenant.FleetDrill: `
		SELECT * FROM (SELECT t.id AS tenant_id, t.tier FROM tenants t
			WHERE t.status <> 'DELETED' AND EXISTS (SELECT FROM backups b WHERE b.tenant_id = t.id AND b.state = 'GOOD')
			  AND ($2::jsonb->'tenants' IS NULL OR $2::jsonb->'tenants' ? t.id::text)
			ORDER BY random() LIMIT ($2::jsonb->>'sample')::integer) sample`,
}

// fleetRow is a run as the engine reads it, under a lock.
type fleetRow struct {
	id       tenant.FleetID
	kind     tenant.FleetKind
	state    tenant.FleetState
	run      string
	settings tenant.FleetSettings
	params   json.RawMessage
	planned  bool
	waves    int
	note     string
}

func lockFleet(ctx context.Context, tx pgx.Tx, id tenant.FleetID) (fleetRow, error) {
	r := fleetRow{id: id}
	err := tx.QueryRow(ctx, `
		SELECT kind, state, coalesce(run_id, ''), settings, params, planned, waves, coalesce(note, '') FROM fleet_runs WHERE id = $1 FOR UPDATE`, string(id)).
		Scan(&r.kind, &r.state, &r.run, &r.settings, &r.params, &r.planned, &r.waves, &r.note)
	return r, err
}

// Next claims the run for its workflow, if none has it, and says what is to be done
// now. It writes the tenants down once, begins a wave when the one before has nothing
// left to do, and ends the run when there is nothing left at all. Asked again it
// answers the same. A run of another workflow is tenant.ErrSuperseded.
func (fs *Fleets) Next(ctx context.Context, f tenant.FleetFence) (s tenant.FleetStep, err error) {
	err = fs.pool.inTx(ctx, func(tx pgx.Tx) error {
		s, err = nextOfFleet(ctx, tx, f)
		return err
	})
	if err != nil {
		return tenant.FleetStep{}, fmt.Errorf("find what is next in fleet run %s: %w", f.Fleet, interpret(err))
	}
	return s, nil
}

func nextOfFleet(ctx context.Context, tx pgx.Tx, f tenant.FleetFence) (tenant.FleetStep, error) {
	r, err := lockFleet(ctx, tx, f.Fleet)
	switch {
	case errors.Is(err, pgx.ErrNoRows): // a restore has lost the row
		return tenant.FleetStep{}, tenant.ErrSuperseded
	case err != nil:
		return tenant.FleetStep{}, err
	case r.run != "" && r.run != f.Run:
		return tenant.FleetStep{}, tenant.ErrSuperseded
	}
	if !r.state.Closed() && (r.run == "" || r.state == tenant.FleetPending) {
		if r.state == tenant.FleetPending {
			r.state = tenant.FleetRunning
		}
		if _, err := tx.Exec(ctx, `UPDATE fleet_runs SET run_id = $2, state = $3, started_at = coalesce(started_at, now()), version = version + 1, updated_at = now() WHERE id = $1`,
			string(r.id), f.Run, string(r.state)); err != nil {
			return tenant.FleetStep{}, err
		}
	}
	s := tenant.FleetStep{State: r.state, Lanes: r.settings.Lanes, Waves: r.waves, Note: r.note}
	switch r.state {
	case tenant.FleetAborting:
		s.State = tenant.FleetAborted
		err = endFleet(ctx, tx, r.id, s.State, r.note)
	case tenant.FleetRunning:
		err = workOfFleet(ctx, tx, r, &s)
	case tenant.FleetPending, tenant.FleetPaused, tenant.FleetCompleted, tenant.FleetFailed, tenant.FleetAborted:
	}
	if err == nil {
		s.Counts, err = countFleet(ctx, tx, r.id)
	}
	return s, err
}

// workOfFleet fills in the tenants that are to be done now, or ends the run.
func workOfFleet(ctx context.Context, tx pgx.Tx, r fleetRow, s *tenant.FleetStep) error {
	lifecycle, known := r.kind.Lifecycle()
	if !known {
		return fmt.Errorf("this version knows no fleet runs of kind %q; update it", r.kind)
	}
	if !r.planned {
		if err := planFleet(ctx, tx, r, s); err != nil {
			return err
		}
	}
	left, err := pageOfFleet(ctx, tx, r.id, s)
	if err != nil || left {
		return err
	}
	if lifecycle.Follows {
		tag, err := tx.Exec(ctx, `
			INSERT INTO fleet_items (fleet_id, tenant_id, wave)
			SELECT $1, n.tenant_id, $3 FROM (`+fleetTargets[r.kind]+`) n
			WHERE NOT EXISTS (SELECT FROM fleet_items i WHERE i.fleet_id = $1 AND i.tenant_id = n.tenant_id)`, string(r.id), r.params, s.Waves)
		if err != nil {
			return err
		}
		if tag.RowsAffected() > 0 {
			s.Waves++
			if err := setWaves(ctx, tx, r.id, s.Waves); err != nil {
				return err
			}
			_, err = pageOfFleet(ctx, tx, r.id, s)
			return err
		}
	}
	var failed int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM fleet_items WHERE fleet_id = $1 AND state = 'FAILED'`, string(r.id)).Scan(&failed); err != nil {
		return err
	}
	if s.State, s.Note = tenant.FleetCompleted, ""; failed > 0 {
		s.State, s.Note = tenant.FleetFailed, fmt.Sprintf("it has come to its end, and %d of its tenants have failed", failed)
	}
	return endFleet(ctx, tx, r.id, s.State, s.Note)
}

// planFleet writes the tenants down, each in its wave: the canary, then one after the
// other the tiers, each by percentage. Within a tier their order is that of a hash, so
// that the old ones do not all come first.
func planFleet(ctx context.Context, tx pgx.Tx, r fleetRow, s *tenant.FleetStep) error {
	_, err := tx.Exec(ctx, `
		WITH ordered AS (
			SELECT tenant_id, tier, md5(tenant_id::text) AS hash, coalesce(array_position($3::text[], tier), 1 << 30) AS rank
			FROM (`+fleetTargets[r.kind]+`) targets
		), numbered AS (
			SELECT *, row_number() OVER (ORDER BY rank, tier, hash) <= $4 AS canary FROM ordered
		), cut AS (
			SELECT tenant_id, canary, dense_rank() OVER (ORDER BY rank, tier) AS tier_number,
				100.0 * row_number() OVER of_tier / count(*) OVER (PARTITION BY canary, rank, tier) AS percent
			FROM numbered WINDOW of_tier AS (PARTITION BY canary, rank, tier ORDER BY hash)
		)
		INSERT INTO fleet_items (fleet_id, tenant_id, wave)
		SELECT $1, tenant_id, CASE WHEN canary THEN 0
			ELSE dense_rank() OVER (ORDER BY canary DESC, tier_number, (SELECT min(p) FROM unnest($5::integer[]) p WHERE p >= percent)) - ($4 > 0)::integer END
		FROM cut ON CONFLICT DO NOTHING`,
		string(r.id), r.params, r.settings.Tiers, r.settings.Canary, r.settings.Percent)
	if err != nil {
		return err
	}
	if err := tx.QueryRow(ctx, `SELECT coalesce(max(wave) + 1, 0) FROM fleet_items WHERE fleet_id = $1`, string(r.id)).Scan(&s.Waves); err != nil {
		return err
	}
	return setWaves(ctx, tx, r.id, s.Waves)
}

func setWaves(ctx context.Context, tx pgx.Tx, id tenant.FleetID, waves int) error {
	_, err := tx.Exec(ctx, `UPDATE fleet_runs SET planned = true, waves = $2, version = version + 1, updated_at = now() WHERE id = $1`, string(id), waves)
	return err
}

// pageOfFleet finds the tenants of the present wave that are due. It reports false when
// nothing is left to be done.
func pageOfFleet(ctx context.Context, tx pgx.Tx, id tenant.FleetID, s *tenant.FleetStep) (bool, error) {
	var wave *int
	var wait float64
	err := tx.QueryRow(ctx, `
		SELECT w.wave, (SELECT greatest(extract(epoch FROM min(due_at) - now()), 0)::float8 FROM fleet_items i WHERE i.fleet_id = $1 AND i.state = 'PENDING' AND i.wave = w.wave)
		FROM (SELECT min(wave) AS wave FROM fleet_items WHERE fleet_id = $1 AND state = 'PENDING') w WHERE w.wave IS NOT NULL`, string(id)).Scan(&wave, &wait)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s.Wave = *wave
	rows, err := tx.Query(ctx, `
		SELECT tenant_id::text FROM fleet_items WHERE fleet_id = $1 AND state = 'PENDING' AND wave = $2 AND due_at <= now() ORDER BY tenant_id LIMIT $3`,
		string(id), *wave, fleetPage)
	if err != nil {
		return false, err
	}
	s.Tenants, err = pgx.CollectRows(rows, pgx.RowTo[tenant.ID])
	if len(s.Tenants) == 0 {
		s.After = max(seconds(wait), fleetBackoff)
	}
	return true, err
}

func endFleet(ctx context.Context, tx pgx.Tx, id tenant.FleetID, state tenant.FleetState, note string) error {
	_, err := tx.Exec(ctx, `UPDATE fleet_runs SET state = $2, note = nullif($3, ''), finished_at = now(), stopped_at = CASE WHEN $4 THEN now() END,
		version = version + 1, updated_at = now() WHERE id = $1`, string(id), string(state), note, state == tenant.FleetFailed)
	return err
}

// queueFleetFence begins the work on one tenant of a run, and queueFleetDone ends it, in
// the transaction of its effect: it is done once, and a late attempt changes nothing.
func queueFleetFence(b *pgx.Batch, f tenant.FleetFence) {
	b.Queue(`SELECT pass_fleet_fence($1::uuid, $2::uuid, $3::text)`, string(f.Fleet), string(f.Tenant), f.Run)
}

func queueFleetDone(b *pgx.Batch, f tenant.FleetFence, state tenant.FleetItemState) {
	b.Queue(`UPDATE fleet_items SET state = $3, attempts = attempts + 1, error_class = NULL, error = NULL, finished_at = now(), updated_at = now()
		WHERE fleet_id = $1::uuid AND tenant_id = $2::uuid`, string(f.Fleet), string(f.Tenant), string(state))
}

// Fail notes that a tenant could not be done: it is tried again later if that may help,
// and has failed otherwise. The run pauses when more have failed than its budget allows,
// or one of the canary has.
func (fs *Fleets) Fail(ctx context.Context, e tenant.FleetFailure) error {
	err := fs.pool.inTx(ctx, func(tx pgx.Tx) error {
		r, err := lockFleet(ctx, tx, e.Fence.Fleet)
		if err != nil || r.run != e.Fence.Run {
			return ifThere(err)
		}
		_, err = tx.Exec(ctx, `
			UPDATE fleet_items SET attempts = attempts + 1, error_class = nullif($3, ''), error = $4, updated_at = now(),
				state = CASE WHEN $5 OR attempts + 1 >= $6 THEN 'FAILED' ELSE 'PENDING' END,
				finished_at = CASE WHEN $5 OR attempts + 1 >= $6 THEN now() END,
				due_at = now() + least($7::interval * 2 ^ least(attempts, 20), $8::interval)
			WHERE fleet_id = $1 AND tenant_id = $2 AND state = 'PENDING'`,
			string(r.id), string(e.Fence.Tenant), string(e.Class), e.Reason, e.Permanent, r.settings.Attempts, fleetBackoff, longestFleetBackoff)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			UPDATE fleet_runs r SET state = 'PAUSED', stopped_at = now(), version = version + 1, updated_at = now(), note = format(
				CASE WHEN f.canary > r.accepted_failures THEN '%s of the tenants that come first have failed%s; see why, then retry, resume or abort'
				ELSE '%s tenants have failed%s, more than the budget of ' || $2 || ' allows; see why, then retry, resume or abort' END,
				CASE WHEN f.canary > r.accepted_failures THEN f.canary ELSE f.failed END - r.accepted_failures,
				CASE WHEN r.accepted_failures > 0 THEN ' since it was resumed' END)
			FROM (SELECT count(*) AS failed, count(*) FILTER (WHERE wave = 0) AS canary FROM fleet_items WHERE fleet_id = $1 AND state = 'FAILED') f
			WHERE r.id = $1 AND r.state = 'RUNNING' AND f.failed > r.accepted_failures AND (f.canary > r.accepted_failures OR f.failed - r.accepted_failures > $2::integer)`,
			string(r.id), r.settings.Budget)
		return err
	})
	if err != nil {
		return fmt.Errorf("note a failure in fleet run %s: %w", e.Fence.Fleet, interpret(err))
	}
	return nil
}

// Wait notes what a run waits for, which is no failure of a tenant's; empty when it
// waits for nothing any more.
func (fs *Fleets) Wait(ctx context.Context, f tenant.FleetFence, what string) error {
	_, err := fs.pool.Exec(ctx, `
		UPDATE fleet_runs SET note = nullif($3, ''), updated_at = now() WHERE id = $1 AND run_id = $2 AND state = 'RUNNING' AND coalesce(note, '') <> $3`,
		string(f.Fleet), f.Run, what)
	if err != nil {
		return fmt.Errorf("note what fleet run %s waits for: %w", f.Fleet, interpret(err))
	}
	return nil
}

// Act takes an action, by compare-and-set, and audits it whether accepted or refused.
// The same request id of the same actor acts once.
//
// Errors: tenant.ErrNotFound, *tenant.FleetActionRefusedError, *tenant.FleetOpenError.
func (fs *Fleets) Act(ctx context.Context, id tenant.FleetID, a tenant.FleetAction, r tenant.ActionRequest, claimed bool) error {
	var refused error
	err := fs.pool.inTx(ctx, func(tx pgx.Tx) error {
		refused = nil
		run, err := lockFleet(ctx, tx, id)
		if err != nil {
			return err
		}
		e := tenant.AuditEntry{
			Actor: r.Actor, Claimed: claimed, Action: a.AuditName(), Outcome: tenant.OutcomeAccepted, Operation: tenant.OperationID(id),
			RequestID: r.RequestID, Reason: r.Reason, Detail: "fleet run of kind " + string(run.kind),
		}
		if r.RequestID != "" {
			var taken bool
			err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM audit_log WHERE operation_id = $1 AND action = $2 AND request_id = $3 AND actor = $4 AND outcome = 'accepted')`,
				string(id), e.Action, r.RequestID, r.Actor).Scan(&taken)
			if err != nil || taken {
				return err
			}
		}
		to, allowed := tenant.NextFleetState(run.state, a)
		if !allowed {
			refused = &tenant.FleetActionRefusedError{Action: a, State: run.state, Allowed: tenant.AllowedFleetActions(run.state)}
			e.Outcome, e.Detail = tenant.OutcomeRefused, refused.Error()
			return audit(ctx, tx, e)
		}
		if err := actOnFleet(ctx, tx, run, a, to, r); err != nil {
			return err
		}
		return audit(ctx, tx, e)
	})
	if err == nil {
		return refused
	}
	if isOpenFleet(err) {
		return fs.openError(ctx, id)
	}
	return fmt.Errorf("%s fleet run %s: %w", a, id, interpret(err))
}

func actOnFleet(ctx context.Context, tx pgx.Tx, run fleetRow, a tenant.FleetAction, to tenant.FleetState, r tenant.ActionRequest) error {
	if a == tenant.FleetRetry {
		if _, err := tx.Exec(ctx, `UPDATE fleet_items SET state = 'PENDING', attempts = 0, due_at = now(), finished_at = NULL, updated_at = now() WHERE fleet_id = $1 AND state = 'FAILED'`,
			string(run.id)); err != nil {
			return err
		}
	}
	note := ""
	if a == tenant.FleetPause || a == tenant.FleetAbort {
		note = string(a) + " by " + r.Actor + ": " + r.Reason
	}
	_, err := tx.Exec(ctx, `
		UPDATE fleet_runs SET state = $2, note = nullif($3, ''), version = version + 1, updated_at = now(), finished_at = NULL, stopped_at = NULL,
			run_id = CASE WHEN $4 THEN NULL ELSE run_id END,
			accepted_failures = (SELECT count(*) FROM fleet_items WHERE fleet_id = $1 AND state = 'FAILED')
		WHERE id = $1`, string(run.id), string(to), note, run.state.Closed())
	return err
}

func isOpenFleet(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == stateUniqueViolation && pg.ConstraintName == "fleet_runs_one_open"
}

// openError says which run is in the way of another one of its kind.
func (fs *Fleets) openError(ctx context.Context, id tenant.FleetID) error {
	open := &tenant.FleetOpenError{}
	err := fs.pool.QueryRow(ctx, `
		SELECT r.kind, o.id::text FROM fleet_runs r JOIN fleet_runs o ON o.kind = r.kind AND o.id <> r.id AND o.state NOT IN ('COMPLETED', 'FAILED', 'ABORTED') WHERE r.id = $1`,
		string(id)).Scan(&open.Kind, &open.Open)
	if err != nil {
		return fmt.Errorf("find the open fleet run: %w", interpret(err))
	}
	return open
}

// Submit accepts a run, with its audit entry. A repetition with the same idempotency
// key gets the run of the first request.
//
// Errors: *tenant.FleetOpenError, tenant.ErrIdempotencyMismatch.
func (fs *Fleets) Submit(ctx context.Context, id tenant.FleetID, req tenant.FleetRequest, who tenant.Caller) (tenant.FleetID, error) {
	asked, err := json.Marshal(req)
	if err != nil {
		return "", fmt.Errorf("write the request down: %w", err)
	}
	if len(req.Params) == 0 {
		req.Params = json.RawMessage(`{}`)
	}
	accepted := id
	var open *tenant.FleetOpenError
	err = fs.pool.inTx(ctx, func(tx pgx.Tx) error {
		accepted, open = id, nil
		var keyHash, requestHash []byte
		if req.IdempotencyKey != "" {
			var hashKey, before []byte
			if err := tx.QueryRow(ctx, `SELECT hash_key FROM installation`).Scan(&hashKey); err != nil {
				return err
			}
			keyHash, requestHash = hashed(hashKey, "fleet-key", []byte(req.IdempotencyKey)), hashed(hashKey, "request", asked)
			if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended(encode($1, 'hex'), 0))`, keyHash); err != nil {
				return err
			}
			err := tx.QueryRow(ctx, `SELECT id::text, request_hash FROM fleet_runs WHERE client = $1 AND key_hash = $2`, who.Client, keyHash).Scan(&accepted, &before)
			if err == nil && !slices.Equal(before, requestHash) {
				return tenant.ErrIdempotencyMismatch
			}
			if err == nil || !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('fleet ' || $1))`, string(req.Kind)); err != nil {
			return err
		}
		o := tenant.FleetOpenError{Kind: req.Kind}
		err := tx.QueryRow(ctx, `SELECT id::text FROM fleet_runs WHERE kind = $1 AND state NOT IN ('COMPLETED', 'FAILED', 'ABORTED')`, string(req.Kind)).Scan(&o.Open)
		e := tenant.AuditEntry{
			Actor: who.Actor, Claimed: who.Claimed, Action: "fleet-" + string(req.Kind), Outcome: tenant.OutcomeAccepted,
			Operation: tenant.OperationID(id), Reason: req.Reason,
		}
		if err == nil {
			open = &o
			e.Outcome, e.Operation, e.Detail = tenant.OutcomeRefused, tenant.OperationID(o.Open), open.Error()
			return audit(ctx, tx, e)
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if _, err := tx.Exec(ctx, `
			INSERT INTO fleet_runs (id, kind, settings, params, requested_by, reason, client, key_hash, request_hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			string(id), string(req.Kind), req.Settings, req.Params, who.Actor, req.Reason, who.Client, keyHash, requestHash); err != nil {
			return err
		}
		return audit(ctx, tx, e)
	})
	if err != nil {
		return "", fmt.Errorf("accept a fleet run: %w", interpret(err))
	}
	if open != nil {
		return "", open
	}
	return accepted, nil
}

// Left picks, of some tenants of a run, those that are still to be done.
func (fs *Fleets) Left(ctx context.Context, f tenant.FleetFence, among []tenant.ID) ([]tenant.ID, error) {
	var left []tenant.ID
	b := &pgx.Batch{}
	b.Queue(`SELECT FROM fleet_runs WHERE id = $1 AND run_id = $2 AND state = 'RUNNING'`, string(f.Fleet), f.Run).Query(func(rows pgx.Rows) error {
		if !rows.Next() {
			return tenant.ErrSuperseded
		}
		return nil
	})
	b.Queue(`SELECT tenant_id::text FROM fleet_items WHERE fleet_id = $1 AND tenant_id = ANY ($2::uuid[]) AND state = 'PENDING' AND due_at <= now() ORDER BY tenant_id`,
		string(f.Fleet), among).Query(func(rows pgx.Rows) (err error) {
		left, err = pgx.CollectRows(rows, pgx.RowTo[tenant.ID])
		return err
	})
	if err := fs.pool.run(ctx, b); err != nil {
		return nil, fmt.Errorf("find what is left of fleet run %s: %w", f.Fleet, interpret(err))
	}
	return left, nil
}
