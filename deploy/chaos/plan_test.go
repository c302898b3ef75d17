package main

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tenant-provisioning/internal/tenant"
)

func TestTheSeedDecidesThePlan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seed, rounds, tenants := rapid.Uint64().Draw(t, "seed"), rapid.IntRange(1, 40).Draw(t, "rounds"), rapid.IntRange(1, 5).Draw(t, "tenants")
		p := newPlan(seed, rounds, tenants)
		require.Equal(t, p, newPlan(seed, rounds, tenants))
		require.Len(t, p, rounds)
		for _, r := range p {
			require.Len(t, r.fates, tenants)
			require.Less(t, r.wait, maxWait)
			for _, f := range r.fates {
				require.Less(t, f.wait, maxWait)
			}
		}
	})
	require.NotEqual(t, newPlan(1, 10, 3), newPlan(2, 10, 3))
}

// TestEverythingComesUp: no component, event or decision is left out by every
// seed.
func TestEverythingComesUp(t *testing.T) {
	t.Parallel()
	killed, met, decided := map[string]int{}, map[event]int{}, map[tenant.Action]int{}
	var anew, notAnew int
	for seed := range uint64(20) {
		for _, r := range newPlan(seed, 15, 3) {
			killed[r.victim]++
			for _, f := range r.fates {
				require.Equal(t, f.event == ledgerAway, round{fates: []fate{f}}.has(ledgerAway))
				met[f.event]++
				decided[f.decision]++
				if f.anew {
					anew++
				} else {
					notAnew++
				}
			}
		}
	}
	for _, v := range victims {
		require.Positive(t, killed[v], v)
	}
	for _, e := range events {
		require.Positive(t, met[e], e)
	}
	for _, a := range decisions {
		require.Positive(t, decided[a], a)
	}
	require.Positive(t, anew)
	require.Positive(t, notAnew)
}
