package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

// TestWindowsAreListed: what is under way and to come, and of what is over as much as is
// asked for.
func TestWindowsAreListed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.mustExec(t, `INSERT INTO maintenance_windows (id, title, message, state, mode, starts_at, ends_at, started_at, ended_at) VALUES
		(gen_random_uuid(), 'long over', '', 'COMPLETED', 'normal', now() - interval '60 days 2 hours', now() - interval '60 days', now() - interval '60 days 2 hours', now() - interval '60 days'),
		(gen_random_uuid(), 'over', '', 'COMPLETED', 'normal', now() - interval '2 days', now() - interval '1 day', now() - interval '2 days', now() - interval '1 day'),
		(gen_random_uuid(), 'under way', 'Reading goes on.', 'RUNNING', 'read-only', now() - interval '1 hour', now() + interval '1 hour', now() - interval '1 hour', NULL),
		(gen_random_uuid(), 'to come', '', 'PLANNED', NULL, now() + interval '1 month', now() + interval '1 month 2 hours', NULL, NULL)`)
	all, err := postgres.NewWindows(b.pool).List(b.ctx, time.Now().Add(-30*24*time.Hour))
	require.NoError(t, err)
	require.Len(t, all, 3)
	require.Equal(t, "over", all[0].Title)
	require.False(t, all[0].EndedAt.IsZero())
	require.Equal(t, tenant.WindowRunning, all[1].State)
	require.Equal(t, tenant.WindowReadOnly, all[1].Mode)
	require.Equal(t, "Reading goes on.", all[1].Message)
	require.Equal(t, "to come", all[2].Title)
	require.Empty(t, all[2].Mode)
	require.True(t, all[2].StartedAt.IsZero())
	require.Equal(t, 4, b.count(t, `SELECT count(*) FROM events WHERE type LIKE 'maintenance.%' AND data ? 'windowId'`))
}
