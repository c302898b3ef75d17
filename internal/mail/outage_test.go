package mail_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/mail"
	"tenant-provisioning/internal/tenant"
)

func TestOutageGolden(t *testing.T) {
	t.Parallel()
	o := tenant.WorkerOutage{
		ID: 3, Cause: "No worker is running: the last one, at worker-0, was seen 1m5s ago; it has ended, hangs, or does not reach the database",
		Waiting: 9, OpenedAt: time.Date(2026, 8, 14, 3, 2, 0, 0, time.UTC),
	}
	content, err := mail.Outage(o)
	require.NoError(t, err)
	requireGolden(t, "outage", content)

	o.ClosedAt, o.Waiting = o.OpenedAt.Add(12*time.Minute), 1
	content, err = mail.Outage(o)
	require.NoError(t, err)
	requireGolden(t, "outage_over", content)
}
