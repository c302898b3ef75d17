package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

// TestAMoveThatIsThereSaysWhatStands: a run that gives up the last mail and finds it
// done learns that nothing has failed; one that repeats its own move, what it wrote.
func TestAMoveThatIsThereSaysWhatStands(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.claim(t, "Charité")
	park := tenant.Move{
		Fence: f, From: tenant.StateRunning, To: tenant.StateNeedsAttention, Event: tenant.EventStepFailedForGood,
		Step: tenant.StepCreateSchema, Class: tenant.ClassPermanent, Reason: "the schema is in use",
	}
	moved, err := b.transitions.Move(b.ctx, park)
	require.NoError(t, err)
	require.Zero(t, moved)
	moved, err = b.transitions.Move(b.ctx, park)
	require.NoError(t, err)
	require.Equal(t, tenant.Moved{Before: true, Step: park.Step, Class: park.Class, Reason: park.Reason}, moved)

	done, _ := b.provision(t, "Done", tenant.StateSucceeded)
	moved, err = b.transitions.Move(b.ctx, tenant.Move{
		Fence: done, From: tenant.StateRunning, To: tenant.StateSucceeded, Event: tenant.EventCancel, Step: tenant.StepSendWelcomeEmail,
		Class: tenant.ClassCancelled, Reason: "the run was cancelled",
	})
	require.NoError(t, err)
	require.True(t, moved.Before)
	require.NotEqual(t, "the run was cancelled", moved.Reason)
}
