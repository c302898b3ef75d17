package workflows

import (
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows/fleet"
	"tenant-provisioning/workflows/runner"
)

// ofKind is the workflow of each kind of operation.
var ofKind = map[tenant.Kind]func(workflow.Context, runner.Input) error{
	tenant.KindProvision: ProvisionTenant,
	tenant.KindSuspend:   SuspendTenant,
	tenant.KindResume:    ResumeTenant,
	tenant.KindArchive:   ArchiveTenant,
	tenant.KindUndelete:  UndeleteTenant,
	tenant.KindPurge:     PurgeTenant,
	tenant.KindInvite:    InviteAdministrator,
	tenant.KindRestore:   RestoreTenant,
}

// ofFleet is the workflow of each kind of fleet run.
var ofFleet = map[tenant.FleetKind]func(workflow.Context, fleet.Input) error{
	tenant.FleetMigrate: MigrateTenants,
	tenant.FleetBackup:  BackupTenants,
	tenant.FleetDrill:   DrillRestores,
}

// registry is what workflows are made known to: a worker, or a replayer.
type registry interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
}

// Register makes every workflow known under the name of its type.
func Register(r registry) {
	for _, l := range tenant.Lifecycles() {
		r.RegisterWorkflowWithOptions(ofKind[l.Kind], workflow.RegisterOptions{Name: l.Workflow})
	}
	for _, kind := range tenant.FleetKinds() {
		l, _ := kind.Lifecycle()
		r.RegisterWorkflowWithOptions(ofFleet[kind], workflow.RegisterOptions{Name: l.Workflow})
	}
	r.RegisterWorkflowWithOptions(Reconcile, workflow.RegisterOptions{Name: ReconcileName})
	r.RegisterWorkflowWithOptions(KeepLedger, workflow.RegisterOptions{Name: KeepName})
	r.RegisterWorkflowWithOptions(Maintain, workflow.RegisterOptions{Name: MaintainName})
	r.RegisterWorkflowWithOptions(MaintenanceWindow, workflow.RegisterOptions{Name: WindowName})
	r.RegisterWorkflowWithOptions(StartBackup, workflow.RegisterOptions{Name: StartBackupName})
	r.RegisterWorkflowWithOptions(StartDrill, workflow.RegisterOptions{Name: StartDrillName})
	r.RegisterWorkflowWithOptions(VerifyBackup, workflow.RegisterOptions{Name: VerifyBackupName})
	r.RegisterWorkflowWithOptions(KeepLogs, workflow.RegisterOptions{Name: LogsName})
}
