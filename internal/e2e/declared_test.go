package e2e

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRunbookOfAnIncident follows the page from detection to the agreed postmortem.
func TestRunbookOfAnIncident(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.start()
	i.with(map[string]string{"INCIDENT": "INC-000001"}).follow(operation{}, "incident-response.md")
	require.Equal(t, "closed", i.get("/v1/incidents/INC-000001")["state"])
	require.Equal(t, 1, value[int](i, `SELECT count(*) FROM declared_incidents`))
	require.Equal(t, 7, value[int](i, `SELECT count(*) FROM audit_log WHERE action LIKE 'incident-%' AND outcome = 'accepted'`))
	eventually(t, "the status page tells of it", func() bool { return len(i.status().Incidents) == 1 })
	told := i.status().Incidents[0]
	require.Equal(t, "Disturbance: E-mail", told.Title)
	require.Equal(t, "All e-mails have arrived.", told.Messages[0].Text)
	require.False(t, told.EndedAt.IsZero())
	i.becomesActive(i.create("Charité"))

	alert := map[string]any{"version": "4", "groupKey": "mail", "alerts": []map[string]any{{
		"status": "firing", "fingerprint": "f00", "startsAt": time.Now().Add(-time.Minute), "endsAt": time.Time{},
		"labels": map[string]string{"alertname": "MailFails", "severity": "critical"}, "annotations": map[string]string{"summary": "Mails are refused"},
	}}}
	for range 2 { // as Alertmanager repeats it
		require.Equal(t, http.StatusOK, i.call(http.MethodPost, "/v1/alerts", alert).status)
	}
	require.Contains(t, i.output("incident", "list"), "INC-000002")
	require.NotContains(t, i.output("incident", "list"), "INC-000003")
	require.Contains(t, i.output("incident", "show", "INC-000002"), "alert MailFails fires since ")
}

// get reads a resource of the API.
func (i *installation) get(path string) (body map[string]any) {
	i.t.Helper()
	answer := i.call(http.MethodGet, path, nil)
	require.Equal(i.t, http.StatusOK, answer.status, string(answer.body))
	require.NoError(i.t, json.Unmarshal(answer.body, &body))
	return body
}
