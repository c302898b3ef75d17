package rest_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/api/rest"
)

// shortAnswer is what an answer to a bad request may have, in bytes: room for
// fifty mistakes with names of full length.
const shortAnswer = 32 << 10

// many joins what one makes of the numbers below n.
func many(n int, separator string, one func(int) string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = one(i)
	}
	return strings.Join(parts, separator)
}

func TestAnswersToManyMistakesAreShort(t *testing.T) {
	t.Parallel()
	b := setup(t)
	field := func(format string) func(int) string {
		return func(i int) string { return fmt.Sprintf(format, i) }
	}
	for name, c := range map[string]struct {
		method, path, body string
		more               int
	}{
		"query": {http.MethodGet, "/v1/tenants?" + many(8500, "&", field("p%d=")), "", 8450},
		"query of one operation": {
			http.MethodGet, "/v1/operations/" + someID + "?" + many(8500, "&", field("p%d")), "", 8450,
		},
		"fields":                  {http.MethodPost, "/v1/tenants", "{" + many(6000, ",", field(`"f%d":1`)) + "}", 5950},
		"fields with dots":        {http.MethodPost, "/v1/tenants", "{" + many(6000, ",", field(`"%d.":1`)) + "}", 5950},
		"fields of an action":     {http.MethodPost, "/v1/operations/" + someID + "/retry", "{" + many(6000, ",", field(`"f%d":1`)) + "}", 5950},
		"fields of a change":      {http.MethodPatch, "/v1/tenants/" + someID, "{" + many(6000, ",", field(`"f%d":1`)) + "}", 5950},
		"fields beside good ones": {http.MethodPost, "/v1/tenants", strings.TrimSuffix(request("Charité"), "}") + "," + many(6000, ",", field(`"f%d":1`)) + "}", 5950},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := b.send(t, c.method, c.path, operator(t), c.body)
			p := a.problem(t, http.StatusUnprocessableEntity, rest.CodeInvalid)
			require.Len(t, p.Errors, 50)
			require.Contains(t, p.Detail, fmt.Sprintf("%d more", c.more))
			require.Less(t, len(a.body), shortAnswer)
		})
	}
}

// TestAnswersToLongNamesAreShort: also where each character of a name takes six
// bytes of an answer.
func TestAnswersToLongNamesAreShort(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const long = 60_000
	for name, body := range map[string]string{
		"a name":                       `{"` + strings.Repeat("n", long) + `":1}`,
		"a name of two-byte runes":     `{"` + strings.Repeat("é", long/2) + `":1}`,
		"a name of control characters": `{"` + strings.Repeat(`\u0001`, long/6) + `":1}`,
		"names":                        "{" + many(60, ",", func(i int) string { return fmt.Sprintf(`"%d%s":1`, i, strings.Repeat("n", 1000)) }) + "}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := b.send(t, http.MethodPost, "/v1/tenants", operator(t), body)
			a.problem(t, http.StatusUnprocessableEntity, rest.CodeInvalid)
			require.Less(t, len(a.body), shortAnswer)
		})
	}
	a := b.get(t, "/v1/tenants?"+strings.Repeat("n", 30_000))
	a.problem(t, http.StatusUnprocessableEntity, rest.CodeInvalid)
	require.Less(t, len(a.body), shortAnswer)
}

// TestManyHeaders cost nothing either: a request with them is answered as one
// without.
func TestManyHeaders(t *testing.T) {
	t.Parallel()
	b := setup(t)
	header := viewer(t)
	for i := range 1000 {
		header.Set(fmt.Sprintf("X-%d", i), "v")
	}
	header.Set("X-Forwarded-For", many(1000, ", ", func(int) string { return "10.0.0.1" }))
	a := b.send(t, http.MethodGet, "/v1/tenants", header, "")
	require.Equal(t, http.StatusOK, a.status)
	require.JSONEq(t, string(b.get(t, "/v1/tenants").body), string(a.body))
}

// TestProbesTakeAnyQuery: some monitors add a parameter to get around caches.
// Thousands of parameters do not make the answer longer.
func TestProbesTakeAnyQuery(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range []string{"/health", "/livez", "/readyz"} {
		plain := b.send(t, http.MethodGet, path, nil, "")
		require.Equal(t, http.StatusOK, plain.status)
		for _, query := range []string{"t=1", "t=1&t=2", "%zz", "a;b", "%00", many(8500, "&", func(i int) string { return fmt.Sprintf("p%d", i) })} {
			a := b.send(t, http.MethodGet, path+"?"+query, nil, "")
			require.Equal(t, http.StatusOK, a.status, path)
			require.JSONEq(t, string(plain.body), string(a.body), path)
		}
	}
	require.Equal(t, http.StatusOK, b.send(t, http.MethodGet, "/metrics?t=1&t=2", nil, "").status)
}

// TestAFloodOfProbesAsksOnce: each system behind the API, whichever of the
// probes it is.
func TestAFloodOfProbesAsksOnce(t *testing.T) {
	t.Parallel()
	const flood = 300
	var database, redis atomic.Int64
	release := make(chan struct{})
	held := func(asked *atomic.Int64) func(context.Context) error {
		return func(ctx context.Context) error {
			asked.Add(1)
			select {
			case <-release:
			case <-ctx.Done():
			}
			return nil
		}
	}
	b := setup(t, func(c *rest.Config) {
		c.Database = rest.CheckWithin(rest.Check{Name: "database", Ask: held(&database)}, 2*time.Minute)
		c.Others = []rest.Check{rest.CheckWithin(rest.Check{Name: "redis", Ask: held(&redis)}, 2*time.Minute)}
	})
	statuses := make([]int, flood)
	var all sync.WaitGroup
	for i := range flood {
		all.Go(func() {
			path := "/readyz"
			if i%3 == 0 {
				path = "/health"
			}
			statuses[i] = b.send(t, http.MethodGet, path, nil, "").status
		})
	}
	b.awaitInFlight(t, flood)
	close(release)
	all.Wait()
	for i, status := range statuses {
		require.Equal(t, http.StatusOK, status, i)
	}
	require.EqualValues(t, 1, database.Load())
	require.EqualValues(t, 1, redis.Load())
}
