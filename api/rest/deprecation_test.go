package rest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/api/rest"
	"tenant-provisioning/internal/token"
)

func TestDeprecatedEndpointsSayWhenTheyEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	since := time.Date(2027, time.January, 4, 0, 0, 0, 0, time.UTC)
	op := rest.AddDeprecated(b.server, "/v1/deprecated", since, since.AddDate(0, 6, 0))
	require.True(t, op.Deprecated)
	require.Contains(t, op.Description, "2027-07-04")

	for status, header := range map[int]http.Header{http.StatusOK: as(t, token.RoleAdmin), http.StatusForbidden: viewer(t)} {
		a := b.send(t, http.MethodGet, "/v1/deprecated", header, "")
		require.Equal(t, status, a.status, string(a.body))
		require.Equal(t, "@1799020800", a.header.Get("Deprecation"))
		require.Equal(t, "Sun, 04 Jul 2027 00:00:00 GMT", a.header.Get("Sunset"))
	}
	for status, r := range op.Responses {
		require.Contains(t, r.Headers, "Deprecation", status)
		require.Contains(t, r.Headers, "Sunset", status)
	}
	for _, item := range document(t, setup(t).server).Paths.Map() {
		for _, other := range item.Operations() {
			require.False(t, other.Deprecated, "%s: CHANGELOG.md and docs/API.md announce it", other.OperationID)
		}
	}
	require.Empty(t, b.get(t, "/v1/tenants").header.Get("Deprecation"))
}
