package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/output"
)

// TestAnIncidentIsLedByTheClock from its opening to its close; what is not allowed is
// refused with what to do instead.
func TestAnIncidentIsLedByTheClock(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var i output.DeclaredIncident
	b.good(&i, "incident", "open", "--title", "Mails are late", "--severity", "major", "--component", "mail", "--message", "ticket 1", "--public", "E-mails arrive with delay.")
	require.Equal(t, "INC-000001", i.ID.String())
	require.Equal(t, tenant.ResponseAssessment, i.Step)
	id := i.ID.String()
	shown := b.run("incident", "show", id).out
	require.Contains(t, shown, "then  starter incident update INC-000001 --done assessment --message TEXT")
	require.Regexp(t, `assessment +5 min +(5m0s|4m\d+s) left`, shown)
	b.exec(`UPDATE declared_incidents SET detected_at = now() - interval '10 minutes'`)
	shown = b.run("incident", "show", id).out
	require.Regexp(t, `assessment +5 min +late by 5m`, shown)
	require.Regexp(t, `mitigation +15 min +(5m0s|4m\d+s) left`, shown)

	require.Contains(t, b.run("incident", "update", id, "--done", "verification", "--message", "x").errors, "resolve it first")
	b.good(&i, "incident", "update", id, "--done", "mitigation", "--message", "sent by the backup provider")
	require.Contains(t, b.run("incident", "show", id).out, "then  starter incident resolve INC-000001")
	require.Contains(t, b.run("incident", "list").out, "resolution")
	b.good(&i, "incident", "resolve", id, "--message", "the provider is back")
	require.Equal(t, tenant.DeclaredResolved, i.State)
	b.good(&i, "incident", "update", id, "--done", "verification", "--message", "a mail has arrived")
	require.Contains(t, b.run("incident", "show", id).out, "starter incident postmortem INC-000001 > postmortem.md")
	b.exec(`INSERT INTO incidents (dependency, cause, affected) VALUES ('mail', 'it refuses', 10)`)
	b.exec(`UPDATE declared_incidents SET verified_at = now()`)
	var timeline output.Timeline
	b.good(&timeline, "incident", "timeline", id)
	sources := map[tenant.TimelineSource]int{}
	for _, e := range timeline.Items {
		sources[e.Source]++
	}
	require.Equal(t, map[tenant.TimelineSource]int{tenant.SourceMessage: 4, tenant.SourceAudit: 1, tenant.SourceBreaker: 1}, sources)
	written := b.run("incident", "postmortem", id).out
	for _, fact := range []string{
		"# Postmortem of INC-000001: Mails are late", "| assessment | 5 minutes |", "late", "sent by the backup provider", "it refuses",
		"told in public: E-mails arrive with delay.", "## What is to be changed",
	} {
		require.Contains(t, written, fact)
	}
	b.good(&i, "incident", "update", id, "--done", "postmortem", "--message", "agreed")
	require.Equal(t, tenant.DeclaredClosed, i.State)
	require.Contains(t, b.run("incident", "show", id).out, "closed: every step is done")
	var list output.DeclaredIncidents
	b.good(&list, "incident", "list")
	require.Len(t, list.Items, 1)
	require.Equal(t, 6, b.count(`audit_log WHERE action LIKE 'incident-%' AND actor_claimed`), "one of them refused")

	require.Contains(t, b.run("incident", "show", "7").errors, "a number is one of the breaker: starter incidents")
	require.Contains(t, b.run("incident", "open", "--title", "x", "--severity", "bad", "--message", "x").errors, "--severity must be critical, major or minor")
}
