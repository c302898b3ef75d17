package tenant_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

func declared(t *testing.T) tenant.DeclaredIncident {
	t.Helper()
	i, err := tenant.DeclaredIncident{ID: 12, Title: "Mails are late"}.Declare(tenant.DeclaredChange{
		Action: tenant.ActionOpenIncident, Message: "customers call", Severity: tenant.SeverityMajor, Components: []tenant.Component{tenant.ComponentMail}, Actor: "ada",
	}, noon)
	require.NoError(t, err)
	return i
}

func update(done tenant.ResponseStep) tenant.DeclaredChange {
	return tenant.DeclaredChange{Action: tenant.ActionUpdateIncident, Message: "seen", Done: done, Actor: "ada"}
}

// TestTheClockOfAResponse: which step is next, what is late, and how long it lasted.
func TestTheClockOfAResponse(t *testing.T) {
	t.Parallel()
	i := declared(t)
	after := func(m int) time.Time { return noon.Add(time.Duration(m) * time.Minute) }
	late := func(i tenant.DeclaredIncident, now time.Time) (steps []tenant.ResponseStep) {
		for _, s := range i.Clock(now) {
			if s.Late {
				steps = append(steps, s.Step)
			}
		}
		return steps
	}
	require.Equal(t, tenant.ResponseAssessment, i.Step())
	require.Empty(t, late(i, after(5)))
	require.Equal(t, []tenant.ResponseStep{tenant.ResponseAssessment}, late(i, after(6)))
	require.Equal(t, []tenant.ResponseStep{tenant.ResponseAssessment, tenant.ResponseMitigation}, late(i, after(16)))

	for n, step := range []struct {
		change tenant.DeclaredChange
		next   tenant.ResponseStep
		state  tenant.DeclaredState
	}{
		{update(tenant.ResponseAssessment), tenant.ResponseMitigation, tenant.DeclaredOpen},
		{update(""), tenant.ResponseMitigation, tenant.DeclaredOpen},
		{update(tenant.ResponseMitigation), tenant.ResponseResolution, tenant.DeclaredOpen},
		{tenant.DeclaredChange{Action: tenant.ActionResolveIncident, Message: "fixed", Actor: "ada"}, tenant.ResponseVerification, tenant.DeclaredResolved},
		{tenant.DeclaredChange{Action: tenant.ActionReopenIncident, Message: "not fixed", Actor: "ada"}, tenant.ResponseResolution, tenant.DeclaredOpen},
		{tenant.DeclaredChange{Action: tenant.ActionResolveIncident, Message: "fixed", Actor: "ada"}, tenant.ResponseVerification, tenant.DeclaredResolved},
		{update(tenant.ResponseVerification), tenant.ResponsePostmortem, tenant.DeclaredResolved},
		{update(tenant.ResponsePostmortem), "", tenant.DeclaredClosed},
	} {
		var err error
		i, err = i.Change(step.change, after(n+1))
		require.NoError(t, err)
		require.Equal(t, step.next, i.Step())
		require.Equal(t, step.state, i.State())
	}
	require.Empty(t, late(i, after(1000)), "what was done in time stays so")
	require.Equal(t, 6*time.Minute, i.Lasted(after(1000)))
	_, err := i.Change(update(""), after(20))
	require.ErrorContains(t, err, "INC-000012 is closed")
}

// TestStepsHaveAnOrder: an earlier one is done with a later one, but the proof and the
// account come after the end.
func TestStepsHaveAnOrder(t *testing.T) {
	t.Parallel()
	i, err := declared(t).Change(update(tenant.ResponseMitigation), noon.Add(time.Minute))
	require.NoError(t, err)
	require.Equal(t, []tenant.ResponseStep{tenant.ResponseAssessment, tenant.ResponseMitigation}, i.Updates[1].Done)
	require.Equal(t, i.MitigatedAt, i.AssessedAt)
	refused := func(c tenant.DeclaredChange, want string) {
		t.Helper()
		_, err := i.Change(c, noon.Add(2*time.Minute))
		require.ErrorContains(t, err, want)
	}
	refused(update(tenant.ResponseMitigation), "the mitigation is done since 2026-12-01T12:01:00Z")
	refused(update(tenant.ResponseVerification), "resolve it first")
	refused(update(tenant.ResponsePostmortem), "the postmortem comes last")
	refused(update(tenant.ResponseResolution), "the resolution is done by resolve")
	refused(update("lunch"), "must be assessment")
	refused(tenant.DeclaredChange{Action: tenant.ActionReopenIncident, Message: "x", Actor: "ada"}, "INC-000012 is open")
}

// TestWhatIsSaidInPublic names nobody.
func TestWhatIsSaidInPublic(t *testing.T) {
	t.Parallel()
	i := declared(t)
	for text, found := range map[string]string{
		"Mails to ada@hospital.example wait.":                               "ada@hospital.example",
		"Operation 01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11 waits.":             "01920e6a-7c1e-",
		"Schema t_charit_9b0a0f11 is locked.":                               "t_charit_9b0a0f11",
		"CDLZFC3SYJYDZT7K67VZ75HPJVIEUVNIXF47ZG2FB2RMQQVU2HHGCYSC is slow.": "CDLZFC3S",
	} {
		c := update("")
		c.Public = text
		_, err := i.Change(c, noon)
		require.ErrorContains(t, err, found)
	}
	c := update("")
	c.Public = "Mails arrive an hour late.\nNone is lost."
	changed, err := i.Change(c, noon)
	require.NoError(t, err)
	require.Equal(t, c.Public, changed.Updates[1].Public)
	c.Components = []tenant.Component{}
	_, err = i.Change(c, noon)
	require.ErrorContains(t, err, "public needs the components")
	c.Components = []tenant.Component{"kitchen"}
	_, err = i.Change(c, noon)
	require.ErrorContains(t, err, "components must be of api, provisioning")
}

// TestWhatIsDeclared is checked as a whole.
func TestWhatIsDeclared(t *testing.T) {
	t.Parallel()
	_, err := tenant.DeclaredIncident{Title: "two\nlines", DetectedAt: noon.Add(time.Hour)}.Declare(tenant.DeclaredChange{Action: tenant.ActionOpenIncident, Severity: "bad"}, noon)
	for _, field := range []string{"title", "severity", "detectedAt", "message", "actor"} {
		require.ErrorContains(t, err, field)
	}
	id, err := tenant.ReadDeclaredID("inc-12")
	require.NoError(t, err)
	require.Equal(t, "INC-000012", id.String())
	for _, wrong := range []string{"12", "INC-", "INC-0", "INC--1", "F-000012"} {
		_, err := tenant.ReadDeclaredID(wrong)
		require.Error(t, err, wrong)
	}
}
