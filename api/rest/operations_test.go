package rest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/api/rest"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/token"
)

func TestActions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	o := b.create(t, "Charité")
	act := func(action, body string) answer {
		return b.send(t, http.MethodPost, "/v1/operations/"+o["id"].(string)+"/"+action, operator(t), body)
	}
	p := act("retry", `{"reason": "try"}`).problem(t, http.StatusConflict, rest.CodeActionRefused)
	require.Equal(t, tenant.StatePending, p.State)
	require.Equal(t, []tenant.Action{"rollback"}, p.Allowed)

	a := act("rollback", `{"reason": " a mistake ", "requestId": "INC-1"}`)
	require.Equal(t, http.StatusAccepted, a.status, string(a.body))
	require.Equal(t, "/v1/operations/"+o["id"].(string), a.header.Get("Location"))
	require.Equal(t, "ROLLED_BACK", a.json(t)["state"])
	require.NotEmpty(t, a.json(t)["finishedAt"])
	require.Equal(t, http.StatusAccepted, act("rollback", `{"reason": "a mistake", "requestId": "INC-1"}`).status, "a repetition acts once")

	again := act("rollback", `{"reason": "once more"}`)
	again.problem(t, http.StatusConflict, rest.CodeActionRefused)
	require.Equal(t, []any{}, again.json(t)["allowedActions"], "it is there also when nothing is allowed")

	ended := b.get(t, "/v1/operations/"+o["id"].(string))
	require.Empty(t, ended.header.Get("Retry-After"), "who knows the end need not ask again")
	failed := b.get(t, "/v1/tenants/"+o["tenantId"].(string)).json(t)
	require.Equal(t, "FAILED", failed["status"])
	require.NotEmpty(t, failed["failureReason"])
	b.create(t, "Charité") // the name is free again

	var audited []string
	rows, err := b.pool.Query(t.Context(), `SELECT actor || ' ' || action || ' ' || outcome || ' ' || coalesce(reason, '') FROM audit_log WHERE operation_id = $1 ORDER BY id`, o["id"])
	require.NoError(t, err)
	for rows.Next() {
		var row string
		require.NoError(t, rows.Scan(&row))
		audited = append(audited, row)
	}
	require.NoError(t, rows.Err())
	require.Equal(t, []string{
		"ada@platform create accepted ", "ada@platform retry refused try",
		"ada@platform rollback accepted a mistake", "ada@platform rollback refused once more",
	}, audited)
}

// TestOperationsTellWhatTheyWaitFor: which incident, since when, and that nobody
// need act; wherever an operation is shown, and no longer than it is so.
func TestOperationsTellWhatTheyWaitFor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	exec := func(sql string, args ...any) {
		t.Helper()
		_, err := b.pool.Exec(t.Context(), sql, args...)
		require.NoError(t, err)
	}
	o := b.create(t, "Charité")
	require.NotContains(t, o, "waitingFor")
	single, progress := "/v1/operations/"+o["id"].(string), "/v1/tenants/"+o["tenantId"].(string)+"/provisioning"
	shown := func() []any {
		t.Helper()
		return []any{
			b.get(t, single).json(t)["waitingFor"],
			b.get(t, single+"?wait=10ms").json(t)["waitingFor"],
			b.get(t, progress).json(t)["operation"].(map[string]any)["waitingFor"],
			b.get(t, "/v1/operations?tenantId="+o["tenantId"].(string)).json(t)["items"].([]any)[0].(map[string]any)["waitingFor"],
		}
	}
	soon := func(dependency any, why string) { // what is open is known for a second
		t.Helper()
		require.Eventually(t, func() bool {
			for _, w := range shown() {
				found, _ := w.(map[string]any)
				if found["dependency"] != dependency {
					return false
				}
			}
			return true
		}, time.Minute, 50*time.Millisecond, why)
	}
	exec(`INSERT INTO incidents (dependency, cause, affected, opened_at) VALUES ('mail', 'the provider does not answer', 12, '2026-03-14T09:26:53Z')`)
	soon("mail", "nothing is started while an incident is open")
	for _, w := range shown() {
		require.Equal(t, map[string]any{
			"incidentId": 1.0, "dependency": "mail", "cause": "the provider does not answer", "since": "2026-03-14T09:26:53Z", "actionNeeded": false,
			"message": "waits for incident 1 of the mail, since 2026-03-14T09:26:53Z: the provider does not answer; nobody need act: it goes on by itself when that is over",
		}, w)
	}
	require.Contains(t, b.create(t, "Necker"), "waitingFor", "its creator knows at once")
	exec(`UPDATE operations SET state = 'RUNNING'`)
	soon(nil, "its next step needs no mail")
	exec(`INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, attempt)
		SELECT tenant_id, id, unnest($1::text[]), 'COMPLETED', 1 FROM operations`, tenant.KindProvision.Steps()[1:7])
	soon("mail", "its next step is the mail")
	exec(`UPDATE operations SET state = 'NEEDS_ATTENTION'`)
	soon(nil, "it waits for a person")
	exec(`UPDATE operations SET state = 'RUNNING'`)
	soon("mail", "it was tried again")
	exec(`UPDATE incidents SET closed_at = now()`)
	soon(nil, "the incident is over")
}

// TestOperationsTellThatTheyWaitForAWindow, which one it is and when it ends, as announced.
func TestOperationsTellThatTheyWaitForAWindow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	waits, runs, urgent := b.create(t, "Charité"), b.create(t, "Necker"), b.create(t, "Lariboisière")
	const id = "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f77"
	for _, sql := range []string{
		`UPDATE operations SET state = 'RUNNING' WHERE id = '` + runs["id"].(string) + `'`,
		`UPDATE operations SET kind = 'suspend', from_status = 'ACTIVE', to_status = 'SUSPENDED' WHERE id = '` + urgent["id"].(string) + `'`,
		`INSERT INTO maintenance_windows (id, state, title, mode, starts_at, ends_at, started_at)
			VALUES ('` + id + `', 'RUNNING', 'Disks', 'read-only', '2026-03-14T02:00:00Z', '2026-03-14T04:00:00Z', '2026-03-14T02:00:01Z')`,
	} {
		_, err := b.pool.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	waitingFor := func(o map[string]any) any {
		return b.get(t, "/v1/operations/"+o["id"].(string)).json(t)["waitingFor"]
	}
	require.Eventually(t, func() bool { return waitingFor(waits) != nil }, time.Minute, 50*time.Millisecond, "what is under way is known for a second")
	require.Equal(t, map[string]any{
		"windowId": id, "cause": "Disks", "since": "2026-03-14T02:00:01Z", "until": "2026-03-14T04:00:00Z", "actionNeeded": false,
		"message": "waits for the end of maintenance window " + id + " (Disks), announced for 2026-03-14T04:00:00Z; nobody need act on it: it goes on by itself then",
	}, waitingFor(waits))
	require.Nil(t, waitingFor(runs), "it goes on in the window")
	require.Nil(t, waitingFor(urgent), "what ends access waits for none")
	_, err := b.pool.Exec(t.Context(), `UPDATE maintenance_windows SET state = 'COMPLETED', ended_at = now()`)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return waitingFor(waits) == nil }, time.Minute, 50*time.Millisecond, "it is over")
}

func TestRefusedActions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := "/v1/operations/" + b.create(t, "Charité")["id"].(string) + "/rollback"
	for name, c := range map[string]struct {
		body, location string
	}{
		"no reason":            {`{}`, "body.reason"},
		"empty reason":         {`{"reason": "  "}`, "body.reason"},
		"reason with NUL":      {`{"reason": "a\u0000b"}`, "body.reason"},
		"long reason":          {`{"reason": "` + longText(501) + `"}`, "body.reason"},
		"reason no text":       {`{"reason": 1}`, "body.reason"},
		"actor is the token's": {`{"reason": "a", "actor": "somebody else"}`, "body.actor"},
		"request id too long":  {`{"reason": "a", "requestId": "` + longText(256) + `"}`, "body.requestId"},
		"request id, control":  {`{"reason": "a", "requestId": "a\u0007"}`, "body.requestId"},
	} {
		p := b.send(t, http.MethodPost, path, operator(t), c.body).problem(t, http.StatusUnprocessableEntity, rest.CodeInvalid)
		require.Equal(t, c.location, p.Errors[0].Location, name)
	}
	require.Equal(t, http.StatusAccepted, b.send(t, http.MethodPost, path, operator(t), `{"reason": "`+longText(500)+`"}`).status)
}

func longText(n int) string {
	text := make([]byte, n)
	for i := range text {
		text[i] = 'x'
	}
	return string(text)
}

func TestSkippingAnUndoNeedsAnAdministrator(t *testing.T) {
	t.Parallel()
	b := setup(t)
	o := b.create(t, "Charité")
	b.exec(t, `UPDATE operations SET state = 'ROLLBACK_BLOCKED', run_id = 'r', failed_step = 'CREATE_SCHEMA', failure_class = 'undo_failed', attempts = 3 WHERE id = $1`, o["id"])
	path := "/v1/operations/" + o["id"].(string)
	blocked := b.get(t, path).json(t)
	require.Equal(t, []any{"retry", "skip"}, blocked["allowedActions"])
	require.Equal(t, "CREATE_SCHEMA", blocked["failedStep"])
	require.Equal(t, "undo_failed", blocked["failureClass"])
	b.send(t, http.MethodPost, path+"/skip", operator(t), `{"reason": "leave it"}`).problem(t, http.StatusForbidden, rest.CodeForbidden)
	// The administrator is let through, up to Temporal, which is away here.
	b.send(t, http.MethodPost, path+"/skip", as(t, token.RoleAdmin), `{"reason": "leave it"}`).
		problem(t, http.StatusServiceUnavailable, rest.CodeUnavailable)
}

func TestLongPoll(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.create(t, "Charité")["id"].(string)
	for _, wait := range []string{"0s", "50ms", "0"} {
		a := b.get(t, "/v1/operations/"+id+"?wait="+wait)
		require.Equal(t, http.StatusOK, a.status)
		require.Equal(t, "PENDING", a.json(t)["state"], "at the end of the time it tells what is")
	}
	for _, state := range []string{"NEEDS_ATTENTION", "ROLLBACK_BLOCKED", "SUCCEEDED"} {
		answered := make(chan answer, 1)
		go func() { answered <- b.get(t, "/v1/operations/"+id+"?wait=60s") }()
		b.awaitInFlight(t, 1)
		b.exec(t, `UPDATE operations SET state = $2, pivot_passed = $2 <> 'ROLLBACK_BLOCKED' WHERE id = $1`, id, state)
		a := within(t, answered)
		require.Equal(t, state, a.json(t)["state"])
		b.exec(t, `UPDATE operations SET state = 'PENDING' WHERE id = $1`, id)
	}
}

// TestDrain: whoever polls when the process is about to stop gets an answer,
// and load balancers are told first.
func TestDrain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.create(t, "Charité")["id"].(string)
	require.Equal(t, http.StatusOK, b.send(t, http.MethodGet, "/readyz", nil, "").status)
	answered := make(chan answer, 1)
	go func() { answered <- b.get(t, "/v1/operations/"+id+"?wait=60s") }()
	b.awaitInFlight(t, 1)
	b.server.Drain()
	a := within(t, answered)
	require.Equal(t, http.StatusOK, a.status, string(a.body))
	require.Equal(t, "PENDING", a.json(t)["state"])
	b.send(t, http.MethodGet, "/readyz", nil, "").problem(t, http.StatusServiceUnavailable, rest.CodeUnavailable)
	require.Equal(t, http.StatusOK, b.send(t, http.MethodGet, "/livez", nil, "").status)
	require.Equal(t, http.StatusOK, b.get(t, "/v1/operations/"+id+"?wait=60s").status, "a new poll is answered at once")
	b.create(t, "Another") // requests that still come are served
}

// within waits for an answer far less long than a long poll may take.
func within(t *testing.T, answered <-chan answer) answer {
	t.Helper()
	select {
	case a := <-answered:
		return a
	case <-time.After(45 * time.Second):
		require.FailNow(t, "no answer")
		return answer{}
	}
}
