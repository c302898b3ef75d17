package workflows

import (
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/activities"
	"tenant-provisioning/workflows/runner"
)

// purgeActivities is for names and signatures alone.
var purgeActivities *activities.Purge

// PurgeTenant removes for good what a tenant was. The contract goes first: as long
// as the ledger is away nothing is lost that a person could still want.
func PurgeTenant(ctx workflow.Context, in runner.Input) error {
	return runner.Run(ctx, in, []runner.Step{
		{Do: contractActivities.EndContracts, Profile: runner.Ledger},
		{Do: schemaActivities.RemoveSchema, Profile: runner.Database},
		{Do: emailActivities.SendDeletedEmail, Profile: runner.Mail},
		{Do: purgeActivities.EraseAdministrator, Profile: runner.Database},
		{Do: purgeActivities.MarkDeleted, Profile: runner.Database},
	})
}
