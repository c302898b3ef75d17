package composed

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/graph"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/client"
)

// TestTheProfileLocal is a fresh clone's docker compose --profile local up, work, a
// stop in the right and in the wrong order, and a start on the same volumes.
func TestTheProfileLocal(t *testing.T) {
	p := load(t, "local")

	r := up(t, p)
	first := r.create("Lakeside Clinic", "ada@hospital.example")
	r.requireActive(first)
	require.Contains(t, r.mailed("ada@hospital.example"), "Lakeside Clinic")
	r.requireExamined()
	r.requireDumped()
	require.Contains(t, get(t, "http://"+r.published("temporal-ui")+"/api/v1/namespaces/tenant-provisioning"), "Provisioning of tenants")
	requireEnded(t, r.stop(graph.InReverseOrder))

	r = up(t, p)
	r.requireActive(first)
	second := r.create("Harbour Hospital", "mary@harbour.example")
	requireEnded(t, r.stop()) // the database before all that need it, whatever the second tenant is at

	r = up(t, p)
	r.requireActive(first)
	r.requireActive(second)
	require.Contains(t, r.mailed("mary@harbour.example"), "Harbour Hospital")
	requireEnded(t, r.stop(graph.InReverseOrder))
}

// requireEnded: all that are to run until they are stopped ran until then, and ended
// by themselves within their stop_grace_period, and well. The Web UI handles no signal:
// it ends at once, as Go programs do then.
func requireEnded(t *testing.T, found map[string]stopped) {
	t.Helper()
	statuses := map[string]int{}
	for name, s := range found {
		require.True(t, s.byItself, "%s was killed after %s", name, s.took)
		require.Equal(t, 1, s.starts, "%s has ended before it was stopped", name)
		statuses[name] = s.status
	}
	require.Equal(t, map[string]int{"postgres": 0, "redis": 0, "temporal": 0, "temporal-ui": 2, "local": 0, "api": 0, "worker": 0}, statuses)
}

// published is the address of a service's one port on the machine.
func (r running) published(service string) string {
	r.t.Helper()
	ports := r.project.Services[service].Ports
	require.Len(r.t, ports, 1, service)
	require.Equal(r.t, ports[0].Published, strconv.FormatUint(uint64(ports[0].Target), 10), "all containers have one network here")
	return "127.0.0.1:" + ports[0].Published
}

// operator is a client with the token that starter prints.
func (r running) operator() *client.Client {
	r.t.Helper()
	token, status := r.run("starter", "token", "--role", "operator")
	require.Zero(r.t, status)
	c, err := client.New(client.Config{URL: "http://" + r.published("api"), Token: strings.TrimSpace(token)})
	require.NoError(r.t, err)
	return c
}

// create asks for a tenant, and returns the operation that makes it.
func (r running) create(name, address string) client.Operation {
	r.t.Helper()
	op, err := r.operator().CreateTenant(r.t.Context(), client.CreateTenantParams{
		Name: name, AdminEmail: address, AdminFirstName: "Ada", AdminLastName: "Lovelace",
	})
	require.NoError(r.t, err)
	return op
}

// requireActive waits until the operation has ended: then its tenant is there.
func (r running) requireActive(made client.Operation) {
	r.t.Helper()
	api := r.operator()
	op, err := api.Wait(r.t.Context(), made.ID)
	require.NoError(r.t, err)
	require.NoError(r.t, op.Err())
	tenant, err := api.GetTenant(r.t.Context(), op.TenantID)
	require.NoError(r.t, err)
	require.Equal(r.t, client.StatusActive, tenant.Status)
}

// mailed is what the catcher has for an address.
func (r running) mailed(address string) string {
	r.t.Helper()
	return get(r.t, "http://"+r.published("local")+"/messages?to="+url.QueryEscape(address))
}

// requireExamined: the doctor in the operator's container looks at everything, and
// finds nothing wrong.
func (r running) requireExamined() {
	r.t.Helper()
	text, status := r.run("starter", "doctor", "--output", "json")
	var found struct {
		Checks []struct{ Subject, Check, State, Says string }
	}
	require.NoError(r.t, json.Unmarshal([]byte(text), &found), text)
	subjects := map[string]bool{}
	for _, c := range found.Checks {
		subjects[c.Subject] = true
		if c.State != "ok" {
			r.t.Logf("doctor: %s %s %s: %s", c.State, c.Subject, c.Check, c.Says)
		}
		require.NotEqual(r.t, "failure", c.State, "%s %s: %s", c.Subject, c.Check, c.Says)
	}
	require.Zero(r.t, status)
	for _, subject := range []string{"settings", "logs", "database", "temporal", "redis", "ledger", "mail"} {
		require.True(r.t, subjects[subject], subject)
	}
}

// requireDumped: the backup that docs/OPERATIONS.md shows is written.
func (r running) requireDumped() {
	r.t.Helper()
	database := r.containers["postgres"]
	for file, command := range map[string]string{
		"/backups/platform.dump": "pg_dump -U postgres -Fc -f /backups/platform.dump platform",
		"/backups/roles.sql":     "pg_dumpall -U postgres --roles-only -f /backups/roles.sql",
	} {
		out, err := database.execute(r.t.Context(), strings.Fields(command)...).CombinedOutput()
		require.NoError(r.t, err, "%s: %s", command, out)
		written, err := os.Stat(database.root.path + file)
		require.NoError(r.t, err)
		require.Positive(r.t, written.Size(), file)
	}
}

func get(t *testing.T, address string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, "%s: %s", address, text)
	return string(text)
}
