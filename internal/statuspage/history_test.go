package statuspage

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestDaysAddUp: what is disturbed on all days is what the changes say, whatever they
// are, and each day tells the worst of it.
func TestDaysAddUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 3, 31, rapid.IntRange(0, 23).Draw(t, "hour"), 7, 0, 0, time.UTC)
		first := now.UTC().Truncate(24*time.Hour).AddDate(0, 0, 1-kept)
		var changes []Change
		var bad, known time.Duration
		at := first.Add(time.Duration(rapid.IntRange(-3000, 200_000).Draw(t, "begin")) * time.Minute)
		for at.Before(now) {
			end := at.Add(time.Duration(rapid.IntRange(1, 20_000).Draw(t, "minutes")) * time.Minute)
			if end.After(now) {
				end = now
			}
			c := Change{Component: API, State: rapid.SampledFrom(severity).Draw(t, "state"), Since: at}
			changes = append(changes, c)
			if part := end.Sub(latest(at, first)); part > 0 {
				known += part
				if c.State == Degraded || c.State == Outage {
					bad += part
				}
			}
			at = end
		}
		all, uptime := days(rapid.Permutation(changes).Draw(t, "in any order"), now)
		require.Len(t, all, kept)
		require.Equal(t, first.Format(time.DateOnly), all[0].Date)
		require.Equal(t, now.Format(time.DateOnly), all[kept-1].Date)
		sum := 0
		for _, d := range all {
			sum += d.Minutes
			require.Equal(t, d.Minutes > 0, d.State == Degraded || d.State == Outage, d.Date)
		}
		require.Equal(t, int(bad/time.Minute), sum)
		want := 1.0
		if known > 0 {
			want = float64(known-bad) / float64(known)
		}
		require.InDelta(t, want, uptime, 1e-9)
	})
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
