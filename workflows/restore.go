package workflows

import (
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/activities"
	"tenant-provisioning/workflows/runner"
)

// restoreActivities is for names and signatures alone.
var restoreActivities *activities.Restore

// RestoreTenant puts what a backup holds into the place of a tenant's data. Nothing of
// the tenant changes before a schema beside its own holds all of it.
func RestoreTenant(ctx workflow.Context, in runner.Input) error {
	return runner.Run(ctx, in, []runner.Step{
		{Do: openingActivities.RestoreData, Undo: restoreActivities.DropRestored, Profile: runner.Restore, UndoProfile: runner.Database},
		revokeAccess,
		{Do: restoreActivities.SwapSchemas, Profile: runner.Database},
	})
}
