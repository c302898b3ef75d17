package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/activities"
	"tenant-provisioning/workflows/fleet"
	"tenant-provisioning/workflows/runner"
)

const (
	// StartBackupName is the type of what accepts the daily run.
	StartBackupName = "StartBackup"
	// BackupSchedule is the id of the schedule that starts it.
	BackupSchedule = "backup"
	// StartDrillName is the type of what accepts the weekly drill.
	StartDrillName = "StartDrill"
	// DrillSchedule is the id of the schedule that starts it.
	DrillSchedule = "restore-drill"
	// DrillInterval is the schedule's interval.
	DrillInterval = 7 * 24 * time.Hour
	// VerifyBackupName is the type of what reads one backup whole.
	VerifyBackupName = "VerifyBackup"
)

// For names and signatures alone.
var (
	backupActivities  *activities.Backup
	openingActivities *activities.Opening
)

const (
	// backupChunk is how many tenants an activity backs up. A tenant is done when its
	// backup is, so that a lost worker costs the one that it was at.
	backupChunk = 20
	// backupTimeout bounds a chunk, one tenant of which may have hundreds of gigabytes.
	backupTimeout = 24 * time.Hour
	// backupHeartbeat is how soon a lost worker is noticed.
	backupHeartbeat = 30 * time.Second
	// backupAttempts leaves the rest to the run of the next day.
	backupAttempts = 20
)

// BackupTenants makes a backup of each tenant, then of the control tables, and deletes
// what is too old.
func BackupTenants(ctx workflow.Context, in fleet.Input) error {
	if err := fleet.Run(ctx, in, fleet.Work{Do: backupActivities.BackupTenantsOfChunk, Chunk: backupChunk, Timeout: backupTimeout}); err != nil {
		return err
	}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: backupTimeout, HeartbeatTimeout: backupHeartbeat,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 5 * time.Minute, MaximumAttempts: backupAttempts},
	})
	if err := workflow.ExecuteActivity(ctx, backupActivities.BackupControlTables, in.Fleet).Get(ctx, nil); err != nil {
		return err
	}
	return workflow.ExecuteActivity(ctx, backupActivities.SweepBackups).Get(ctx, nil)
}

// StartBackup accepts the run of the day: a schedule starts it.
func StartBackup(ctx workflow.Context) error { return accept(ctx, backupActivities.AcceptBackup) }

// StartDrill accepts the drill of the week: a schedule starts it.
func StartDrill(ctx workflow.Context) error { return accept(ctx, backupActivities.AcceptDrill) }

// DrillRestores restores the newest backup of each tenant of a sample for practice.
func DrillRestores(ctx workflow.Context, in fleet.Input) error {
	return fleet.Run(ctx, in, fleet.Work{
		Do: openingActivities.DrillTenantsOfChunk, Chunk: 1, Timeout: backupTimeout, Queue: runner.RestoreQueue(workflow.GetInfo(ctx).TaskQueueName),
	})
}

func accept(ctx workflow.Context, activity any) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute},
	})
	return workflow.ExecuteActivity(ctx, activity).Get(ctx, nil)
}

// VerifyBackup reads a backup whole, and returns why it is refused; nothing where it is
// as it was made.
func VerifyBackup(ctx workflow.Context, id string) (string, error) {
	var refusal string
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           runner.RestoreQueue(workflow.GetInfo(ctx).TaskQueueName),
		StartToCloseTimeout: backupTimeout, HeartbeatTimeout: backupHeartbeat,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute, MaximumAttempts: backupAttempts},
	})
	err := workflow.ExecuteActivity(ctx, openingActivities.OpenAndVerify, id).Get(ctx, &refusal)
	return refusal, err
}
