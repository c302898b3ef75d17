package rest_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/api/rest"
	"tenant-provisioning/internal/tenant"
)

// TestLogsAreRead by time, of a tenant or of all, page by page.
func TestLogsAreRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := b.create(t, "Charité")
	b.create(t, "Necker")
	type page struct {
		Items      []rest.Record
		NextCursor string
	}
	read := func(q url.Values) (p page) {
		t.Helper()
		got := b.send(t, http.MethodGet, "/v1/logs?"+q.Encode(), operator(t), "")
		require.Equal(t, http.StatusOK, got.status, "%s", got.body)
		require.NoError(t, json.Unmarshal(got.body, &p))
		return p
	}
	all := read(url.Values{})
	require.Empty(t, all.NextCursor)
	sources := map[tenant.RecordSource]int{}
	for _, r := range all.Items {
		sources[r.Source]++
	}
	require.Equal(t, map[tenant.RecordSource]int{tenant.RecordProvisioning: 2, tenant.RecordAudit: 2}, sources)
	for _, r := range read(url.Values{"tenantId": {a["tenantId"].(string)}}).Items {
		require.Equal(t, a["tenantId"], string(r.Tenant))
	}
	var paged []rest.Record
	q := url.Values{"limit": {"1"}}
	for range all.Items {
		p := read(q)
		paged = append(paged, p.Items...)
		q.Set("cursor", p.NextCursor)
	}
	require.Equal(t, all.Items, paged)
	require.Empty(t, q.Get("cursor"), "the last page has none")
	require.Empty(t, read(url.Values{"since": {time.Now().Add(-time.Hour).Format(time.RFC3339)}, "until": {time.Now().Add(-time.Minute).Format(time.RFC3339)}}).Items)
	for _, wrong := range []string{"since=yesterday", "tenantId=7", "limit=0", "cursor=x", "since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z"} {
		b.send(t, http.MethodGet, "/v1/logs?"+wrong, operator(t), "").problem(t, http.StatusUnprocessableEntity, rest.CodeInvalid)
	}
	b.send(t, http.MethodGet, "/v1/logs", viewer(t), "").problem(t, http.StatusForbidden, rest.CodeForbidden)
}
