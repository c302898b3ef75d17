package client

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAllPagesAreRead(t *testing.T) {
	t.Parallel()
	first := answers(http.StatusOK, TenantPage{Items: []Tenant{{ID: "1"}, {ID: "2"}}, NextCursor: "next"})
	s := serve(t, first, answers(http.StatusOK, TenantPage{Items: []Tenant{{ID: "3"}}}))
	c, _ := connect(t, s.url)
	var ids []string
	for tenant, err := range c.Tenants(t.Context(), ListTenantsParams{Status: StatusActive}) {
		require.NoError(t, err)
		ids = append(ids, tenant.ID)
	}
	require.Equal(t, []string{"1", "2", "3"}, ids)
	require.Equal(t, "status=ACTIVE", s.requests()[0].query)
	require.Equal(t, "cursor=next&status=ACTIVE", s.requests()[1].query)

	s = serve(t, first, refuses(http.StatusForbidden, CodeForbidden))
	c, _ = connect(t, s.url)
	var n int
	var last error
	for _, err := range c.Tenants(t.Context(), ListTenantsParams{}) {
		n, last = n+1, err
	}
	require.Equal(t, 3, n)
	require.True(t, IsCode(last, CodeForbidden))

	s = serve(t, answers(http.StatusOK, OperationPage{Items: []Operation{{ID: "1"}, {ID: "2"}}, NextCursor: "next"}))
	c, _ = connect(t, s.url)
	for _, err := range c.Operations(t.Context(), ListOperationsParams{}) {
		require.NoError(t, err)
		break
	}
	require.Len(t, s.requests(), 1, "pages that nobody wants are not read")
}
