package notice_test

import (
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/mail/mailtest"
	"tenant-provisioning/internal/notice"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

// startFor runs a notifier that has one address, and a webhook.
func (b *bundle) startFor(t *testing.T, to string, h *hook) {
	t.Helper()
	b.startWith(t, notice.Config{Mailer: b.postman, Webhook: h.webhook(), Recipients: []string{to}, Logger: slog.New(slog.DiscardHandler)})
}

// active makes a tenant in use, whose schema lacks all files of the template.
func (b *bundle) active(t *testing.T) tenant.ID {
	t.Helper()
	id, err := tenant.NewID()
	require.NoError(t, err)
	name := tenant.SchemaName("", id)
	b.exec(t, `INSERT INTO tenants (id, name, name_key, slug, schema_name, role_name, app_login, status, admin_email, admin_first_name, admin_last_name, tier, region, activated_at)
		VALUES ($1, $2, $2, '', $2, $2, 'app', 'ACTIVE', 'a@example.com', 'A', 'B', 'standard', 'default', now())`, string(id), name)
	b.exec(t, `INSERT INTO tenant_schema_versions (schema_name, tenant_id, generation, version) VALUES ($1, $2, 1, 0)`, name, string(id))
	return id
}

// fleet is a run, and its workflow's side of it.
type fleet struct {
	*bundle
	rows  *postgres.Fleets
	fence tenant.FleetFence
}

func (b *bundle) fleet(t *testing.T, kind tenant.FleetKind, params any) fleet {
	t.Helper()
	id, err := tenant.NewFleetID()
	require.NoError(t, err)
	lifecycle, _ := kind.Lifecycle()
	raw, err := json.Marshal(params)
	require.NoError(t, err)
	f := fleet{b, postgres.NewFleets(b.pool), tenant.FleetFence{Fleet: id, Run: "run of " + string(id)}}
	_, err = f.rows.Submit(t.Context(), id, tenant.FleetRequest{Kind: kind, Settings: lifecycle.Defaults, Params: raw, Reason: "ticket 7"}, tenant.Caller{Actor: "ada", Client: "c"})
	require.NoError(t, err)
	f.next(t, tenant.FleetRunning)
	return f
}

func (f fleet) next(t *testing.T, state tenant.FleetState) {
	t.Helper()
	s, err := f.rows.Next(t.Context(), f.fence)
	require.NoError(t, err)
	require.Equal(t, state, s.State)
}

func (f fleet) fail(t *testing.T, id tenant.ID) {
	t.Helper()
	require.NoError(t, f.rows.Fail(t.Context(), tenant.FleetFailure{Fence: f.fence.Of(id), Class: tenant.ClassPermanent, Reason: "it cannot", Permanent: true}))
}

func (f fleet) act(t *testing.T, a tenant.FleetAction) {
	t.Helper()
	require.NoError(t, f.rows.Act(t.Context(), f.fence.Fleet, a, tenant.ActionRequest{Actor: "ada", Reason: "ticket 7"}, false))
}

func (b *bundle) failsSoFar(t *testing.T, f fleet, of ...tenant.ID) {
	t.Helper()
	for _, id := range of {
		f.fail(t, id)
	}
	f.next(t, tenant.FleetFailed)
}

func subjects(mails []mailtest.Message) (all []string) {
	for _, m := range mails {
		all = append(all, m.Subject)
	}
	return all
}

func (h *hook) kinds() (all []string) {
	for _, post := range h.posted() {
		all = append(all, post["kind"].(string))
	}
	return all
}

// TestATroubleIsToldOfTwice: a migration that its canary has stopped, a window that
// overruns and a shortage, each once when it begins and once when it is over, and anew
// when it comes again. That a window overruns staff are mailed elsewhere.
func TestATroubleIsToldOfTwice(t *testing.T) {
	t.Parallel()
	b, h := setup(t), newHook(t)
	const ada = "ada@platform.example"
	first := b.active(t)
	b.active(t)
	b.startFor(t, ada, h)
	b.startFor(t, ada, h)
	f := b.fleet(t, tenant.FleetMigrate, postgres.MigrationParams{Version: 1})
	require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT tenant_id::text FROM fleet_items WHERE wave = 0`).Scan(&first))
	f.fail(t, first)
	b.awaitSent(t, 2)
	told := h.posted()[0]
	require.Equal(t, "fleet_stopped", told["kind"])
	require.Contains(t, told["text"], "A migration of the tenants' schemas has stopped: run "+string(f.fence.Fleet)+": 1 of the tenants that come first have failed")
	require.Contains(t, told["text"], "See: starter migrate tenants --status, and docs/runbooks/migration-stuck.md")
	require.Equal(t, "migrate", told["trouble"].(map[string]any)["subject"])
	require.NotContains(t, told["trouble"], "until")
	require.Equal(t, []string{"A migration of the tenants' schemas has stopped"}, subjects(b.mails(ada)))

	f.act(t, tenant.FleetRetry)
	f.act(t, tenant.FleetPause) // which is no trouble
	b.awaitSent(t, 4)
	over := h.posted()[1]
	require.Equal(t, "fleet_stopped_over", over["kind"])
	require.Contains(t, over["text"], "Over: a migration of the tenants' schemas had stopped, since ")
	require.NotEmpty(t, over["trouble"].(map[string]any)["until"])
	f.act(t, tenant.FleetResume)
	f.fail(t, first)
	b.awaitSent(t, 6)
	f.act(t, tenant.FleetAbort)
	b.awaitSent(t, 8)

	b.exec(t, `INSERT INTO maintenance_windows (id, title, state, mode, starts_at, ends_at, started_at, overrun_at, note)
		VALUES (gen_random_uuid(), 'Maintenance', 'RUNNING', 'normal', now() - interval '2 hours', now() + interval '30 minutes', now() - interval '2 hours', now(), 'not done: security patches')`)
	b.awaitSent(t, 9)
	require.Contains(t, h.posted()[4]["text"], "A maintenance window goes on longer than it was announced: not done: security patches. See: starter maintenance list, and docs/runbooks/window-overrun.md")
	b.exec(t, `UPDATE maintenance_windows SET state = 'COMPLETED', ended_at = now()`)
	b.awaitSent(t, 10)

	full, small := int64(100), int64(95)
	capacities := postgres.NewCapacities(b.pool)
	save := func(used *int64) {
		_, err := capacities.Save(t.Context(), []tenant.CapacityReading{{Resource: tenant.ResourceDisk, Used: *used, Bound: &full}})
		require.NoError(t, err)
	}
	save(&small)
	b.awaitSent(t, 12)
	require.Contains(t, h.posted()[6]["text"], "Provisioning waits for capacity: disk: the databases and their write-ahead log take 95.0 B of 100.0 B")
	small = 10
	save(&small)
	b.awaitSent(t, 14)
	b.park(t, "Charité") // and nothing else is told meanwhile
	b.awaitSent(t, 16)
	require.Equal(t, []string{
		"fleet_stopped", "fleet_stopped_over", "fleet_stopped", "fleet_stopped_over", "window_overrun", "window_overrun_over", "capacity_short", "capacity_short_over", "attention",
	}, h.kinds())
	require.ElementsMatch(t, []string{
		"A migration of the tenants' schemas has stopped", "Over: a migration of the tenants' schemas had stopped",
		"A migration of the tenants' schemas has stopped", "Over: a migration of the tenants' schemas had stopped",
		"Provisioning waits for capacity: disk", "Over: provisioning waited for capacity: disk", "An operation needs attention: SEND_WELCOME_EMAIL, auth",
	}, subjects(b.mails(ada)))
}

// TestRunsThatLeaveATenantOutAreOverTogether: each night's backup that leaves one out is
// told, and that all have been done since, once.
func TestRunsThatLeaveATenantOutAreOverTogether(t *testing.T) {
	t.Parallel()
	b, h := setup(t), newHook(t)
	one, other := b.active(t), b.active(t)
	b.startFor(t, "ada@platform.example", h)
	done := func(f fleet, of tenant.ID) {
		b.exec(t, `UPDATE fleet_items SET state = 'DONE', finished_at = now() WHERE fleet_id = $1 AND tenant_id = $2`, string(f.fence.Fleet), string(of))
	}
	yesterday := b.fleet(t, tenant.FleetBackup, tenant.BackupParams{})
	done(yesterday, one)
	done(yesterday, other)
	yesterday.next(t, tenant.FleetCompleted)
	tonight := b.fleet(t, tenant.FleetBackup, tenant.BackupParams{})
	b.failsSoFar(t, tonight, one, other)
	b.awaitSent(t, 2)
	require.Contains(t, h.posted()[0]["text"], "A backup has left tenants out: run "+string(tonight.fence.Fleet)+": it has come to its end, and 2 of its tenants have failed")
	tomorrow := b.fleet(t, tenant.FleetBackup, tenant.BackupParams{})
	done(tomorrow, other)
	b.failsSoFar(t, tomorrow, one)
	b.awaitSent(t, 4)

	elsewhere := b.fleet(t, tenant.FleetBackup, tenant.BackupParams{Tenants: []tenant.ID{other}})
	done(elsewhere, other)
	elsewhere.next(t, tenant.FleetCompleted)
	again := b.fleet(t, tenant.FleetBackup, tenant.BackupParams{Tenants: []tenant.ID{one}})
	b.park(t, "Charité")
	b.awaitSent(t, 6)
	done(again, one)
	again.next(t, tenant.FleetCompleted)
	b.awaitSent(t, 8)
	b.park(t, "Necker")
	b.awaitSent(t, 10)
	require.Equal(t, []string{"fleet_stopped", "fleet_stopped", "attention", "fleet_stopped_over", "attention"}, h.kinds())
	require.Equal(t, tomorrow.stopped(t), h.posted()[3]["trouble"].(map[string]any)["since"], "it tells of the last one")
}

func (f fleet) stopped(t *testing.T) string {
	t.Helper()
	var at time.Time
	require.NoError(t, f.pool.QueryRow(t.Context(), `SELECT stopped_at FROM fleet_runs WHERE id = $1`, string(f.fence.Fleet)).Scan(&at))
	return at.UTC().Format(time.RFC3339Nano)
}

// TestATroubleThatPassesIsNotToldOf when the provider takes the mail only after that.
func TestATroubleThatPassesIsNotToldOf(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.catcher.Fail(mailtest.Fault{Status: 503})
	b.exec(t, `UPDATE capacity SET short_since = now(), cause = 'the disk is full' WHERE resource = 'disk'`)
	b.start(t, 1)
	require.Eventually(t, func() bool { return b.count(t, postponed) == 2 }, patience, 20*time.Millisecond)
	b.exec(t, `UPDATE capacity SET short_since = NULL, cause = NULL`)
	b.catcher.Recover()
	b.exec(t, `UPDATE notices SET due_at = now()`)
	require.Eventually(t, func() bool { return b.count(t, `SELECT count(*) FROM notices WHERE state = 'DROPPED'`) == 2 }, patience, 20*time.Millisecond)
	require.Empty(t, b.catcher.Messages())
	require.Equal(t, 2, b.count(t, `SELECT count(*) FROM notices`), "nor is its end")
}
