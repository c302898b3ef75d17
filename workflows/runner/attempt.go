package runner

import (
	"errors"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/tenant"
)

// attemptOutsideIncidents attempts a stage, and waits wherever an incident stands
// before it. What waits has not failed: when the incident is over, the stage has
// its whole budget again. A rollback or a cancel ends the waiting at once.
func (r *run) attemptOutsideIncidents(ctx workflow.Context, i int) error {
	for {
		err := r.attempt(ctx, i)
		wait, waits := activities.Waiting(err)
		if !waits || ctx.Err() != nil || r.desk.wantsRollback() {
			return err
		}
		r.record.log.Info("waiting", "step", wait.Step, "for", wait.Incident.String())
		r.waiting = r.waitingFor(wait)
		r.mark(ctx, i, wait.String())
		err = r.runActivity(ctx, stateOptions(r.in.Queues, "wait for the end of "+wait.Incident.String()), operationActivities.AwaitIncidentEnd, wait)
		r.waiting = nil
		if err != nil {
			return err
		}
		r.mark(ctx, i, "running")
	}
}

// attempt attempts a stage: once, locally and briefly where that is worth it,
// then as a plain activity for as long as its budget lasts.
func (r *run) attempt(ctx workflow.Context, i int) error {
	s := r.stages[i]
	fence, budget := r.record.fence(ctx, tenant.StateRunning), s.Profile.budget(r.in.RetryBudget)
	if s.Profile.local {
		err := workflow.ExecuteLocalActivity(workflow.WithLocalActivityOptions(ctx, s.Profile.first(s.Summary)), s.Do, fence, budget).Get(ctx, nil)
		if err == nil || ctx.Err() != nil || final(err) {
			return err
		}
		r.stages[i].attempts++
	}
	return r.runActivity(ctx, s.Profile.plain(r.in.Queues, budget, s.Summary), s.Do, fence, budget)
}

// runActivity runs a plain activity, which a rollback ends.
func (r *run) runActivity(ctx workflow.Context, options workflow.ActivityOptions, activity any, args ...any) error {
	ctx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	future := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), activity, args...)
	if err := workflow.Await(ctx, func() bool { return future.IsReady() || r.desk.wantsRollback() }); err == nil && !future.IsReady() {
		cancel() // a rollback must not undo what is still being done: it waits
	}
	settled, done := workflow.NewDisconnectedContext(ctx)
	defer done()
	return future.Get(settled, nil)
}

// final reports an error that another attempt cannot change.
func final(err error) bool {
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return app.NonRetryable()
	}
	return false
}

// waitingFor is what is waited for, as people are shown it. Nobody could write
// down since when an outage of the database is one: the run counts from when it
// met it.
func (r *run) waitingFor(w activities.Wait) *tenant.WaitingFor {
	i := w.Incident
	if i.OpenedAt.IsZero() {
		i.OpenedAt = r.record.now()
	}
	return i.WaitingFor()
}
