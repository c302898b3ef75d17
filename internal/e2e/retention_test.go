package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	sdk "go.temporal.io/sdk/client"
)

// logLine is a line of the logs, as starter and the api show it.
type logLine struct {
	Source   string `json:"source"`
	ID       int64  `json:"id"`
	Step     string `json:"step"`
	Status   string `json:"status"`
	Action   string `json:"action"`
	Archived bool   `json:"archived"`
}

func (l logLine) String() string {
	return fmt.Sprintf("%s %d %s %s%s", l.Source, l.ID, l.Step, l.Status, l.Action)
}

// logLines are the lines of so many years of a tenant, or of all for an empty id, as
// starter and the api both read them, and how many of them come from the store.
func (i *installation) logLines(years int, tenantID string) (lines []string, archived int) {
	i.t.Helper()
	type page struct {
		Items      []logLine `json:"items"`
		NextCursor string    `json:"nextCursor"`
	}
	since := time.Now().AddDate(-years, 0, 0).UTC().Format(time.RFC3339)
	var byStarter page
	require.NoError(i.t, json.Unmarshal([]byte(i.output("logs", "--since", since, "--tenant", tenantID, "--output", "json")), &byStarter))
	for _, l := range byStarter.Items {
		lines = append(lines, l.String())
		if l.Archived {
			archived++
		}
	}
	var byAPI []string
	for q := (url.Values{"since": {since}, "limit": {"7"}, "tenantId": {tenantID}}); ; {
		got := read[page](i, i.insist(http.MethodGet, "/v1/logs?"+q.Encode(), nil))
		for _, l := range got.Items {
			byAPI = append(byAPI, l.String())
		}
		if got.NextCursor == "" {
			break
		}
		q.Set("cursor", got.NextCursor)
	}
	require.Equal(i.t, lines, byAPI)
	return lines, archived
}

// keepsLogs begins a round of the keeper of logs, in place of one that is under way.
func (i *installation) keepsLogs() {
	i.t.Helper()
	schedule := i.temporal().ScheduleClient().GetHandle(i.t.Context(), "log-keeper")
	require.NoError(i.t, i.asksTemporal(func() error {
		return schedule.Trigger(i.t.Context(), sdk.ScheduleTriggerOptions{Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_TERMINATE_OTHER})
	}))
}

// agesLogs makes the operations of a tenant, and their logs, older than LOG_RETENTION.
func (i *installation) agesLogs(x tenant) {
	i.t.Helper()
	i.execute(`UPDATE operations SET created_at = created_at - interval '100 days', started_at = started_at - interval '100 days', finished_at = finished_at - interval '100 days' WHERE tenant_id = $1`, x.ID)
	i.execute(`UPDATE provisioning_logs SET created_at = created_at - interval '100 days', started_at = started_at - interval '100 days' WHERE tenant_id = $1`, x.ID)
}

// logObjects are the objects that hold logs in the directory.
func logObjects(t testing.TB, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "logs", "*", "*", "*", "*"))
	require.NoError(t, err)
	return found
}

// TestLogsMoveToTheStore and are found as before, by starter and by the api: each line once,
// also while a worker is killed between the object and the note of it, and while the store
// is away and comes back. What the killed worker has left there is removed. The audit log is
// kept for six years.
func TestLogsMoveToTheStore(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	i := install(t, backedUp(t, "file://"+dir))
	_, worker := i.start()
	x := i.becomesActive(i.create("Charité"))
	first := value[string](i, `SELECT id::text FROM operations`)
	changes := func(actions ...string) {
		for _, action := range actions {
			i.output(action, x.ID, "--reason", "ticket 7", "--wait")
		}
		i.agesLogs(x)
	}
	changes("suspend", "resume")
	i.execute(`INSERT INTO audit_log (at, actor, action, outcome) VALUES
		(now() - interval '6 years', 'ada', 'kept-six-years', 'done'), (now() - interval '6 years 2 days', 'ada', 'kept-for-longer', 'done')`)
	before, archived := i.logLines(1, x.ID)
	require.Zero(t, archived)
	require.Greater(t, len(before), 12)

	held := i.holdRow("log_archives", "true")
	i.keepsLogs()
	held.await()
	require.Len(t, logObjects(t, dir), 1, "the object is there, and the lines are not deleted")
	worker.kill()
	now, archived := i.logLines(1, x.ID)
	require.Equal(t, before, now)
	require.Zero(t, archived)
	held.release()
	worker = i.startWorker()
	i.keepsLogs()
	moved := func(objects int) {
		eventually(t, "the logs have moved", func() bool { return value[int](i, `SELECT count(*) FROM log_archives`) == objects })
	}
	moved(1)
	now, archived = i.logLines(1, x.ID)
	require.Equal(t, before, now)
	require.NotZero(t, archived)
	require.Equal(t, archived, value[int](i, `SELECT sum(rows)::int FROM log_archives`))
	require.Zero(t, value[int](i, `SELECT count(*) FROM provisioning_logs WHERE operation_id = $1`, first))
	i.findsWhatHasMoved(first)
	require.Empty(t, i.reconciles(), "nothing is missing")

	require.Len(t, logObjects(t, dir), 2, "another round may still be writing it")
	i.execute(`UPDATE log_drafts SET begun_at = begun_at - interval '13 hours'`)
	i.keepsLogs()
	eventually(t, "what the killed worker has left is removed", func() bool { return len(logObjects(t, dir)) == 1 })

	changes("suspend", "resume")
	before, _ = i.logLines(1, x.ID)
	require.NoError(t, os.Rename(dir, dir+".away"))
	require.NoError(t, os.WriteFile(dir, nil, 0o600)) // nor can one be made in its place
	i.keepsLogs()
	worker.says("old logs are not moved")
	i.saysThatLogsAreAway(x)
	require.NoError(t, os.Remove(dir))
	require.NoError(t, os.Rename(dir+".away", dir))
	now, _ = i.logLines(1, x.ID)
	require.Equal(t, before, now)
	i.keepsLogs()
	moved(2)
	now, _ = i.logLines(1, x.ID)
	require.Equal(t, before, now)

	eventually(t, "what is older than six years is deleted", func() bool {
		return value[int](i, `SELECT count(*) FROM audit_log WHERE action LIKE 'kept%'`) == 1
	})
	require.Contains(t, i.output("logs", "--since", time.Now().AddDate(-7, 0, 0).Format(time.DateOnly), "--limit", "1"), "ada kept-six-years done")
}

// findsWhatHasMoved reads the log of an operation by what starter and the api say of it.
func (i *installation) findsWhatHasMoved(operation string) {
	i.t.Helper()
	status := i.output("status", operation)
	require.Contains(i.t, status, "its log moved to the backup store on")
	_, command, found := strings.Cut(status, "\n  starter logs ")
	require.True(i.t, found, status)
	command, _, _ = strings.Cut(command, "\n")
	require.Contains(i.t, i.output(append([]string{"logs"}, strings.Fields(command)...)...), "CREATE_SCHEMA COMPLETED")
	logs, ok := i.get("/v1/operations/" + operation)["logs"].(string)
	require.True(i.t, ok)
	lines := i.get(logs)["items"].([]any)
	require.Equal(i.t, "CREATE_TENANT_RECORD", lines[0].(map[string]any)["step"])
	require.Equal(i.t, true, lines[0].(map[string]any)["archived"])
	require.Contains(i.t, string(i.call(http.MethodGet, logs, nil).body), "SEND_WELCOME_EMAIL")
}

// saysThatLogsAreAway: what lies in the store cannot be read, and everything else can.
func (i *installation) saysThatLogsAreAway(x tenant) {
	i.t.Helper()
	p := i.starter("logs", "--since", "200d", "--tenant", x.ID)
	require.NotZero(i.t, p.wait())
	require.Contains(i.t, p.stderr.String(), "backup store")
	r := i.call(http.MethodGet, "/v1/logs?tenantId="+x.ID+"&since="+url.QueryEscape(time.Now().AddDate(0, 0, -200).UTC().Format(time.RFC3339)), nil)
	require.Equal(i.t, http.StatusServiceUnavailable, r.status)
	require.Contains(i.t, string(r.body), "backup store")
	require.Contains(i.t, i.output("logs", "--since", "1h"), "resume accepted")
}
