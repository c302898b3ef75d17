package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/activities"
	"tenant-provisioning/workflows/runner"
)

const (
	// KeepName is the workflow's type, as the Web UI shows it.
	KeepName = "KeepLedger"
	// KeepSchedule is the id of the schedule that runs it.
	KeepSchedule = "ledger-keeper"
	// KeepInterval is how often it runs. What it keeps has weeks; what an upload, a
	// restore of a backup or another network brought shows within this time.
	KeepInterval = time.Hour
)

// keeperActivities is for names and signatures alone.
var keeperActivities *activities.Keeper

const (
	// keepTimeout bounds a round: at a ledger of 5 s for each transaction, some 500 of
	// them, which keep tens of thousands of contracts. What is left is for the next.
	keepTimeout = 45 * time.Minute
	// keepHeartbeat is how soon a lost worker is noticed.
	keepHeartbeat = time.Minute
	// keepAttempts leaves the rest to the next round.
	keepAttempts = 3
)

// KeepLedger keeps the contracts of living tenants and their code from being archived
// on the ledger.
func KeepLedger(ctx workflow.Context) (activities.KeepReport, error) {
	var report activities.KeepReport
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           runner.QueuesOf(workflow.GetInfo(ctx).TaskQueueName).Stellar,
		StartToCloseTimeout: keepTimeout, ScheduleToCloseTimeout: keepTimeout, HeartbeatTimeout: keepHeartbeat,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: 10 * time.Second, BackoffCoefficient: 2, MaximumInterval: 5 * time.Minute, MaximumAttempts: keepAttempts},
	})
	err := workflow.ExecuteActivity(ctx, keeperActivities.Keep).Get(ctx, &report)
	return report, err
}
