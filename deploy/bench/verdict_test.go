package main

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	less = Spread{Median: 0.8, Min: 0.7, Max: 0.9}
	same = Spread{Median: 1, Min: 0.9, Max: 1.1}
	more = Spread{Median: 1.2, Min: 1.1, Max: 1.3}
)

func TestSpreadIsOfRounds(t *testing.T) {
	t.Parallel()
	require.Equal(t, Spread{Median: 0.8, Min: 0.5, Max: 1.2}, spread([]float64{1.2, 0.5, 0.8}))
	require.Equal(t, Spread{Median: 0.65, Min: 0.5, Max: 0.8}, spread([]float64{0.8, 0.5}))
	require.Equal(t, Spread{Median: 2, Min: 2, Max: 2}, spread([]float64{2}))
}

func TestFinding(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cpu, p99 Spread
		want     finding
	}{
		{less, less, pays},
		{less, same, pays},
		{same, less, pays},
		{less, more, trades},
		{more, less, trades},
		{same, same, undecided},
		{more, same, costs},
		{same, more, costs},
		{Spread{Median: 0.97, Min: 0.95, Max: 0.99}, same, undecided},
		{Spread{Median: 1.03, Min: 1.01, Max: 1.04}, same, undecided},
		{more, more, costs},
	} {
		require.Equal(t, c.want, Comparison{CPU: c.cpu, P99: c.p99}.finding(), "CPU %s, p99 %s", c.cpu, c.p99)
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	at := func(rate int, r Spread) Comparison { return Comparison{Rate: rate, CPU: r, P99: same} }
	for _, c := range []struct {
		all  []Comparison
		want string
	}{
		{nil, "Nothing was compared."},
		{[]Comparison{at(100, less), at(500, less)}, "On this machine the cache pays at every measured rate, from 100/s on. It pays at 100/s, 500/s."},
		{
			[]Comparison{at(100, more), at(500, same), at(1000, less), at(2000, less)},
			"On this machine the cache pays from 1000/s on. It pays at 1000/s, 2000/s. It costs more than it saves at 100/s. It makes no difference that all rounds agree on at 500/s.",
		},
		{[]Comparison{at(100, less), at(500, more)}, "No rate was found from which on the cache pays on this machine. It pays at 100/s. It costs more than it saves at 500/s."},
	} {
		require.Equal(t, c.want, verdict(c.all))
	}
}

func TestWhoDoesNotKeepUpIsNamed(t *testing.T) {
	t.Parallel()
	c := Comparison{Rate: 1000, With: Load{Achieved: 990}, Without: Load{Achieved: 700, Errors: 3}, CPU: less, P99: less}
	require.Contains(t, c.says(), "Without the cache this machine does not keep up: 700/s are answered, with 3 errors.")
	require.NotContains(t, c.says(), "With the cache this machine does not keep up")
}

func TestSummary(t *testing.T) {
	t.Parallel()
	get, patch := asking{method: http.MethodGet}, asking{method: http.MethodPatch}
	s := sample{
		took:     []time.Duration{4 * time.Millisecond, 90 * time.Millisecond, 2 * time.Millisecond, 8 * time.Millisecond},
		failed:   []error{nil, nil, nil, errors.New("500")},
		requests: []asking{get, patch, get, get},
		elapsed:  2 * time.Second,
		used:     cpu{"api": 0.03, "postgres": 0.02, "redis-server": 0.004, "bench": 0.02, "temporal": 9},
		asked:    map[string]float64{"hit": 1, "joined": 1, "miss": 2},
	}
	l := summary([]sample{s, s}, cpu{"postgres": 0.005, "temporal": 1})
	require.Equal(t, Load{
		Requests: 8, Achieved: 1.5, Errors: 2, Error: "500", P50: 4, P99: 8, ChangesP99: 90,
		CPU: map[string]float64{"api": 7.5, "postgres": 2.5, "redis-server": 1}, All: 11, Generator: 5, Hits: 0.5,
	}, l)
	posts := summary([]sample{{took: s.took[:1], failed: s.failed[:1], requests: []asking{patch}, elapsed: time.Second}}, nil)
	require.InDelta(t, 4, posts.P99, 0)
	require.Zero(t, posts.ChangesP99)
}

func TestMebibytes(t *testing.T) {
	t.Parallel()
	status := []byte("Name:\tapi\nVmHWM:\t   63488 kB\nVmRSS:\t   43520 kB\nThreads:\t9\n")
	rss, err := mebibytes(status, "VmRSS")
	require.NoError(t, err)
	require.InDelta(t, 42.5, rss, 0)
	most, err := mebibytes(status, "VmHWM")
	require.NoError(t, err)
	require.InDelta(t, 62, most, 0)
	for _, name := range []string{"VmSwap", "Name", "Threads"} {
		_, err := mebibytes(status, name)
		require.Error(t, err, name)
	}
}
