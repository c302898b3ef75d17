package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows/saga"
)

// claim takes the operation for this run.
func (r *run) claim(ctx workflow.Context) (tenant.Claim, error) {
	var c tenant.Claim
	err := r.write(ctx, "claim the operation", &c, operationActivities.ClaimOperation, r.fence(ctx, tenant.StateRunning))
	return c, err
}

// move writes a transition of the operation, and shows it. A state that waits
// for a person is written when the history knows what has led to it: whoever
// reads it may act at once, and were the task lost, the run would refuse what it
// does not allow yet.
func (r *run) move(ctx workflow.Context, event tenant.Event, to tenant.State, deadline time.Time) error {
	m := tenant.Move{
		Fence: r.fence(ctx, r.state), Event: event, From: r.state, To: to,
		Step: r.failure.Step, Class: r.class, Reason: r.failure.Reason, Deadline: deadline, BeforePivot: !r.pivotPassed,
	}
	if to == tenant.StateRunning {
		r.failure, r.class = activities.StepFailure{}, ""
		m.Step, m.Class, m.Reason = "", "", ""
	}
	r.heading = to
	defer func() { r.heading = "" }()
	if err := r.awaitAudits(ctx); err != nil {
		return err
	}
	write := r.write
	if to.NeedsPerson() {
		write = r.writeKept
	}
	err := write(ctx, "write "+string(to), nil, operationActivities.MoveOperation, m)
	if activities.Superseded(err) {
		return errSuperseded
	}
	if err != nil {
		return err
	}
	r.status.Deadline = deadline
	r.reach(ctx, to)
	return nil
}

// write runs a state activity where a cancel does not reach it: locally first,
// then for as long as it takes.
//
// What follows from a request is not written locally. An update is in the
// history only when the task that took it has ended: were the task lost, what
// it had written locally would stay, and the update, with all that follows from
// it, would never have been.
func (r *run) write(ctx workflow.Context, summary string, result, activity any, arg any) error {
	if r.requests == r.kept {
		local, cancel := workflow.NewDisconnectedContext(ctx)
		defer cancel()
		err := workflow.ExecuteLocalActivity(workflow.WithLocalActivityOptions(local, localOptions(summary)), activity, arg).Get(local, result)
		if err == nil || final(err) {
			return err
		}
	}
	return r.writeKept(ctx, summary, result, activity, arg)
}

// writeKept is write for what may only be written once all that led to it is in
// the history.
func (r *run) writeKept(ctx workflow.Context, summary string, result, activity any, arg any) error {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	requests := r.requests
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, stateOptions(r.in.Queues, summary)), activity, arg).Get(ctx, result)
	r.kept = max(r.kept, requests)
	return err
}

// reach notes a new state and shows it in the Web UI.
func (r *run) reach(ctx workflow.Context, state tenant.State) {
	r.state = state
	if state != tenant.StateSucceeded {
		r.strayed = true
	}
	if r.strayed {
		if err := workflow.UpsertTypedSearchAttributes(ctx,
			AttributeOperationState.ValueSet(string(state)),
			keyword(AttributeFailedStep, string(r.failure.Step)),
			keyword(AttributeFailureClass, string(r.class)),
		); err != nil {
			r.log.Error("the search attributes are stale", "error", err)
		}
	}
	r.render(ctx)
}

// keyword is the update of a search attribute, which an empty value unsets.
func keyword(k temporal.SearchAttributeKeyKeyword, value string) temporal.SearchAttributeUpdate {
	if value == "" {
		return k.ValueUnset()
	}
	return k.ValueSet(value)
}

// show notes where a step is.
func (r *run) show(ctx workflow.Context, i int, state string) {
	r.progress[i].State = state
	r.render(ctx)
}

// halt parks the operation.
func (r *run) halt(ctx workflow.Context) error {
	event := tenant.EventBudgetUsedUp
	if r.failure.Permanent && r.pivotPassed {
		event = tenant.EventStepFailedForGood
	}
	return r.move(ctx, event, tenant.StateNeedsAttention, workflow.Now(ctx).Add(r.in.AttentionPeriod))
}

// park waits for a person, a deadline or a cancel to decide about the failed
// step. It returns nil when the step is to be tried again.
func (r *run) park(ctx workflow.Context) error {
	if r.state != tenant.StateNeedsAttention {
		if err := r.halt(ctx); err != nil {
			return err
		}
	}
	event, outcome := tenant.EventDeadline, errDeadline
	decided, err := r.awaitDecision(ctx)
	switch {
	case err != nil && ctx.Err() == nil:
		return err
	case err != nil:
		event, outcome = tenant.EventCancel, errCancelled
		r.dropIntent("the run was cancelled before it was acted on")
	case decided:
		event, outcome = r.intent.action.Event(), map[tenant.Action]error{
			tenant.ActionRetry: nil, tenant.ActionSkip: errGivenUp, tenant.ActionRollback: errRollback,
		}[r.intent.action]
	}
	to, err := tenant.Next(r.state, r.pivotPassed, event)
	if err != nil {
		return err
	}
	if to == tenant.StateRollingBack {
		r.explainRollback(outcome)
	}
	if to == tenant.StateSucceeded {
		outcome = errGivenUp
	}
	acted := r.intent
	err = r.move(ctx, event, to, time.Time{})
	r.done(acted, "it was decided otherwise before it was acted on")
	if err != nil {
		return err
	}
	return outcome
}

// awaitDecision waits until a person has decided. It reports false when nobody
// has before the deadline. One that ends in an incident, or ended while no worker
// was there, is postponed: whoever was to decide could do nothing sensible, or
// was never told.
func (r *run) awaitDecision(ctx workflow.Context) (bool, error) {
	for {
		decided, err := r.awaitIntent(ctx, r.in.AttentionPeriod, string(r.failure.Step)+" has failed", atDeadline(tenant.AllowedActions(r.state, r.pivotPassed)))
		if decided || err != nil {
			return decided, err
		}
		if late := workflow.Now(ctx).Sub(r.status.Deadline); late < abandonedAfter {
			var in activities.Wait
			if err := r.write(ctx, "ask whether an incident is open", &in, operationActivities.AskForIncident, r.failure.Step); err != nil {
				return false, err
			}
			if r.intent != nil || in.Step == "" {
				return r.intent != nil, nil
			}
		}
		if err := r.move(ctx, tenant.EventPostponed, tenant.StateNeedsAttention, workflow.Now(ctx).Add(r.in.AttentionPeriod)); err != nil {
			return false, err
		}
	}
}

// failUndo notes which undo stands in the way.
func (r *run) failUndo(f saga.Failure) {
	failure, explained := activities.Failure(f.Err)
	if !explained {
		failure.Reason = "no attempt to undo it came to an end in time"
	}
	failure.Reason = f.Name + ": " + failure.Reason
	r.failure, r.class = failure, tenant.ClassUndoFailed
}
