package workflows

import (
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/activities"
	"tenant-provisioning/workflows/runner"
)

// accessActivities is for names and signatures alone.
var accessActivities *activities.Access

// What ends a tenant's access and gives it back, in the database and on the ledger.
var (
	revokeAccess    = runner.Step{Do: accessActivities.RevokeAccess, Undo: accessActivities.RestoreAccess, Profile: runner.Database}
	suspendContract = runner.Step{Do: contractActivities.SuspendContract, Undo: contractActivities.UnsuspendContract, Profile: runner.Ledger}
	resumeContract  = runner.Step{Do: contractActivities.ResumeContract, Undo: contractActivities.UnresumeContract, Profile: runner.Ledger}
	markActive      = runner.Step{Do: activationActivities.MarkActive, Profile: runner.Database}
	markSuspended   = runner.Step{Do: accessActivities.MarkSuspended, Profile: runner.Database}
)

// SuspendTenant ends the access to a tenant's data for now.
func SuspendTenant(ctx workflow.Context, in runner.Input) error {
	return runner.Run(ctx, in, []runner.Step{
		revokeAccess, suspendContract, markSuspended,
		{Do: emailActivities.SendSuspendedEmail, Profile: runner.Mail},
	})
}

// ResumeTenant gives a suspended tenant its access back.
func ResumeTenant(ctx workflow.Context, in runner.Input) error {
	return runner.Run(ctx, in, []runner.Step{
		resumeContract, markActive,
		{Do: emailActivities.SendResumedEmail, Profile: runner.Mail},
	})
}

// ArchiveTenant ends the access to a tenant's data until it is taken back, or the
// data is removed.
func ArchiveTenant(ctx workflow.Context, in runner.Input) error {
	return runner.Run(ctx, in, []runner.Step{
		revokeAccess, suspendContract,
		{Do: accessActivities.MarkArchived, Profile: runner.Database},
		{Do: emailActivities.SendArchivedEmail, Profile: runner.Mail},
	})
}

// InviteAdministrator sends a tenant's administrator another link to set a password
// by.
func InviteAdministrator(ctx workflow.Context, in runner.Input) error {
	return runner.Run(ctx, in, []runner.Step{
		{Do: emailActivities.SendInvitedElsewhereEmail, Profile: runner.Mail},
		{Do: emailActivities.SendWelcomeEmail, Profile: runner.Mail},
	})
}

// UndeleteTenant takes an archive back.
func UndeleteTenant(ctx workflow.Context, in runner.Input) error {
	return runner.Run(ctx, in, []runner.Step{
		resumeContract, markActive, markSuspended,
		{Do: emailActivities.SendUndeletedEmail, Profile: runner.Mail},
	})
}
