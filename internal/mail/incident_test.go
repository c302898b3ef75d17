package mail_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/mail"
	"tenant-provisioning/internal/tenant"
)

func outage() tenant.Incident {
	return tenant.Incident{
		ID: 7, Dependency: tenant.DependencyLedger, Cause: "the RPC server answers 503", Affected: 12,
		OpenedAt: time.Date(2026, 8, 14, 3, 2, 0, 0, time.UTC),
	}
}

func TestIncidentGolden(t *testing.T) {
	t.Parallel()
	content, err := mail.Incident(outage())
	require.NoError(t, err)
	requireGolden(t, "incident", content)

	over := outage()
	over.ClosedAt, over.Reopened = over.OpenedAt.Add(40*time.Minute), 1
	content, err = mail.Incident(over)
	require.NoError(t, err)
	requireGolden(t, "incident_over", content)
}

// TestAnOutageOfMailIsToldWhenItHasEnded: the mail about it could not leave before.
func TestAnOutageOfMailIsToldWhenItHasEnded(t *testing.T) {
	t.Parallel()
	i := outage()
	i.Dependency = tenant.DependencyMail
	content, err := mail.Incident(i)
	require.NoError(t, err)
	require.Contains(t, content.Text, "the outage may be over by now", "that it arrives says so")
	_, err = mail.LateIncident(i, true)
	require.Error(t, err, "it goes on")

	i.ClosedAt = i.OpenedAt.Add(40 * time.Minute)
	content, err = mail.LateIncident(i, true)
	require.NoError(t, err)
	requireGolden(t, "incident_late", content)
	content, err = mail.LateIncident(i, false)
	require.NoError(t, err)
	require.NotContains(t, content.Text, "one more mail")
}

// TestIncidentNamesARunbook for everything that can fail, and for nothing else.
func TestIncidentNamesARunbook(t *testing.T) {
	t.Parallel()
	for _, step := range tenant.KindProvision.Steps() {
		i := outage()
		i.Dependency = step.Dependency()
		content, err := mail.Incident(i)
		require.NoError(t, err)
		require.Regexp(t, `in the runbook [a-z-]+\.md`, content.Text)
	}
	_, err := mail.Incident(tenant.Incident{ID: 1, Dependency: "weather"})
	require.ErrorContains(t, err, "weather")
}
