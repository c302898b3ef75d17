package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/mail/mailtest"
)

// oncall are the people who are told.
var oncall = []string{"oncall@platform.example", "ada@platform.example"}

var told = map[string]string{"NOTIFY_EMAIL": oncall[0] + ", " + oncall[1], "STEP_RETRY_BUDGET": impatient["STEP_RETRY_BUDGET"]}

// awaitNotices waits until each of them has so many mails, and returns the
// newest of one.
func (i *installation) awaitNotices(n int) mailtest.Message {
	i.t.Helper()
	var newest mailtest.Message
	for _, to := range oncall {
		eventually(i.t, fmt.Sprintf("%s has %d mails", to, n), func() bool { return len(i.mails(to)) == n })
		for _, m := range i.mails(to) {
			if m.ReceivedAt.After(newest.ReceivedAt) {
				newest = m
			}
		}
	}
	return newest
}

// webhook is what NOTIFY_WEBHOOK leads to.
type webhook struct {
	url string

	mu    sync.Mutex
	texts map[string][]string // by the kind of the notice
}

func newWebhook(t testing.TB) *webhook {
	t.Helper()
	w := &webhook{texts: map[string][]string{}}
	server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		var notice struct{ Kind, Text string }
		if err := json.NewDecoder(r.Body).Decode(&notice); err != nil {
			answer.WriteHeader(http.StatusBadRequest)
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.texts[notice.Kind] = append(w.texts[notice.Kind], notice.Text)
	}))
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// told are the texts of the notices of a kind.
func (w *webhook) told(kind string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string{}, w.texts[kind]...)
}

// TestPeopleAreToldOfWhatParks by one mail, which says what to type.
func TestPeopleAreToldOfWhatParks(t *testing.T) {
	t.Parallel()
	i := install(t, told)
	o := i.parksBeforeThePivot()
	i.execute(`UPDATE operations SET updated_at = updated_at - interval '1 minute'`)
	mail := i.awaitNotices(1)
	require.Equal(t, "An operation needs attention: DEPLOY_SOROBAN_CONTRACT, exhausted", mail.Subject)
	for _, action := range o.AllowedActions {
		require.Contains(t, mail.Text, "starter "+string(action)+" "+o.ID)
	}
	require.NotContains(t, mail.Text, i.tenant(o.TenantID).Name)
}

// TestPeopleAreToldOfAnIncident instead of its tenants, and when it is over.
func TestPeopleAreToldOfAnIncident(t *testing.T) {
	t.Parallel()
	i := install(t, map[string]string{"NOTIFY_EMAIL": told["NOTIFY_EMAIL"]})
	i.rpc.fail(http.StatusServiceUnavailable)
	i.startAPI()
	operations := i.createMany() // first, so that they fail together
	i.startWorker()
	eventually(t, "an incident is opened", func() bool { return value[int](i, `SELECT count(*) FROM incidents`) == 1 })
	i.execute(`UPDATE incidents SET opened_at = opened_at - interval '1 minute'`)
	mail := i.awaitNotices(1)
	require.Equal(t, "Stellar fails for many tenants", mail.Subject)
	require.Contains(t, mail.Text, "stellar-down.md")

	i.rpc.heal()
	for _, o := range operations {
		i.becomesActive(o)
	}
	eventually(t, "the incident is over", func() bool { return value[bool](i, `SELECT closed_at IS NOT NULL FROM incidents`) })
	i.execute(`UPDATE incidents SET closed_at = closed_at - interval '10 minutes'`)
	require.Equal(t, "Over: Stellar failed for many tenants", i.awaitNotices(2).Subject)
}
