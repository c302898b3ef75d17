package progress_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/progress"
)

// TestTheBarFitsBesideItsWave: what a run waits for stands above the bar, once, since a
// line that is longer than the terminal is wide cannot be drawn again.
func TestTheBarFitsBesideItsWave(t *testing.T) {
	t.Parallel()
	const note = "waits: the database does not answer; check that PostgreSQL runs and can be reached from the workers"
	var drawn bytes.Buffer
	synctest.Test(t, func(*testing.T) { follow(progress.NewFleetBar(&drawn), note) })
	require.Equal(t, 1, strings.Count(drawn.String(), note), "%q", drawn.String())
	require.NotContains(t, drawn.String(), "budget", "the command's answer says it")
	require.Contains(t, drawn.String(), "wave 2 of 4, 2 failed")
	require.Contains(t, drawn.String(), "(30/100")
}

// follow looks at a run that waits, and then has stopped, as often as the command does.
func follow(bar *progress.FleetBar, note string) {
	run := tenant.FleetRun{State: tenant.FleetRunning, Wave: 1, Waves: 4, Counts: tenant.FleetCounts{Pending: 70, Done: 28, Failed: 2}, Note: note}
	stopped := run
	stopped.State, stopped.Note = tenant.FleetPaused, "6 tenants have failed, more than the budget of 5 allows"
	for _, r := range []tenant.FleetRun{run, run, stopped} {
		<-time.After(500 * time.Millisecond)
		bar.Show(r)
	}
	bar.Done()
}
