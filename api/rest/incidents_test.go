package rest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/api/rest"
	"tenant-provisioning/internal/token"
)

// incident declares one, and returns the path of it.
func (b *testBundle) incident(t *testing.T, body string) string {
	t.Helper()
	a := b.send(t, http.MethodPost, "/v1/incidents", operator(t), body)
	require.Equal(t, http.StatusOK, a.status, string(a.body))
	return "/v1/incidents/" + a.json(t)["id"].(string)
}

// TestAnIncidentIsLedThroughItsSteps, beside one of the breaker; each change is in the
// audit log and leaves an event.
func TestAnIncidentIsLedThroughItsSteps(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, `INSERT INTO incidents (dependency, cause, affected) VALUES ('mail', 'it refuses', 12)`)
	path := b.incident(t, `{"title": "Mails are late", "severity": "major", "components": ["mail"], "message": "ticket 1", "public": "E-mails arrive with delay."}`)
	require.Equal(t, "/v1/incidents/INC-000001", path)
	act := func(action, body string) answer {
		return b.send(t, http.MethodPost, path+"/"+action, operator(t), body)
	}
	a := act("update", `{"message": "ticket 2", "done": "assessment", "severity": "critical"}`)
	require.Equal(t, http.StatusOK, a.status, string(a.body))
	require.Equal(t, "mitigation", a.json(t)["step"])
	require.Equal(t, "critical", a.json(t)["severity"])
	require.Contains(t, act("reopen", `{"message": "x"}`).problem(t, http.StatusConflict, rest.CodeConflict).Detail, "INC-000001 is open")
	a = act("resolve", `{"message": "ticket 3", "public": "All mails have arrived."}`)
	require.Equal(t, "resolved", a.json(t)["state"])
	require.Equal(t, "verification", a.json(t)["step"])
	require.Equal(t, "open", act("reopen", `{"message": "ticket 4"}`).json(t)["state"])
	require.Equal(t, "resolved", act("resolve", `{"message": "ticket 5"}`).json(t)["state"])
	require.Equal(t, "postmortem", act("update", `{"message": "ticket 6", "done": "verification"}`).json(t)["step"])
	a = act("update", `{"message": "ticket 7", "done": "postmortem"}`)
	require.Equal(t, "closed", a.json(t)["state"])
	require.NotContains(t, a.json(t), "step")
	act("update", `{"message": "late"}`).problem(t, http.StatusConflict, rest.CodeConflict)

	one := b.get(t, path).json(t)
	require.Len(t, one["updates"], 7)
	require.Equal(t, "E-mails arrive with delay.", one["updates"].([]any)[0].(map[string]any)["public"])
	require.Equal(t, false, one["clock"].([]any)[1].(map[string]any)["late"])
	list := b.get(t, "/v1/incidents").json(t)
	require.Len(t, list["items"], 1)
	require.NotContains(t, list["items"].([]any)[0], "updates")
	require.Equal(t, "it refuses", list["breaker"].([]any)[0].(map[string]any)["cause"])
	require.Equal(t, []string{
		"ada@platform incident-open accepted ticket 1", "ada@platform incident-update accepted ticket 2", "ada@platform incident-reopen refused ",
		"ada@platform incident-resolve accepted ticket 3", "ada@platform incident-reopen accepted ticket 4", "ada@platform incident-resolve accepted ticket 5",
		"ada@platform incident-update accepted ticket 6", "ada@platform incident-update accepted ticket 7", "ada@platform incident-update refused ",
	}, b.audited(t, "$1 <> '' AND detail LIKE '%INC-000001%'", "x"))
	rows, err := b.pool.Query(t.Context(), `SELECT type FROM events WHERE data->>'declared' = 'INC-000001' ORDER BY id`)
	require.NoError(t, err)
	types, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Equal(t, []string{
		"incident.declared", "incident.updated", "incident.resolved", "incident.reopened", "incident.resolved", "incident.updated", "incident.updated",
	}, types)
}

// TestWhoMayDeclareAnIncident: operators, with what it must say, and nothing of a tenant
// in public; the others' attempts are audited. A read-only window refuses none of it.
func TestWhoMayDeclareAnIncident(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.create(t, "Charité")
	const good = `{"title": "Mails are late", "severity": "major", "message": "ticket 1"}`
	b.send(t, http.MethodPost, "/v1/incidents", as(t, token.RoleViewer), good).problem(t, http.StatusForbidden, rest.CodeForbidden)
	require.Len(t, b.audited(t, "outcome = 'refused' AND action = 'incident-open' AND $1 <> ''", "x"), 1)
	for field, body := range map[string]string{
		"body.title":      `{"title": "\n", "severity": "major", "message": "x"}`,
		"body.detectedAt": `{"title": "Mails", "severity": "major", "message": "x", "detectedAt": "` + in(time.Hour) + `"}`,
		"body.message":    `{"title": "Mails", "severity": "major", "message": " "}`,
		"body.public":     `{"title": "Mails", "severity": "major", "message": "x", "components": ["mail"], "public": "Mails to Charité are late."}`,
	} {
		p := b.send(t, http.MethodPost, "/v1/incidents", operator(t), body).problem(t, http.StatusUnprocessableEntity, rest.CodeInvalid)
		require.Equal(t, field, p.Errors[0].Location, body)
	}
	require.Zero(t, b.count(t, "declared_incidents"))
	b.send(t, http.MethodPost, "/v1/incidents/INC-000009/resolve", operator(t), `{"message": "x"}`).problem(t, http.StatusNotFound, rest.CodeNotFound)
	b.send(t, http.MethodPost, "/v1/incidents/9/resolve", operator(t), `{"message": "x"}`).problem(t, http.StatusUnprocessableEntity, rest.CodeInvalid)

	window, _ := b.window(t, `{"minutes": 60, "title": "Patches", "mode": "read-only", "reason": "ticket 1"}`)
	require.Equal(t, http.StatusOK, b.send(t, http.MethodPost, window+"/start", operator(t), `{"reason": "ticket 1"}`).status)
	b.incident(t, good)
}
