package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

// TestUndeletePassesItsPivot, whichever of its two it has: from then on its row says
// that nothing is undone, and it gives way while its mail waits.
func TestUndeletePassesItsPivot(t *testing.T) {
	t.Parallel()
	for _, from := range []tenant.Status{tenant.StatusActive, tenant.StatusSuspended} {
		t.Run(string(from), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			row := b.archived(t, "Charité", from)
			f := b.submit(t, tenant.KindUndelete, row.ID)
			if from == tenant.StatusActive {
				b.contractStatus(t, f, tenant.StepResumeContract)
				require.NoError(t, b.transitions.GiveBack(b.ctx, f))
			} else {
				require.NoError(t, b.access.MarkSuspended(b.ctx, f))
			}
			_, err := b.transitions.Move(b.ctx, tenant.Move{
				Fence: f, From: tenant.StateRunning, To: tenant.StateNeedsAttention, Event: tenant.EventStepFailedForGood, Step: tenant.StepSendUndeletedEmail,
			})
			require.NoError(t, err)
			parked, err := b.operations.Find(b.ctx, f.Operation)
			require.NoError(t, err)
			require.True(t, parked.PivotPassed)
			require.Equal(t, from, parked.Leaves())
			require.Equal(t, []tenant.Action{tenant.ActionRetry, tenant.ActionSkip}, parked.AllowedActions())
			require.True(t, parked.GivesWay())
			require.Empty(t, b.look(t))
		})
	}
}
