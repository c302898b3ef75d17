package tenant_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

// TestTheTableOfKindsHolds what everybody who reads it takes for granted.
func TestTheTableOfKindsHolds(t *testing.T) {
	t.Parallel()
	undos := map[string]string{}
	for _, l := range tenant.Lifecycles() {
		t.Run(string(l.Kind), func(t *testing.T) {
			found, known := l.Kind.Lifecycle()
			require.True(t, known)
			require.Equal(t, l.Workflow, found.Workflow)
			for i, s := range l.Stages {
				require.NotEmpty(t, s.Covers, s.Activity)
				require.NotEmpty(t, s.Summary, s.Activity)
				require.Contains(t, tenant.Dependencies(), s.Needs, s.Activity)
				require.Equal(t, i, l.StageOf(s.Covers[len(s.Covers)-1]))
				if i >= l.AfterPivot() {
					require.Nil(t, s.Undo, "%s: nothing is undone after the pivot", s.Activity)
				} else {
					require.False(t, s.Optional, "%s: all before the pivot must be done", s.Activity)
				}
				if s.Undo != nil {
					require.NotEmpty(t, s.Undo.Does(tenant.Tenant{}))
					require.Contains(t, []string{"", s.Undo.Activity}, undos[s.Undo.Name], "two undos have one name")
					undos[s.Undo.Name] = s.Undo.Activity
				}
			}
			for _, from := range l.From {
				for _, to := range leadsTo(l, from) {
					way, pivots, marks := l.Between(from, to), 0, 0
					if way.ClaimIsPivot {
						pivots++
					}
					for i, s := range way.Stages {
						if s.Pivot {
							pivots++
						}
						if way.Marks(i) {
							marks++
						}
					}
					require.Equal(t, 1, pivots, "%s → %s", from, to)
					require.Equal(t, 1, marks, "%s → %s", from, to)
				}
			}
		})
	}
	_, known := tenant.Kind("sing").Lifecycle()
	require.False(t, known)
}

// leadsTo lists the statuses to which a kind leads.
func leadsTo(l tenant.Lifecycle, from tenant.Status) []tenant.Status {
	switch {
	case l.Keeps:
		return []tenant.Status{from}
	case l.Reaches != "":
		return []tenant.Status{l.Reaches}
	}
	return []tenant.Status{tenant.StatusActive, tenant.StatusSuspended} // what can be archived
}

// TestWhatYieldsHasNothingToUndo, and gives way wherever it is: whoever ends it
// leaves nothing behind.
func TestWhatYieldsHasNothingToUndo(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, l := range tenant.Lifecycles() {
		if !l.Yields {
			continue
		}
		seen++
		require.Empty(t, l.Waiting, l.Kind)
		require.Empty(t, l.Running, l.Kind)
		require.Equal(t, []tenant.Status{l.Reaches}, l.From, l.Kind)
		for _, s := range l.Stages {
			require.Nil(t, s.Undo, s.Activity)
		}
		for _, state := range tenant.States() {
			o := tenant.Operation{Kind: l.Kind, State: state}
			require.Equal(t, !state.Closed(), o.GivesWay(), "%s %s", l.Kind, state)
		}
	}
	require.Equal(t, 1, seen)
	parked := tenant.Operation{Kind: tenant.KindSuspend, State: tenant.StateNeedsAttention}
	require.False(t, parked.GivesWay(), "a suspension gives way to nothing before its pivot")
}

func TestStepsAreTheNamesOfTheLogs(t *testing.T) {
	t.Parallel()
	require.Equal(t, []tenant.Step{
		"CREATE_TENANT_RECORD", "CREATE_SCHEMA", "RUN_MIGRATIONS", "SEED_ROLES_AND_USER",
		"DEPLOY_SOROBAN_CONTRACT", "STORE_CONTRACT_ADDRESS", "MARK_ACTIVE", "SEND_WELCOME_EMAIL",
	}, tenant.KindProvision.Steps())
}
