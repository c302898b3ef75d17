package tenant_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

// TestEveryIncidentHasARunbook, which is there and is about it.
func TestEveryIncidentHasARunbook(t *testing.T) {
	t.Parallel()
	incidents := []tenant.Incident{{Dependency: tenant.DependencyDatabase, Cause: tenant.CauseDiskFull + "; make room"}}
	for _, d := range tenant.Dependencies() {
		incidents = append(incidents, tenant.Incident{Dependency: d, Cause: "it does not answer"})
	}
	pages := map[string]bool{}
	for _, i := range incidents {
		require.FileExists(t, filepath.Join("..", "..", "docs", "runbooks", i.Runbook()))
		pages[i.Runbook()] = true
	}
	require.Len(t, pages, len(incidents), "each has its own")
	full, err := os.ReadFile(filepath.Join("..", "..", "docs", "runbooks", incidents[0].Runbook()))
	require.NoError(t, err)
	require.Contains(t, string(full), "# Database full")
}

// TestWhatAnIncidentStops: nothing new is started while one is open, and what
// runs waits before the step that needs what fails.
func TestWhatAnIncidentStops(t *testing.T) {
	t.Parallel()
	incident := func(d tenant.Dependency, reopened int) tenant.Incident {
		return tenant.Incident{ID: 3, Dependency: d, Reopened: reopened, OpenedAt: time.Unix(0, 0)}
	}
	untilContract, untilMail := tenant.KindProvision.Steps()[:4], tenant.KindProvision.Steps()[:7]
	for name, c := range map[string]struct {
		state tenant.State
		done  []tenant.Step
		open  tenant.Incident
		stops bool
	}{
		"a new one, by any":                   {tenant.StatePending, nil, incident(tenant.DependencyMail, 0), true},
		"a new one, by one that has relapsed": {tenant.StatePending, nil, incident(tenant.DependencyMail, 99), true},
		"before the contract, by the ledger":  {tenant.StateRunning, untilContract, incident(tenant.DependencyLedger, 0), true},
		"before the contract, by the mail":    {tenant.StateRunning, untilContract, incident(tenant.DependencyMail, 0), false},
		"before the mail, by the mail":        {tenant.StateRunning, untilMail, incident(tenant.DependencyMail, 0), true},
		"before the mail, by the ledger":      {tenant.StateRunning, untilMail, incident(tenant.DependencyLedger, 0), false},
		"before the mail, by the database":    {tenant.StateRunning, untilMail, incident(tenant.DependencyDatabase, 0), true},
		"by one that has relapsed too often":  {tenant.StateRunning, untilMail, incident(tenant.DependencyMail, tenant.IncidentRelapses+1), false},
		"one that waits for a person":         {tenant.StateNeedsAttention, untilMail, incident(tenant.DependencyMail, 0), false},
		"one that is being undone":            {tenant.StateRollingBack, untilContract, incident(tenant.DependencyDatabase, 0), false},
		"one that has ended":                  {tenant.StateSucceeded, tenant.KindProvision.Steps(), incident(tenant.DependencyDatabase, 0), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			by, stopped := tenant.Operation{Kind: tenant.KindProvision, State: c.state}.StoppedBy([]tenant.Incident{c.open}, c.done)
			require.Equal(t, c.stops, stopped)
			if stopped {
				require.Equal(t, c.open, by)
			}
			_, stopped = tenant.Operation{Kind: tenant.KindProvision, State: c.state}.StoppedBy(nil, c.done)
			require.False(t, stopped)
		})
	}
}
