package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func silent() string { return "" }

func ask(h http.Handler, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	return w
}

// TestAFloodOfProbesAsksTheDatabaseOnce a second, also where it does not answer.
func TestAFloodOfProbesAsksTheDatabaseOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want int
	}{
		"answers": {nil, http.StatusOK}, "is away": {errors.New("away"), http.StatusServiceUnavailable},
	} {
		synctest.Test(t, func(t *testing.T) {
			var pings atomic.Int64
			h := probes(func(context.Context) error {
				pings.Add(1)
				<-time.After(time.Millisecond)
				return c.err
			}, silent, silent, http.NotFoundHandler())
			for second := range int64(3) {
				var all sync.WaitGroup
				for range 200 {
					all.Go(func() { require.Equal(t, c.want, ask(h, "/readyz").Code, name) })
				}
				all.Wait()
				require.Equal(t, second+1, pings.Load(), name)
				<-time.After(time.Second)
			}
		})
	}
}

func TestProbesTakeAnyQuery(t *testing.T) {
	t.Parallel()
	why, note := "not polling Temporal", ""
	h := probes(func(context.Context) error { return nil }, func() string { return why }, func() string { return note }, http.NotFoundHandler())
	names := make([]string, 8500)
	for i := range names {
		names[i] = fmt.Sprintf("p%d", i)
	}
	query := "?" + strings.Join(names, "&")
	require.Equal(t, "ok\n", ask(h, "/livez"+query).Body.String())
	w := ask(h, "/readyz"+query)
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, "not polling Temporal\n", w.Body.String())
	why = ""
	require.Equal(t, "ok\n", ask(h, "/readyz"+query).Body.String(), "that it polls is known at once")
	note = "a newer version has migrated the database"
	w = ask(h, "/readyz")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, note+"\n", w.Body.String())
}
