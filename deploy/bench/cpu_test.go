package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	p, err := parseStat([]byte("4242 (a (strange) name) S 17 4242 4242 0 -1 4194560 1 2 3 4 150 50 20 30 20 0 1 0 100\n"))
	require.NoError(t, err)
	require.Equal(t, process{parent: 17, name: "a (strange) name", seconds: 2.5}, p)
	for _, bad := range []string{"", "1 2 3", "1 (x) S 1 2"} {
		_, err := parseStat([]byte(bad))
		require.Error(t, err, bad)
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	n, err := numbers("1,100,10000")
	require.NoError(t, err)
	require.Equal(t, []int{1, 100, 10_000}, n)
	for _, bad := range []string{"", "0", "1,", "1,x", "-1"} {
		_, err := numbers(bad)
		require.Error(t, err, bad)
	}
}

func TestPercentilesAreByNearestRank(t *testing.T) {
	t.Parallel()
	var latencies []time.Duration
	for i := 100; i >= 1; i-- {
		latencies = append(latencies, time.Duration(i)*time.Millisecond)
	}
	r := result(latencies, 10*time.Second, cpu{"worker": 1}, cpu{"worker": 3, "api": 0.5})
	require.InDelta(t, 10, r.TenantsPerSecond, 0)
	require.InDelta(t, 50, r.P50, 0)
	require.InDelta(t, 95, r.P95, 0)
	require.InDelta(t, 99, r.P99, 0)
	require.Equal(t, map[string]float64{"worker": 0.02, "api": 0.005}, r.CPUPerTenant)
	one := result([]time.Duration{time.Second}, time.Second, cpu{}, cpu{})
	require.InDelta(t, 1000, one.P50, 0)
	require.InDelta(t, 1000, one.P99, 0)
}
