package runner

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/tenant"
)

// park waits for a person, a deadline or a cancel to decide about the failed
// stage. It returns nil when the stage is to be tried again.
func (r *run) park(ctx workflow.Context) error {
	if r.record.state != tenant.StateNeedsAttention {
		if err := r.askForAttention(ctx); err != nil {
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
		r.desk.drop("the run was cancelled before it was acted on")
	case decided:
		action := r.desk.intent.action
		event, outcome = action.Event(), map[tenant.Action]error{
			tenant.ActionRetry: nil, tenant.ActionSkip: errSkipped, tenant.ActionRollback: errRollback,
		}[action]
	}
	to, err := tenant.Next(r.record.state, r.record.position(), event)
	if err != nil {
		return err
	}
	var skipped []tenant.Step
	switch {
	case to == tenant.StateRollingBack:
		r.explainRollback(outcome)
	case to == tenant.StateSucceeded:
		outcome, skipped = errGivenUp, r.optionalLeft()
	case event != tenant.EventRetry:
		outcome, skipped = errSkipped, r.stages[r.at].Covers
	}
	acted := r.desk.intent
	err = r.record.move(ctx, event, to, time.Time{}, skipped...)
	r.desk.done(acted, "it was decided otherwise before it was acted on")
	if err != nil {
		return err
	}
	return outcome
}

// askForAttention writes that it is a person's turn.
func (r *run) askForAttention(ctx workflow.Context) error {
	event := tenant.EventBudgetUsedUp
	if r.record.failure.Permanent {
		event = tenant.EventStepFailedForGood
	}
	return r.record.move(ctx, event, tenant.StateNeedsAttention, workflow.Now(ctx).Add(r.in.AttentionPeriod))
}

// awaitDecision waits until a person has decided. It reports false when nobody
// has before the deadline. One that decides nothing by itself tells people again.
// One that ends in an incident, or ended while no worker was there, is postponed:
// whoever was to decide could do nothing sensible, or was never told.
func (r *run) awaitDecision(ctx workflow.Context) (bool, error) {
	for {
		decided, err := r.awaitIntent(ctx, r.in.AttentionPeriod, string(r.record.failure.Step)+" has failed", r.atDeadline())
		if decided || err != nil {
			return decided, err
		}
		event := tenant.EventPostponed
		if to, err := tenant.Next(r.record.state, r.record.position(), tenant.EventDeadline); err == nil && to == r.record.state {
			event = tenant.EventDeadline
		} else if late := workflow.Now(ctx).Sub(r.record.deadline); late < abandonedAfter {
			var in activities.Wait
			if err := r.record.write(ctx, "ask whether an incident is open", &in, operationActivities.AskForIncident, r.record.failure.Step); err != nil {
				return false, err
			}
			if r.desk.intent != nil || in.Step == "" {
				return r.desk.intent != nil, nil
			}
		}
		if err := r.record.move(ctx, event, tenant.StateNeedsAttention, workflow.Now(ctx).Add(r.in.AttentionPeriod)); err != nil {
			return false, err
		}
	}
}

// awaitIntent waits until an action is accepted; false when most has passed
// instead. Its timer says in Temporal Web UI what is waited for and what to
// press. Temporal takes no summary that has more than 400 bytes when it is
// encrypted.
func (r *run) awaitIntent(ctx workflow.Context, most time.Duration, why, otherwise string) (bool, error) {
	return workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
		Timeout: most,
		TimerOptions: workflow.TimerOptions{Summary: fmt.Sprintf("%s: press %s (starter status %s); at the end of the timer %s",
			why, oneOf(r.record.allowed()), r.in.Operation, otherwise)},
	}, func() bool { return r.desk.intent != nil })
}

// oneOf lists actions for people.
func oneOf(actions []tenant.Action) string {
	names := make([]string, len(actions))
	for i, a := range actions {
		names[i] = string(a)
	}
	return strings.Join(names, " or ")
}
