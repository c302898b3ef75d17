package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/activities"
)

const (
	// ReconcileName is the workflow's type, as the Web UI shows it.
	ReconcileName = "Reconcile"
	// ReconcileSchedule is the id of the schedule that runs it, and the
	// beginning of the ids of its runs.
	ReconcileSchedule = "tenant-reconcile"
	// ReconcileInterval is how often it runs: a tenant whose run was terminated
	// waits that long at most.
	ReconcileInterval = 5 * time.Minute
)

// ReconcileInput is empty for a look at everything. With a Repair it does that
// alone.
type ReconcileInput struct {
	Repair *activities.RepairRequest `json:"repair,omitempty"`
}

// ReconcileReport tells what a round could not do; the findings are in the
// database.
type ReconcileReport struct {
	// Incomplete names the parts that failed, with their reasons.
	Incomplete []string `json:"incomplete,omitempty"`
}

// reconcileActivities is for names and signatures alone.
var reconcileActivities *activities.Reconciler

const (
	// lookTimeout bounds a look at everything of one kind, below the interval.
	lookTimeout = 4 * time.Minute
	// lookBudget bounds it with its retries: a round whose database or ledger
	// is away ends, and the next one looks again.
	lookBudget = 4*time.Minute + 30*time.Second
	// lookHeartbeat is how soon a lost worker is noticed: longer than any one
	// question takes.
	lookHeartbeat = time.Minute
	// lookAttempts keeps a fault that stays, such as an RPC server that is
	// away, from holding up the parts after it.
	lookAttempts = 3
)

// changeSubmitDue is since when a round accepts what is due.
const changeSubmitDue = "submit-due"

// Reconcile compares tenants, operations, their runs, schemas, roles, contracts
// and mails, keeps what does not fit together as findings, and repairs what
// can be repaired without losing anything. Then it accepts what is due. A part that fails does not hold up
// the others.
func Reconcile(ctx workflow.Context, in ReconcileInput) (ReconcileReport, error) {
	retry := &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 10 * time.Second, MaximumAttempts: lookAttempts}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: lookTimeout, ScheduleToCloseTimeout: lookBudget, HeartbeatTimeout: lookHeartbeat, RetryPolicy: retry,
	})
	if in.Repair != nil {
		return ReconcileReport{}, workflow.ExecuteActivity(ctx, reconcileActivities.Repair, *in.Repair).Get(ctx, nil)
	}
	type part struct {
		name string
		look any
	}
	parts := []part{
		{"runs", reconcileActivities.CompareRuns},
		{"database", reconcileActivities.CompareDatabase},
		{"contracts", reconcileActivities.CompareContracts},
		{"repairs", reconcileActivities.RepairSafe},
	}
	if workflow.GetVersion(ctx, changeSubmitDue, workflow.DefaultVersion, 1) != workflow.DefaultVersion {
		parts = append(parts, part{"due", reconcileActivities.SubmitDue})
	}
	var report ReconcileReport
	for _, part := range parts {
		err := workflow.ExecuteActivity(ctx, part.look).Get(ctx, nil)
		if temporal.IsCanceledError(err) {
			return report, err
		}
		if err != nil {
			report.Incomplete = append(report.Incomplete, part.name+": "+because(err))
			workflow.GetLogger(ctx).Warn("a part of the reconciliation failed", "part", part.name, "error", err)
		}
	}
	return report, nil
}

// because is what an activity's error says, without what the SDK adds.
func because(err error) string {
	if f, explained := activities.Failure(err); explained {
		return f.Reason
	}
	return "no attempt came to an end in time"
}
