package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	all, err := settings("work_mem=64MB,DB_MAX_CONNS=4,archive_command=a=b")
	require.NoError(t, err)
	require.Equal(t, []setting{{"work_mem", "64MB"}, {"DB_MAX_CONNS", "4"}, {"archive_command", "a=b"}}, all)
	require.False(t, all[0].ofProduct())
	require.True(t, all[1].ofProduct())
	for _, bad := range []string{"", "work_mem", "=1", "a=1,", `a"b=1`} {
		_, err := settings(bad)
		require.Error(t, err, bad)
	}
}

func TestNobodyIsAlwaysFirst(t *testing.T) {
	t.Parallel()
	first := map[int]bool{}
	for round := range 5 {
		order := turns(12, round)
		require.Equal(t, order, turns(12, round))
		first[order[0]] = true
		slices.Sort(order)
		require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, order)
	}
	require.GreaterOrEqual(t, len(first), 3)
}

// TestAnInterruptionKeepsWholeRounds, and anything else that fails keeps nothing.
func TestAnInterruptionKeepsWholeRounds(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	ways := []string{"a", "b"}
	all, err := inTurns(ctx, 3, ways, func(way string, round int) (string, error) {
		if round == 2 {
			interrupt()
			return "", ctx.Err()
		}
		return fmt.Sprint(way, round), nil
	})
	require.NoError(t, err)
	require.Equal(t, [][]string{{"a0", "a1"}, {"b0", "b1"}}, all)
	_, err = inTurns(ctx, 1, ways, func(string, int) (string, error) { return "", ctx.Err() })
	require.ErrorIs(t, err, context.Canceled, "no round is whole")
	broken := errors.New("broken")
	_, err = inTurns(t.Context(), 2, ways, func(_ string, round int) (string, error) {
		if round == 1 {
			return "", broken
		}
		return "", nil
	})
	require.ErrorIs(t, err, broken)
}

func TestEffectIsOfEachRound(t *testing.T) {
	t.Parallel()
	of := func(rates ...float64) []Result {
		var all []Result
		for _, r := range rates {
			all = append(all, Result{TenantsPerSecond: r, P95: 100, CPUPerTenant: map[string]float64{"postgres": 0.02}})
		}
		return all
	}
	without := of(10, 20, 40)
	e := effect(setting{"wal_buffers", "16MB"}, of(11, 22, 48), without)
	require.Equal(t, Spread{Median: 1.1, Min: 1.1, Max: 1.2}, e.PerSecond)
	require.Equal(t, Spread{Median: 1, Min: 1, Max: 1}, e.CPU)
	require.Equal(t, "more tenants a second", e.Says)
	require.Equal(t, string(undecided), effect(setting{}, of(11, 19, 48), without).Says, "a round that disagrees")
	require.Equal(t, []float64{10, 20, 40}, []float64{without[0].TenantsPerSecond, without[1].TenantsPerSecond, without[2].TenantsPerSecond})
	slower := of(5, 10, 20)
	for i := range slower {
		slower[i].P95, slower[i].CPUPerTenant = 200, map[string]float64{"postgres": 0.01}
	}
	require.Equal(t, "less tenants a second, more p95, less CPU of PostgreSQL", effect(setting{}, slower, without).Says)
}

func TestSizeIsOverItsRounds(t *testing.T) {
	t.Parallel()
	round := func(rate, p50 float64) sized {
		return sized{
			provisioning: []Result{{TenantsPerSecond: rate, P50: p50, P95: 2 * p50, CPUPerTenant: map[string]float64{"worker": 0.0125}}},
			reads:        served{perSecond: 10 * rate, p50: p50, p95: p50},
		}
	}
	rounds := []sized{round(2, 30), round(1, 50), round(3, 40)}
	s := options{concurrency: []int{8}}.size(0.5, rounds)
	require.Equal(t, []Provisioning{{
		Concurrency: 8, PerMinute: Spread{120, 60, 180}, P50: Spread{40, 30, 50}, P95: Spread{80, 60, 100},
		CPU: map[string]float64{"worker": 12.5},
	}}, s.Provisioning)
	require.Equal(t, Spread{20, 10, 30}, s.Reads.PerSecond)
	require.False(t, slices.IsSortedFunc(rounds, func(a, b sized) int { return int(a.reads.p50 - b.reads.p50) }))
}

func TestParts(t *testing.T) {
	t.Parallel()
	all, err := parts("0.25,1,2")
	require.NoError(t, err)
	require.Equal(t, []float64{0.25, 1, 2}, all)
	for _, bad := range []string{"", "0", "-1", "1,", "NaN", "x"} {
		_, err := parts(bad)
		require.Error(t, err, bad)
	}
}

func TestOneModeAtATime(t *testing.T) {
	t.Parallel()
	plain := options{tenants: 1, concurrency: []int{8}, api: apiOptions{rounds: 1}}
	require.NoError(t, plain.validate())
	both := plain
	both.sizes, both.tune = []float64{1}, []setting{{}}
	require.ErrorContains(t, both.validate(), "one at a time")
	several := plain
	several.tune, several.concurrency = []setting{{}}, []int{1, 8}
	require.ErrorContains(t, several.validate(), "one concurrency")
	never := plain
	never.sizes, never.api.rounds = []float64{1}, 0
	require.ErrorContains(t, never.validate(), "-rounds")
}
