package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestTimesOfLogs are read as people type them.
func TestTimesOfLogs(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"36h":                       now.Add(-36 * time.Hour),
		"90d":                       now.AddDate(0, 0, -90),
		"2026-01-31":                time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC),
		"2026-01-31T02:00:00+02:00": time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC),
	} {
		q, err := logsFlags{since: text, until: "1m", limit: 5}.query(now)
		require.NoError(t, err, text)
		require.True(t, want.Equal(q.Since), "%s: %s", text, q.Since)
		require.Equal(t, now.Add(-time.Minute), q.Until)
		require.Equal(t, 5, q.Limit)
	}
	for _, f := range []logsFlags{
		{limit: 5}, {since: "yesterday", limit: 5}, {since: "-3d", limit: 5}, {since: "1h", limit: 0}, {since: "1h", until: "soon", limit: 5}, {since: "1h", tenant: "7", limit: 5},
	} {
		_, err := f.query(now)
		require.Error(t, err, "%+v", f)
	}
}
