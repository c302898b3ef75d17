package tenant_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tenant-provisioning/internal/tenant"
)

func rule(t *testing.T, s string) tenant.WindowRule {
	t.Helper()
	r, ok := tenant.ParseWindowRule(s)
	require.True(t, ok, s)
	require.Equal(t, s, r.String())
	return r
}

// TestTheWindowOfAMonth: UTC stays UTC where daylight saving begins (8 March 2026 in the
// United States, 29 March in Europe), and a month whose first is a Sunday counts it.
func TestTheWindowOfAMonth(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ rule, month, starts, ends string }{
		{"second sunday 02:00-04:00", "2026-12", "2026-12-13T02:00:00Z", "2026-12-13T04:00:00Z"},
		{"second sunday 02:00-04:00", "2026-03", "2026-03-08T02:00:00Z", "2026-03-08T04:00:00Z"},
		{"second sunday 02:00-04:00", "2026-02", "2026-02-08T02:00:00Z", "2026-02-08T04:00:00Z"}, // its first is a Sunday
		{"second sunday 02:00-04:00", "2026-11", "2026-11-08T02:00:00Z", "2026-11-08T04:00:00Z"}, // so is this one's
		{"last sunday 02:00-04:00", "2026-03", "2026-03-29T02:00:00Z", "2026-03-29T04:00:00Z"},
		{"last saturday 23:00-01:30", "2026-02", "2026-02-28T23:00:00Z", "2026-03-01T01:30:00Z"},
		{"first monday 00:00-00:30", "2026-06", "2026-06-01T00:00:00Z", "2026-06-01T00:30:00Z"},
		{"fourth friday 12:00-13:00", "2028-02", "2028-02-25T12:00:00Z", "2028-02-25T13:00:00Z"},
	} {
		month, err := time.Parse("2006-01", c.month)
		require.NoError(t, err)
		starts, ends := rule(t, c.rule).In(month)
		require.Equal(t, c.starts, starts.Format(time.RFC3339), c)
		require.Equal(t, c.ends, ends.Format(time.RFC3339), c)
	}
}

// TestEveryMonthHasItsWindow, wherever the clock that asks stands.
func TestEveryMonthHasItsWindow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := tenant.WindowRule{
			Which: rapid.IntRange(0, 4).Draw(t, "which"), Day: time.Weekday(rapid.IntRange(0, 6).Draw(t, "day")),
			Starts: time.Duration(rapid.IntRange(0, 24*60-1).Draw(t, "minute")) * time.Minute, Lasts: time.Hour,
		}
		zone := time.FixedZone("somewhere", rapid.IntRange(-12, 14).Draw(t, "hours")*3600)
		at := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "at"), 0).In(zone)
		starts, ends := r.In(at)
		require.Equal(t, tenant.MonthOf(at), tenant.MonthOf(starts))
		require.Equal(t, r.Day, starts.Weekday())
		require.Equal(t, time.UTC, starts.Location())
		require.Equal(t, time.Hour, ends.Sub(starts))
		if r.Which > 0 {
			require.Equal(t, r.Which, (starts.Day()+6)/7)
		} else {
			require.NotEqual(t, starts.Month(), starts.AddDate(0, 0, 7).Month())
		}
	})
}

func TestWhatIsNoRule(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "second sunday", "fifth sunday 02:00-04:00", "second sun 02:00-04:00", "second sunday 2:00-4:00", "second sunday 02:00-02:00", "second sunday 24:00-01:00", "0 2 * * 0"} {
		_, ok := tenant.ParseWindowRule(s)
		require.False(t, ok, s)
	}
	_, ok := tenant.ParseWindowRule(" Second Sunday 02:00-04:00 ")
	require.True(t, ok)
}
