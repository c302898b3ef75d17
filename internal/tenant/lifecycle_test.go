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
			require.Contains(t, tenant.Statuses(), l.Reaches)
			pivots := 0
			for i, s := range l.Stages {
				require.NotEmpty(t, s.Covers, s.Activity)
				require.NotEmpty(t, s.Summary, s.Activity)
				require.Contains(t, tenant.Dependencies(), s.Needs, s.Activity)
				require.Equal(t, i, l.StageOf(s.Covers[len(s.Covers)-1]))
				if s.Pivot {
					pivots++
				}
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
			require.Equal(t, 1, pivots)
		})
	}
	_, known := tenant.Kind("sing").Lifecycle()
	require.False(t, known)
}

func TestStepsAreTheNamesOfTheLogs(t *testing.T) {
	t.Parallel()
	require.Equal(t, []tenant.Step{
		"CREATE_TENANT_RECORD", "CREATE_SCHEMA", "RUN_MIGRATIONS", "SEED_ROLES_AND_USER",
		"DEPLOY_SOROBAN_CONTRACT", "STORE_CONTRACT_ADDRESS", "MARK_ACTIVE", "SEND_WELCOME_EMAIL",
	}, tenant.KindProvision.Steps())
}
