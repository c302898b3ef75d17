package e2e

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/client"
)

// sight is what an answer, or two, tell of a tenant and its latest operation.
type sight struct{ tenant, operation string }

func sightOf(t tenant, o operation) sight {
	return sight{t.AdminFirstName + " " + string(t.Status), o.ID + " " + string(o.State)}
}

// stored is what both of answers must be, by the database.
func (i *installation) stored(id string) [2]sight {
	i.t.Helper()
	s := sight{
		value[string](i, `SELECT admin_first_name || ' ' || status FROM tenants WHERE id = $1`, id),
		value[string](i, `SELECT id || ' ' || state FROM operations WHERE tenant_id = $1 ORDER BY id DESC LIMIT 1`, id),
	}
	return [2]sight{s, s}
}

// answers asks for the tenant and its latest operation, by themselves and in lists.
func (i *installation) answers(id string) [2]sight {
	i.t.Helper()
	t := answer[client.Tenant](i, "/v1/tenants/"+id)
	p := answer[client.Progress](i, "/v1/tenants/"+id+"/provisioning")
	o := answer[client.Operation](i, "/v1/operations/"+p.Operation.ID)
	tenants := answer[client.TenantPage](i, "/v1/tenants")
	operations := answer[client.OperationPage](i, "/v1/operations?tenantId="+id)
	require.Len(i.t, tenants.Items, 1)
	return [2]sight{sightOf(t, o), sightOf(tenants.Items[0], operations.Items[0])}
}

// answer reads what must be answered.
func answer[T any](i *installation, path string) T {
	i.t.Helper()
	r := i.call(http.MethodGet, path, nil)
	require.Equal(i.t, http.StatusOK, r.status, "%s: %s", path, r.body)
	return read[T](i, r)
}

var (
	hits        = regexp.MustCompile(`answer_cache_total\{from="hit"\} \d+`)
	redisCounts = regexp.MustCompile(`rate_limit_(shared|redis_failures_total\S*) \d+`)
)

func (i *installation) metrics() string {
	i.t.Helper()
	return string(i.call(http.MethodGet, "/metrics", nil).body)
}

// redisCounts tells how often Redis has failed a process, and whether it does now.
func (i *installation) redisCounts() string {
	i.t.Helper()
	return strings.Join(redisCounts.FindAllString(i.metrics(), -1), "\n")
}

// isKept waits until what is kept is answered.
func (i *installation) isKept(id string) {
	i.t.Helper()
	before := hits.FindString(i.metrics())
	eventually(i.t, "an answer is kept", func() bool {
		i.answers(id)
		return strings.Contains(i.redisCounts(), "rate_limit_shared 1") && hits.FindString(i.metrics()) != before
	})
}
