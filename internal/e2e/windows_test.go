package e2e

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdk "go.temporal.io/sdk/client"

	"tenant-provisioning/client"
	"tenant-provisioning/workflows"
)

// overruns makes a window of three seconds with an item of people's, begins it and waits
// until it has not come to its end.
func (i *installation) overruns() (window string) {
	i.t.Helper()
	window = value[string](i, `INSERT INTO maintenance_windows (id, title, mode, starts_at, ends_at, decided)
		VALUES (gen_random_uuid(), 'Patches', 'read-only', now() + interval '1 hour', now() + interval '1 hour 3 seconds', true) RETURNING id::text`)
	i.execute(`INSERT INTO maintenance_tasks (window_id, position, name, manual) VALUES ($1, 0, 'Security patches', true)`, window)
	i.output("maintenance", "start", window, "--reason", "a test")
	// Where Temporal had no time to hear of it, the next round of Maintain would tell it.
	c, id := i.temporal(), "maintenance-window/"+window
	require.NoError(i.t, i.asksTemporal(func() error {
		_, err := c.SignalWithStartWorkflow(i.t.Context(), id, workflows.WindowChanged, nil,
			sdk.StartWorkflowOptions{ID: id, TaskQueue: i.env["TEMPORAL_TASK_QUEUE"]}, workflows.WindowName, window)
		return err
	}))
	eventually(i.t, "the window overruns", func() bool {
		return value[bool](i, `SELECT overrun_at IS NOT NULL FROM maintenance_windows WHERE id = $1`, window)
	})
	return window
}

// TestRunbookOfAnOverrun follows the page from the alert to the end.
func TestRunbookOfAnOverrun(t *testing.T) {
	t.Parallel()
	i := install(t, told)
	i.start()
	window := i.overruns()
	i.awaitNotices(2) // that it is there, and that it goes on longer
	i.follow(operation{}, "window-overrun.md")
	require.Equal(t, "COMPLETED", value[string](i, `SELECT state FROM maintenance_windows WHERE id = $1`, window))
	require.Equal(t, "DONE", value[string](i, `SELECT state FROM maintenance_tasks WHERE window_id = $1 AND manual`, window))
	i.becomesActive(i.create("Charité"))
	require.Contains(t, i.output("maintenance", "list"), "COMPLETED")
}

// TestAWorkerDiesInAWindow: killed at three random moments of a read-only window, before
// its task, in it and after it, the next one goes on, and everybody was told once.
func TestAWorkerDiesInAWindow(t *testing.T) {
	t.Parallel()
	random := repeatable(t)
	settings := map[string]string{"MAINTENANCE_NOTICES": "all"}
	for name, v := range told {
		settings[name] = v
	}
	i := install(t, settings)
	_, worker := i.start()
	admin := i.becomesActive(i.create("Charité")).AdminEmail
	before := len(i.mails(admin))
	// The clean-up waits where the test has it wait.
	i.execute(`INSERT INTO idempotency_keys (client, key_hash, request_hash, operation_id, created_at) SELECT 'c', ''::bytea, ''::bytea, id, now() - interval '40 days' FROM operations LIMIT 1`)
	lock, err := i.db.Begin(t.Context())
	require.NoError(t, err)
	_, err = lock.Exec(t.Context(), `SET LOCAL idle_in_transaction_session_timeout = 0`)
	require.NoError(t, err)
	_, err = lock.Exec(t.Context(), `LOCK TABLE vouched_requests IN ACCESS EXCLUSIVE MODE`)
	require.NoError(t, err)

	var window struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(i.output("maintenance", "start", "--for", "6h", "--title", "Patches", "--mode", "read-only", "--reason", "a test", "--output", "json")), &window))
	die := func() {
		<-time.After(time.Duration(random.IntN(1500)) * time.Millisecond)
		worker.kill()
		worker = i.startWorker()
	}
	task := func(state string) func() bool {
		return func() bool {
			return value[int](i, `SELECT count(*) FROM maintenance_tasks WHERE window_id = $1 AND name = 'clean up' AND state = $2`, window.ID, state) == 1
		}
	}
	die()
	eventually(t, "the clean-up is under way", task("RUNNING"))
	die()
	refused, err := i.try(promptly, http.MethodPost, "/v1/tenants", necker)
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, refused.status)
	require.Contains(t, string(refused.body), `"code":"maintenance"`)
	require.NoError(t, lock.Rollback(t.Context()))
	eventually(t, "the clean-up is done", task("DONE"))
	die()
	eventually(t, "every task is done", func() bool {
		return value[int](i, `SELECT count(*) FROM maintenance_tasks WHERE window_id = $1 AND state <> 'DONE'`, window.ID) == 0
	})
	eventually(t, "everybody is told", func() bool {
		return value[int](i, `SELECT count(*) FROM maintenance_notices WHERE state IN ('PENDING', 'SENDING')`) == 0
	})
	i.output("maintenance", "end", window.ID, "--reason", "a test")
	require.Equal(t, "COMPLETED", value[string](i, `SELECT state FROM maintenance_windows WHERE id = $1`, window.ID))
	require.Equal(t, []string{"accepted maintenance-plan", "accepted maintenance-start", "accepted maintenance-end"},
		strings.Split(value[string](i, `SELECT string_agg(outcome || ' ' || action, ',' ORDER BY id) FROM audit_log WHERE action LIKE 'maintenance-%'`), ","))
	require.Zero(t, value[int](i, `SELECT count(*) FROM idempotency_keys WHERE client = 'c'`))
	require.Len(t, i.mails(admin), before+1)
	for _, to := range oncall {
		require.Len(t, i.mails(to), 1, to)
	}
	require.Equal(t, client.StateSucceeded, i.operation(i.isAcceptedAgain(necker).ID).State)
}

// necker is a tenant that is refused while a read-only window is under way.
var necker = map[string]string{"name": "Necker", "adminEmail": "necker@hospital.example", "adminFirstName": "X", "adminLastName": "Y"}

// isAcceptedAgain creates a tenant as soon as that is not refused any more.
func (i *installation) isAcceptedAgain(params map[string]string) operation {
	i.t.Helper()
	var o operation
	eventually(i.t, "changes are accepted again", func() bool {
		r, err := i.try(promptly, http.MethodPost, "/v1/tenants", params)
		if err != nil || r.status != http.StatusAccepted {
			return false
		}
		o = i.accepted(r)
		return true
	})
	i.becomesActive(o)
	return o
}

// TestEverythingIsKilledInAWindow: rounds, each of its own seed, of kill -9 of the
// worker, Temporal and PostgreSQL while a window does its work and tells of itself.
func TestEverythingIsKilledInAWindow(t *testing.T) {
	t.Parallel()
	i, s := installOnOwnStack(t)
	maps.Copy(i.env, told)
	worker := i.startWorker()
	for round := range rounds(t, 3) {
		random := rand.New(rand.NewPCG(5, round))
		i.execute(`INSERT INTO events (type, data, at) VALUES ('tenant.changed', '{}', now() - interval '100 days')`)
		var window struct{ ID string }
		require.NoError(t, json.Unmarshal([]byte(i.output("maintenance", "start", "--for", "6h", "--title", "Patches", "--mode", "read-only", "--reason", "a test", "--output", "json")), &window))
		kills := []func(){
			func() { worker.kill(); worker = i.startWorker() },
			func() { s.kill("temporal") },
			func() { s.kill("postgres") },
		}
		random.Shuffle(len(kills), func(a, b int) { kills[a], kills[b] = kills[b], kills[a] })
		for _, kill := range kills {
			<-time.After(time.Duration(random.IntN(700)) * time.Millisecond)
			kill()
		}
		left := func(sql string) func() bool {
			return func() bool {
				var n int
				err := i.db.QueryRow(t.Context(), sql, window.ID).Scan(&n)
				return err == nil && n == 0
			}
		}
		eventually(t, "every task is done", left(`SELECT count(*) FROM maintenance_windows w LEFT JOIN maintenance_tasks t ON t.window_id = w.id WHERE w.id = $1 AND t.state IS DISTINCT FROM 'DONE'`))
		eventually(t, "everybody is told", left(`SELECT 2 - count(*) FROM maintenance_notices WHERE window_id = $1 AND state = 'SENT'`))
		i.output("maintenance", "end", window.ID, "--reason", "a test")
		require.Equal(t, "COMPLETED", value[string](i, `SELECT state FROM maintenance_windows WHERE id = $1`, window.ID))
		require.Equal(t, 3, value[int](i, `SELECT count(*) FROM audit_log WHERE action LIKE 'maintenance-%' AND detail LIKE '%' || $1 || '%'`, window.ID), "plan, start and end")
		require.Zero(t, value[int](i, `SELECT count(*) FROM events WHERE at < now() - interval '90 days'`))
		for _, to := range oncall {
			require.Len(t, i.mails(to), int(round)+1, "%s, round %d", to, round)
		}
	}
}
