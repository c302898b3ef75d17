package rest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/api/rest"
	"tenant-provisioning/internal/token"
)

// fires is a message of Alertmanager, as it sends it, about alerts NAME:STATUS.
func fires(group string, began time.Time, alerts ...string) string {
	all := make([]string, len(alerts))
	for n, a := range alerts {
		name, status, _ := strings.Cut(a, ":")
		ends := "0001-01-01T00:00:00Z"
		if status == "resolved" {
			ends = began.Add(time.Minute).UTC().Format(time.RFC3339)
		}
		all[n] = fmt.Sprintf(`{"status": %q, "labels": {"alertname": %q, "severity": "critical", "team": "platform"}, "annotations": {"summary": "%s is loud"},
			"startsAt": %q, "endsAt": %q, "generatorURL": "http://prometheus/graph", "fingerprint": "f-%s"}`, status, name, name, began.UTC().Format(time.RFC3339), ends, name)
	}
	return fmt.Sprintf(`{"version": "4", "groupKey": %q, "truncatedAlerts": 0, "status": "firing", "receiver": "incidents", "groupLabels": {"alertname": "x"},
		"commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://alertmanager", "alerts": [%s]}`, group, strings.Join(all, ", "))
}

// TestAlertmanagerOpensAnIncident once, however often it sends, and people resolve it.
func TestAlertmanagerOpensAnIncident(t *testing.T) {
	t.Parallel()
	b := setup(t)
	began := time.Now().Add(-7 * time.Minute).Truncate(time.Second)
	send := func(body string) map[string]any {
		t.Helper()
		a := b.send(t, http.MethodPost, "/v1/alerts", somebody(t, "alertmanager", token.RoleOperator), body)
		require.Equal(t, http.StatusOK, a.status, string(a.body))
		return a.json(t)
	}
	first := send(fires("mail", began, "MailFails:firing"))
	require.Equal(t, map[string]any{"incident": "INC-000001", "opened": true, "began": 1.0, "ended": 0.0}, first)
	for range 3 {
		again := send(fires("mail", began, "MailFails:firing"))
		require.Equal(t, map[string]any{"incident": "INC-000001", "opened": false, "began": 0.0, "ended": 0.0}, again)
	}
	require.Equal(t, "INC-000001", send(fires("mail", began.Add(time.Minute), "MailSlow:firing"))["incident"], "its group's incident is open")
	require.Equal(t, "INC-000002", send(fires("disk", began, "DiskFull:firing"))["incident"])
	require.EqualValues(t, 0, send(fires("disk", began, "NeverHeardOf:resolved"))["ended"])

	one := b.get(t, "/v1/incidents/INC-000001").json(t)
	require.Equal(t, "MailFails", one["title"])
	require.Equal(t, "critical", one["severity"])
	require.Equal(t, "alertmanager", one["openedBy"])
	require.Equal(t, true, one["clock"].([]any)[1].(map[string]any)["late"], "the clock runs since the alert began")
	require.Len(t, one["alerts"], 2)

	send(fires("mail", began, "MailFails:resolved"))
	send(fires("mail", began, "MailFails:resolved"))
	require.EqualValues(t, 1, send(fires("mail", began, "MailSlow:resolved", "MailFails:firing"))["ended"], "an old message begins nothing anew")
	one = b.get(t, "/v1/incidents/INC-000001").json(t)
	require.Equal(t, "open", one["state"])
	updates := one["updates"].([]any)
	require.Len(t, updates, 4)
	require.Equal(t, "MailSlow has ended, and with it the last alert of this incident", updates[3].(map[string]any)["message"])
	require.Equal(t, http.StatusOK, b.send(t, http.MethodPost, "/v1/incidents/INC-000001/resolve", operator(t), `{"message": "over"}`).status)
	require.Equal(t, "INC-000003", send(fires("mail", began.Add(5*time.Minute), "MailFails:firing"))["incident"], "what is resolved is not opened again")
	require.Equal(t, []string{
		"alertmanager incident-open accepted MailFails is loud", "alertmanager incident-open accepted DiskFull is loud", "alertmanager incident-open accepted MailFails is loud",
	}, b.audited(t, "$1 <> '' AND action = 'incident-open'", "x"))
}

// TestWhoMayAlert: nobody without a token, and no viewer.
func TestWhoMayAlert(t *testing.T) {
	t.Parallel()
	b := setup(t)
	body := fires("mail", time.Now(), "MailFails:firing")
	b.send(t, http.MethodPost, "/v1/alerts", nil, body).problem(t, http.StatusUnauthorized, rest.CodeUnauthenticated)
	b.send(t, http.MethodPost, "/v1/alerts", viewer(t), body).problem(t, http.StatusForbidden, rest.CodeForbidden)
	b.send(t, http.MethodPost, "/v1/alerts", operator(t), `{"version": "4", "alerts": []}`).problem(t, http.StatusUnprocessableEntity, rest.CodeInvalid)
	require.Zero(t, b.count(t, "declared_incidents"))
}
