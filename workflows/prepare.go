package workflows

import (
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/activities"
	"tenant-provisioning/workflows/runner"
)

// standbyActivities is for names and signatures alone.
var standbyActivities *activities.Standby

// PrepareTenant makes a tenant that nobody has asked for yet, for the next one who does.
func PrepareTenant(ctx workflow.Context, in runner.Input) error {
	return runner.Run(ctx, in, []runner.Step{
		{Do: schemaActivities.CreateSchema, Undo: schemaActivities.DropSchema, Profile: runner.Database},
		{Do: contractActivities.DeployContract, Undo: contractActivities.TerminateContract, Profile: runner.Ledger},
		{Do: standbyActivities.MarkStandby, Profile: runner.Database},
	})
}
