package main

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestArrivalsAreAtEqualDistances(t *testing.T) {
	t.Parallel()
	s := schedule{rate: 2000, window: 5 * time.Second}
	require.Equal(t, 10_000, s.count())
	require.Zero(t, s.at(0))
	require.Equal(t, 500*time.Microsecond, s.at(1))
	require.Equal(t, time.Second, s.at(2000))
	odd := schedule{rate: 3, window: 2 * time.Second}
	require.Equal(t, 2*time.Second, odd.at(odd.count()), "distances that are no whole nanoseconds do not add up")
}

// TestNobodyWaitsForAnAnswer: no request is answered before the last one has arrived.
func TestNobodyWaitsForAnAnswer(t *testing.T) {
	t.Parallel()
	s := schedule{rate: 1000, window: 20 * time.Millisecond}
	last := make(chan struct{})
	var arrived atomic.Int64
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	refused := errors.New("refused")
	got, err := s.arrive(ctx, func(ctx context.Context, i int) error {
		if arrived.Add(1) == int64(s.count()) {
			close(last)
		}
		select {
		case <-last:
		case <-ctx.Done():
			return ctx.Err()
		}
		if i == 7 {
			return refused
		}
		return nil
	})
	require.NoError(t, err)
	require.GreaterOrEqual(t, got.took[0], s.at(s.count()-1), "the first has waited for the last")
	require.GreaterOrEqual(t, got.elapsed, s.at(s.count()-1))
	for i, err := range got.failed {
		require.Equal(t, i == 7, err != nil, "request %d: %v", i, err)
	}
}

// TestBothWaysAreAskedTheSame: what is asked follows from the seed, and has the shares
// that the document promises.
func TestBothWaysAreAskedTheSame(t *testing.T) {
	t.Parallel()
	all := make([]known, 5000)
	for i := range all {
		all[i] = known{Tenant: "t" + string(rune('A'+i%26)), Operation: "o"}
	}
	for i := range hot {
		all[i].Tenant = "hot"
	}
	const n = 20_000
	requests := mix(all, n, 1)
	require.Equal(t, requests, mix(all, n, 1))
	require.NotEqual(t, requests, mix(all, n, 2))
	var changes, ofTenant, ofHot int
	for _, r := range requests {
		switch {
		case r.method == http.MethodPatch:
			changes++
			require.NotEmpty(t, r.body)
		case r.path == "/v1/tenants/hot":
			ofHot++
			ofTenant++
		case strings.HasPrefix(r.path, "/v1/tenants/") && strings.Count(r.path, "/") == 3:
			ofTenant++
		}
	}
	require.InDelta(t, writeShare*n, changes, 0.003*n)
	require.InDelta(t, 0.3*n, ofTenant, 0.03*n)
	require.InDelta(t, hotShare, float64(ofHot)/float64(ofTenant), 0.05)
}
