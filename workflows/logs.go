package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/activities"
)

const (
	// LogsName is the workflow's type, as the Web UI shows it.
	LogsName = "KeepLogs"
	// LogsSchedule is the id of the schedule that runs it.
	LogsSchedule = "log-keeper"
	// LogsInterval is how often it runs: what it keeps is kept for months and years.
	LogsInterval = 24 * time.Hour
)

// logsActivities is for names and signatures alone.
var logsActivities *activities.Logs

const (
	// logsTimeout bounds a round: thousands of objects. What is left is for the next.
	logsTimeout = 2 * time.Hour
	// logsHeartbeat is how soon a lost worker is noticed; one object takes seconds.
	logsHeartbeat = 2 * time.Minute
	// logsAttempts leaves the rest to the next round.
	logsAttempts = 10
)

// KeepLogs moves old provisioning logs to the backup store, and deletes the audit log's
// entries that need not be kept any more.
func KeepLogs(ctx workflow.Context) (string, error) {
	var did string
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: logsTimeout, ScheduleToCloseTimeout: logsTimeout, HeartbeatTimeout: logsHeartbeat,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: 10 * time.Second, BackoffCoefficient: 2, MaximumInterval: 10 * time.Minute, MaximumAttempts: logsAttempts},
	})
	err := workflow.ExecuteActivity(ctx, logsActivities.KeepLogs).Get(ctx, &did)
	return did, err
}
