package workflows

import (
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/activities"
	"tenant-provisioning/workflows/runner"
)

// The activities, for their names and signatures alone.
var (
	schemaActivities     *activities.Schema
	contractActivities   *activities.Contract
	activationActivities *activities.Activation
	emailActivities      *activities.Email
)

// ProvisionTenant makes a tenant's schema, deploys its contract, marks it active
// and sends the welcome mail.
func ProvisionTenant(ctx workflow.Context, in runner.Input) error {
	return runner.Run(ctx, in, []runner.Step{
		{Do: schemaActivities.CreateSchema, Undo: schemaActivities.DropSchema, Profile: runner.Database},
		{Do: contractActivities.DeployContract, Undo: contractActivities.TerminateContract, Profile: runner.Ledger},
		markActive,
		{Do: emailActivities.SendWelcomeEmail, Profile: runner.Mail},
	})
}
