package rest_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/api/rest"
	"tenant-provisioning/internal/token"
)

// TestAClientMayHaveSoManyRequestsWaiting, and others as many of their own. A
// place is given back with the answer.
func TestAClientMayHaveSoManyRequestsWaiting(t *testing.T) {
	t.Parallel()
	const most = 3
	b := setup(t, func(c *rest.Config) { c.Waiting = most })
	path := "/v1/operations/" + b.create(t, "Charité")["id"].(string)
	poll := path + "?wait=60s"
	for range 2 * most { // one after the other, any number
		require.Equal(t, http.StatusOK, b.get(t, path+"?wait=1ms").status)
	}
	var all sync.WaitGroup
	answers := make([]answer, 2*most)
	for i := range answers {
		who := viewer(t)
		if i >= most {
			who = grace(t)
		}
		all.Go(func() { answers[i] = b.send(t, http.MethodGet, poll, who, "") })
	}
	b.awaitInFlight(t, len(answers))
	for _, who := range []http.Header{viewer(t), grace(t)} {
		a := b.send(t, http.MethodGet, poll, who, "")
		a.problem(t, http.StatusTooManyRequests, rest.CodeTooManyRequests)
		require.NotEmpty(t, a.header.Get("Retry-After"))
		require.Equal(t, http.StatusOK, b.send(t, http.MethodGet, path, who, "").status, "without wait there is an answer")
	}
	b.server.Drain()
	all.Wait()
	for _, a := range answers {
		require.Equal(t, http.StatusOK, a.status, string(a.body))
	}
}

// grace is another viewer.
func grace(t *testing.T) http.Header {
	t.Helper()
	return somebody(t, "grace@platform", token.RoleViewer)
}
