package operations_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/operations"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/migrations"
	"tenant-provisioning/workflows"
)

// wider is a file that adds a column, and fails on a tenant whose table has it already.
const wider = `ALTER TABLE :"schema".users ADD COLUMN phone text;`

// fleetBundle is a fleet of tenants at version 1, and what migrates them to version 2.
type fleetBundle struct {
	*testBundle
	fleets  *operations.Fleets
	tenants []tenant.ID
}

func setupFleet(t *testing.T, tenants int) *fleetBundle {
	t.Helper()
	b := &fleetBundle{testBundle: setup(t)}
	b.fleets = &operations.Fleets{
		Store: postgres.NewFleets(b.pool), Audit: postgres.NewAuditLog(b.pool), Temporal: b.temporal, TaskQueue: b.config.TaskQueue, Logger: b.config.Logger,
	}
	for n := range tenants {
		b.born(t, map[bool]string{true: "standard", false: "premium"}[n%2 == 0], 1)
	}
	return b
}

// born makes a tenant with a schema, as provisioning leaves one.
func (b *fleetBundle) born(t *testing.T, tier string, version int64) tenant.ID {
	t.Helper()
	id, err := tenant.NewID()
	require.NoError(t, err)
	schema := tenant.SchemaName("", id)
	b.exec(t, `INSERT INTO tenants (id, name, name_key, slug, schema_name, role_name, app_login, status, admin_email, admin_first_name, admin_last_name, tier, region)
		VALUES ($1, $2, $2, '', $2, $2, 'app', 'ACTIVE', 'a@example.com', 'A', 'B', $3, 'default')`, string(id), schema, tier)
	quoted := pgx.Identifier{schema}.Sanitize()
	b.exec(t, `CREATE SCHEMA `+quoted)
	b.exec(t, `CREATE TABLE `+quoted+`.users (id uuid)`)
	b.exec(t, `INSERT INTO tenant_schema_versions (schema_name, tenant_id, generation, version) VALUES ($1, $2, 1, $3)`, schema, string(id), version)
	b.tenants = append(b.tenants, id)
	return id
}

// work runs a worker with a template that has one more file, and what starts runs.
func (b *fleetBundle) work(t *testing.T) {
	t.Helper()
	template, err := migrations.Tenant()
	require.NoError(t, err)
	schemas, err := postgres.NewSchemasOf(t.Context(), b.pool, template.With("phone", wider))
	require.NoError(t, err)
	t.Cleanup(schemas.Close)
	store := postgres.NewFleets(b.pool)
	w := worker.New(b.temporal, b.config.TaskQueue, worker.Options{DeadlockDetectionTimeout: time.Minute})
	workflows.Register(w)
	w.RegisterActivity(&activities.Fleet{Store: store})
	w.RegisterActivity(&activities.Migration{
		Schemas: schemas, Items: activities.FleetItems{Store: store, Breaker: postgres.NewIncidents(b.pool)},
	})
	require.NoError(t, w.Start())
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.ctx))
	over := make(chan struct{})
	go func() {
		defer close(over)
		b.fleets.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-over
		w.Stop()
	})
}

// migration asks for version 2.
func (b *fleetBundle) migration(t *testing.T, change ...func(*tenant.FleetRequest)) tenant.FleetRun {
	t.Helper()
	lifecycle, _ := tenant.FleetMigrate.Lifecycle()
	params, err := json.Marshal(postgres.MigrationParams{Version: 2, LockTimeout: 100 * time.Millisecond})
	require.NoError(t, err)
	r := tenant.FleetRequest{Kind: tenant.FleetMigrate, Settings: lifecycle.Defaults, Params: params, Reason: "ticket 7"}
	for _, f := range change {
		f(&r)
	}
	run, err := b.fleets.Submit(b.ctx, r, operator)
	require.NoError(t, err)
	return run
}

func (b *fleetBundle) until(t *testing.T, id tenant.FleetID, state tenant.FleetState) tenant.FleetRun {
	t.Helper()
	var run tenant.FleetRun
	require.Eventually(t, func() bool {
		var err error
		run, err = b.fleets.Find(b.ctx, id)
		return err == nil && run.State == state
	}, patience, 50*time.Millisecond, "%s, and not %s: %+v", run.State, state, run)
	return run
}

func (b *fleetBundle) versions(t *testing.T, version int) int {
	t.Helper()
	var n int
	require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT count(*) FROM tenant_schema_versions WHERE version = $1`, version).Scan(&n))
	return n
}

// spoil has the file fail on a tenant.
func (b *fleetBundle) spoil(t *testing.T, id tenant.ID) {
	t.Helper()
	b.exec(t, `ALTER TABLE `+pgx.Identifier{tenant.SchemaName("", id), "users"}.Sanitize()+` ADD COLUMN phone text`)
}

func (b *fleetBundle) mend(t *testing.T, id tenant.ID) {
	t.Helper()
	b.exec(t, `ALTER TABLE `+pgx.Identifier{tenant.SchemaName("", id), "users"}.Sanitize()+` DROP COLUMN phone`)
}

// canary is the tenant that would come first.
func (b *fleetBundle) canary(t *testing.T) tenant.ID {
	t.Helper()
	var id tenant.ID
	require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT id::text FROM tenants ORDER BY tier, md5(id::text) LIMIT 1`).Scan(&id))
	return id
}

func TestAFleetRunDoesItsTenantsInWaves(t *testing.T) {
	t.Parallel()
	b := setupFleet(t, 24)
	b.work(t)
	run := b.migration(t, func(r *tenant.FleetRequest) { r.Settings.Tiers = []string{"standard"} })
	run = b.until(t, run.ID, tenant.FleetCompleted)
	require.Equal(t, tenant.FleetCounts{Done: 24}, run.Counts)
	require.Equal(t, 24, b.versions(t, 2))
	require.Equal(t, 7, run.Waves, "the canary, and three waves of each tier")

	var wrong int
	require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT count(*) FROM fleet_items a JOIN fleet_items b ON a.wave < b.wave AND a.finished_at > b.finished_at`).Scan(&wrong))
	require.Zero(t, wrong, "no wave begins before the one before has ended")
	var tiers []string
	require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT array_agg(tier ORDER BY first) FROM (SELECT tier, min(i.wave) AS first FROM fleet_items i JOIN tenants t ON t.id = i.tenant_id GROUP BY tier) w`).Scan(&tiers))
	require.Equal(t, []string{"standard", "premium"}, tiers)
	var events int
	require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT count(*) FROM events WHERE type IN ('fleet.pending', 'fleet.running', 'fleet.completed')`).Scan(&events))
	require.Equal(t, 3, events)
}

func TestAFleetRunLeavesATenantThatFailsAsItWas(t *testing.T) {
	t.Parallel()
	b := setupFleet(t, 12)
	b.work(t)
	spoilt := b.tenants[5]
	if spoilt == b.canary(t) {
		spoilt = b.tenants[6]
	}
	b.spoil(t, spoilt)
	run := b.migration(t)
	run = b.until(t, run.ID, tenant.FleetFailed)
	require.Equal(t, tenant.FleetCounts{Done: 11, Failed: 1}, run.Counts)
	require.Equal(t, []tenant.FleetAction{tenant.FleetRetry}, run.AllowedActions())
	failed, err := b.fleets.Items(b.ctx, run.ID, tenant.FleetItemFilter{State: tenant.FleetItemFailed})
	require.NoError(t, err)
	require.Len(t, failed.Items, 1)
	require.Equal(t, spoilt, failed.Items[0].Tenant)
	require.Contains(t, failed.Items[0].Error, "00002_phone.sql fails on this tenant's schema (SQLSTATE 42701)")
	require.Equal(t, 1, b.versions(t, 1))
	require.Equal(t, tenant.FleetStanding{Failed: 1}, b.standing(t))

	b.mend(t, spoilt)
	_, err = b.fleets.Act(b.ctx, run.ID, tenant.FleetRetry, because, operator)
	require.NoError(t, err)
	b.until(t, run.ID, tenant.FleetCompleted)
	require.Zero(t, b.versions(t, 1))
	require.Zero(t, b.standing(t))
}

// standing is what those who watch are told of migrations.
func (b *fleetBundle) standing(t *testing.T) tenant.FleetStanding {
	t.Helper()
	all, err := postgres.NewFleets(b.pool).Standing(b.ctx)
	require.NoError(t, err)
	return all[tenant.FleetMigrate]
}

func TestAFleetRunStopsAtItsCanaryAndAtItsBudget(t *testing.T) {
	t.Parallel()
	b := setupFleet(t, 20)
	b.work(t)
	first := b.canary(t)
	b.spoil(t, first)
	run := b.migration(t)
	run = b.until(t, run.ID, tenant.FleetPaused)
	require.Equal(t, tenant.FleetCounts{Pending: 19, Failed: 1}, run.Counts)
	require.Contains(t, run.Note, "1 of the tenants that come first have failed")
	b.exec(t, `UPDATE fleet_runs SET created_at = created_at - interval '1 hour'`)
	s := b.standing(t)
	require.Equal(t, 1, s.Failed)
	require.Greater(t, s.Idle, time.Hour, "it is open, and has done nobody")

	for _, id := range b.tenants {
		if id != first {
			b.spoil(t, id)
		}
	}
	_, err := b.fleets.Act(b.ctx, run.ID, tenant.FleetResume, because, operator)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		run, err = b.fleets.Find(b.ctx, run.ID)
		return err == nil && run.State == tenant.FleetPaused && run.Counts.Failed > 1
	}, patience, 50*time.Millisecond)
	require.Contains(t, run.Note, "6 tenants have failed since it was resumed, more than the budget of 5 allows")
	require.LessOrEqual(t, run.Counts.Failed, 1+6+3, "what was being done in the other lanes may fail as well")

	_, err = b.fleets.Act(b.ctx, run.ID, tenant.FleetAbort, because, operator)
	require.NoError(t, err)
	run = b.until(t, run.ID, tenant.FleetAborted)
	require.Zero(t, b.versions(t, 2))
	require.Equal(t, tenant.FleetStanding{Failed: run.Counts.Failed}, b.standing(t))
	b.exec(t, `UPDATE tenants SET status = 'FAILED' WHERE id = $1`, string(first))
	require.Equal(t, run.Counts.Failed-1, b.standing(t).Failed, "who is gone was not left behind")
	_, err = b.fleets.Act(b.ctx, run.ID, tenant.FleetResume, because, operator)
	var refused *tenant.FleetActionRefusedError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, 1, b.audited(t, run.ID, "fleet-resume", "refused"))
	require.Equal(t, 1, b.audited(t, run.ID, "fleet-abort", "accepted"))
}

func (b *fleetBundle) audited(t *testing.T, id tenant.FleetID, action, outcome string) int {
	t.Helper()
	var n int
	require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT count(*) FROM audit_log WHERE operation_id = $1 AND action = $2 AND outcome = $3`, string(id), action, outcome).Scan(&n))
	return n
}

// TestAFleetRunWaitsForALock pauses, over the workflow, while one tenant's table is
// locked.
func TestAFleetRunWaitsForALock(t *testing.T) {
	t.Parallel()
	b := setupFleet(t, 8)
	b.work(t)
	held, err := b.pool.Begin(b.ctx)
	require.NoError(t, err)
	defer held.Rollback(b.ctx) //nolint:errcheck // it has been, by then
	_, err = held.Exec(b.ctx, `LOCK TABLE `+pgx.Identifier{tenant.SchemaName("", b.canary(t)), "users"}.Sanitize())
	require.NoError(t, err)
	run := b.migration(t, func(r *tenant.FleetRequest) { r.Settings.Attempts = 1000 })
	require.Eventually(t, func() bool {
		page, err := b.fleets.Items(b.ctx, run.ID, tenant.FleetItemFilter{State: tenant.FleetItemPending})
		return err == nil && len(page.Items) == 8 && fmt.Sprint(page.Items) != "" && attempted(page.Items) > 0
	}, patience, 50*time.Millisecond)
	require.Equal(t, 8, b.versions(t, 1), "the others wait for those that come first")

	handle, err := b.temporal.UpdateWorkflow(b.ctx, client.UpdateWorkflowOptions{
		WorkflowID: run.WorkflowID(), UpdateName: string(tenant.FleetPause), Args: []any{tenant.ActionRequest{Actor: "ada", Reason: "ticket 7"}},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	require.NoError(t, err)
	require.NoError(t, handle.Get(b.ctx, nil))
	b.until(t, run.ID, tenant.FleetPaused)
	require.Equal(t, 1, b.audited(t, run.ID, "fleet-pause", "accepted"))
	require.NoError(t, held.Rollback(b.ctx))
	require.NoError(t, b.temporal.SignalWorkflow(b.ctx, run.WorkflowID(), "", string(tenant.FleetResume), tenant.ActionRequest{Actor: "ada", Reason: "ticket 7"}))
	b.until(t, run.ID, tenant.FleetCompleted)
	require.Equal(t, 8, b.versions(t, 2))
}

func attempted(items []tenant.FleetItem) int {
	n := 0
	for _, i := range items {
		n += i.Attempts
	}
	return n
}

// TestATerminatedFleetRunIsTakenOver terminates the workflow of a run that is paused.
func TestATerminatedFleetRunIsTakenOver(t *testing.T) {
	t.Parallel()
	b := setupFleet(t, 6)
	run := b.migration(t)
	_, err := b.fleets.Act(b.ctx, run.ID, tenant.FleetPause, because, operator)
	require.NoError(t, err)
	b.work(t)
	require.Eventually(t, func() bool {
		run, err = b.fleets.Find(b.ctx, run.ID)
		return err == nil && run.RunID != ""
	}, patience, 50*time.Millisecond)
	require.NoError(t, b.temporal.TerminateWorkflow(b.ctx, run.WorkflowID(), "", "test"))
	_, err = b.fleets.Act(b.ctx, run.ID, tenant.FleetResume, because, operator)
	require.NoError(t, err)
	taken, err := b.fleets.TakeOver(b.ctx)
	require.NoError(t, err)
	require.Equal(t, 1, taken)
	b.until(t, run.ID, tenant.FleetCompleted)
	require.Equal(t, 6, b.versions(t, 2))
}

// TestACancelledFleetRunIsAborted cancels the workflow of a run that is paused.
func TestACancelledFleetRunIsAborted(t *testing.T) {
	t.Parallel()
	b := setupFleet(t, 3)
	run := b.migration(t)
	_, err := b.fleets.Act(b.ctx, run.ID, tenant.FleetPause, because, operator)
	require.NoError(t, err)
	b.work(t)
	require.Eventually(t, func() bool { return b.temporal.CancelWorkflow(b.ctx, run.WorkflowID(), "") == nil }, patience, 50*time.Millisecond)
	run = b.until(t, run.ID, tenant.FleetAborted)
	require.Eventually(t, func() bool {
		d, err := b.temporal.DescribeWorkflowExecution(b.ctx, run.WorkflowID(), "")
		return err == nil && d.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED
	}, patience, 50*time.Millisecond)
	require.Equal(t, 3, b.versions(t, 1))
}

// TestAFleetRunTakesInWhoeverComes has tenants born while a run works: by a worker of
// the version before.
func TestAFleetRunTakesInWhoeverComes(t *testing.T) {
	t.Parallel()
	b := setupFleet(t, 4)
	first := b.canary(t)
	b.spoil(t, first)
	b.work(t)
	run := b.migration(t)
	run = b.until(t, run.ID, tenant.FleetPaused)
	b.born(t, "standard", 1)
	b.born(t, "standard", 2)
	b.mend(t, first)
	_, err := b.fleets.Act(b.ctx, run.ID, tenant.FleetRetry, because, operator)
	require.NoError(t, err)
	run = b.until(t, run.ID, tenant.FleetCompleted)
	require.Equal(t, tenant.FleetCounts{Done: 5}, run.Counts)
	require.Equal(t, 6, b.versions(t, 2))
}

func TestOneFleetRunOfAKindIsOpen(t *testing.T) {
	t.Parallel()
	b := setupFleet(t, 1)
	keyed := func(r *tenant.FleetRequest) { r.IdempotencyKey = "k" }
	run := b.migration(t, keyed)
	require.Equal(t, run.ID, b.migration(t, keyed).ID)
	lifecycle, _ := tenant.FleetMigrate.Lifecycle()
	_, err := b.fleets.Submit(b.ctx, tenant.FleetRequest{Kind: tenant.FleetMigrate, Settings: lifecycle.Defaults, Reason: "ticket 8"}, operator)
	var open *tenant.FleetOpenError
	require.ErrorAs(t, err, &open)
	require.Equal(t, run.ID, open.Open)
	_, err = b.fleets.Submit(b.ctx, tenant.FleetRequest{Kind: tenant.FleetMigrate, Settings: lifecycle.Defaults, Reason: "ticket 8", IdempotencyKey: "k"}, operator)
	require.ErrorIs(t, err, tenant.ErrIdempotencyMismatch)
}
