package workflows

import (
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/tenant"
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
		r.waiting = r.waitingFor(wait)
		r.show(ctx, i, wait.String())
		err = r.execute(ctx, stateOptions(r.in.Queues, "wait for the end of "+wait.Incident.String()), operationActivities.AwaitIncidentEnd, wait)
		r.waiting = nil
		if err != nil {
			return err
		}
		r.show(ctx, i, "running")
	}
}

// waitingFor is what is waited for, as people are shown it. Nobody could write
// down since when an outage of the database is one: the run counts from when it
// met it.
func (r *run) waitingFor(w activities.Wait) *tenant.WaitingFor {
	i := w.Incident
	if i.OpenedAt.IsZero() {
		i.OpenedAt = r.now()
	}
	return i.WaitingFor()
}
