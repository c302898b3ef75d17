package e2e

import (
	"encoding/json"
	"net/http"
	"testing"

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
}

// get reads a resource of the API.
func (i *installation) get(path string) (body map[string]any) {
	i.t.Helper()
	answer := i.call(http.MethodGet, path, nil)
	require.Equal(i.t, http.StatusOK, answer.status, string(answer.body))
	require.NoError(i.t, json.Unmarshal(answer.body, &body))
	return body
}
