package main

import (
	"flag"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNamedPeers(t *testing.T) {
	t.Parallel()
	for list, want := range map[string][]string{"true": peers, "dbos": {"dbos"}, "temporal,river": {"temporal", "river"}} {
		got, err := named(list)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, bad := range []string{"", "false", "dbos,", "cadence"} {
		_, err := named(bad)
		require.ErrorContains(t, err, "dbos, river, temporal", bad)
	}
}

// TestShortModes: what is set stays, and what is not becomes short.
func TestShortModes(t *testing.T) {
	t.Parallel()
	read := func(args ...string) options {
		o := options{tenants: 100, concurrency: []int{1, 8, 32}}
		flags := flag.NewFlagSet("bench", flag.ContinueOnError)
		flags.IntVar(&o.tenants, "n", 100, "")
		flags.String("c", "", "")
		o.besides(flags)
		o.api.bind(flags)
		require.NoError(t, flags.Parse(args))
		o.shorten(flags)
		return o
	}
	quick := read("-quick")
	require.Equal(t, []string{"dbos"}, quick.peers)
	require.Equal(t, []int{8}, quick.concurrency)
	require.Equal(t, 50, quick.tenants)
	require.Equal(t, 2, quick.api.rounds)

	all := read("-peers", "-rounds", "7")
	require.Equal(t, peers, all.peers)
	require.Equal(t, []int{8, 32}, all.concurrency)
	require.Equal(t, 100, all.tenants)
	require.Equal(t, 7, all.api.rounds)

	require.Equal(t, 10, read("-quick", "-n", "10").tenants)
	require.Equal(t, []int{100, 10000}, read("-scale", "100,10000").scale)
	require.Equal(t, 5, read().api.rounds)
}

// TestRatiosAreRoundByRound: a machine that is slower in one round is so for both.
func TestRatiosAreRoundByRound(t *testing.T) {
	t.Parallel()
	rounds := func(perSecond ...float64) (all []found) {
		for _, p := range perSecond {
			all = append(all, found{
				Result:  Result{TenantsPerSecond: p, CPUPerTenant: map[string]float64{"postgres": 0.02, "worker": 0.01, "api": 0.001}},
				memory:  map[string]Memory{"worker": {Resident: p}},
				counted: Counted{Active: 9},
			})
		}
		return all
	}
	ways := []way{{byRaw, 8}, {byProduct, 8}, {"dbos", 8}, {byRaw, 32}}
	all := [][]found{rounds(100, 10), rounds(50, 5), rounds(80, 8), rounds(1, 1)}
	report := Beside{Rounds: 2}
	for i, w := range ways {
		report.Ways = append(report.Ways, w.report(ways, all, i))
	}
	product := report.Ways[1]
	require.Equal(t, Spread{0.5, 0.5, 0.5}, product.Of[byRaw])
	require.Equal(t, Spread{0.63, 0.63, 0.63}, product.Of["dbos"])
	require.Equal(t, 50.0, product.Memory["worker"].Resident) //nolint:testifylint // it is what was put in
	require.Empty(t, report.Ways[3].Of, "other concurrencies are not compared")

	var b strings.Builder
	report.table(&b)
	lines := strings.Split(b.String(), "\n")
	require.Equal(t, []string{
		"8", "product", "27.50", "(5.00", "to", "50.00)", "0.50", "(0.50", "to", "0.50)", "0.63", "(0.63", "to", "0.63)", "0", "0",
		"0.0", "10.0", "1.0", "20.0", "31.0", "worker", "50", "9",
	}, strings.Fields(lines[2]))
}
