package workflows

import (
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/activities"
)

// attempt tries a step, and waits wherever an incident stands before it. What
// waits has not failed: when the incident is over, the step has its whole
// budget again. A rollback or a cancel ends the waiting at once.
func (r *run) attempt(ctx workflow.Context, i int) error {
	for {
		err := r.try(ctx, i)
		wait, waits := activities.Waiting(err)
		if !waits || ctx.Err() != nil || r.wantsRollback() {
			return err
		}
		r.log.Info("waiting", "step", wait.Step, "for", wait.Incident.String())
		r.show(ctx, i, wait.String())
		if err := r.execute(ctx, stateOptions(r.in.Queues, "wait for the end of "+wait.Incident.String()), operationActivities.AwaitIncidentEnd, wait); err != nil {
			return err
		}
		r.show(ctx, i, "running")
	}
}
