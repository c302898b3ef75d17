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
		require.Len(t, p, rounds+longestLife)
		for i, r := range p {
			require.Less(t, r.wait, maxWait)
			if i >= rounds {
				require.Empty(t, r.lives)
				continue
			}
			require.Len(t, r.lives, tenants)
			for _, l := range r.lives {
				require.NotEmpty(t, l.fates)
				require.Less(t, l.fates[0].wait, maxWait)
				for _, f := range l.fates[1:] {
					require.Less(t, f.wait, maxTurnWait)
				}
			}
		}
	})
	require.NotEqual(t, newPlan(1, 10, 3), newPlan(2, 10, 3))
}

// TestEverythingComesUp: no component, fault, event, decision or kind is left out by every
// seed.
func TestEverythingComesUp(t *testing.T) {
	t.Parallel()
	killed, met, decided, suffered := map[string]int{}, map[event]int{}, map[tenant.Action]int{}, map[fault]int{}
	asked, long, ends := map[tenant.Kind]int{tenant.KindProvision: 1}, map[int]int{}, map[bool]int{}
	for seed := range uint64(20) {
		for _, r := range newPlan(seed, 15, 3) {
			killed[r.victim]++
			suffered[r.fault]++
			for _, l := range r.lives {
				long[len(l.fates)]++
				ends[l.ends]++
				status := tenant.StatusActive
				for _, f := range l.fates {
					met[f.event]++
					decided[f.decision]++
					if kind, can := f.kind(status, &deed{}); can {
						asked[kind]++
						row, _ := kind.Lifecycle()
						status = row.Reaches
					}
				}
			}
		}
	}
	for _, v := range victims {
		require.Positive(t, killed[v], v)
	}
	for _, f := range faults {
		require.Positive(t, suffered[f], f)
		require.NotEmpty(t, conditions[f], f)
	}
	for _, e := range events {
		require.Positive(t, met[e], e)
	}
	for _, a := range decisions {
		require.Positive(t, decided[a], a)
	}
	for _, l := range tenant.Lifecycles() {
		require.Equal(t, !l.TakesBackup, asked[l.Kind] > 0, l.Kind)
	}
	require.Len(t, long, longestLife)
	require.Len(t, ends, 2)
}

// TestAKindIsOneThatTheTableHas for the tenant's status.
func TestAKindIsOneThatTheTableHas(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := fate{choice: rapid.IntMin(0).Draw(t, "choice")}
		for _, s := range tenant.Statuses() {
			kind, can := f.kind(s, &deed{})
			row, known := kind.Lifecycle()
			require.Equal(t, can, known)
			require.Equal(t, can, row.Accepts(s))
			other, more := f.kind(s, &deed{kind: kind, left: true})
			require.False(t, more && other == kind, "%s gives way to its own kind", kind)
		}
	})
}
