package runner

import (
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/tenant"
)

// operationActivities is for names and signatures alone.
var operationActivities *activities.Operation

// record is the operation's row as the run knows it, and the only way to write
// it.
type record struct {
	in  Input
	log log.Logger
	// now is the workflow's time.
	now func() time.Time
	// show brings up to date what people see of the run.
	show func(workflow.Context)

	state tenant.State
	// next is the state that is being written, while it is.
	next        tenant.State
	pivotPassed bool
	failure     activities.StepFailure
	class       tenant.FailureClass
	// deadline is when a parked operation decides by itself; zero unless it is
	// parked.
	deadline time.Time
	// strayed tells that the run has left the happy path, so that its search
	// attributes must be kept up.
	strayed bool

	audits []tenant.AuditEntry
	// requests counts what was asked for, accepted or not, and recorded how many
	// of these are known to be in the history.
	requests, recorded int
}

func newRecord(ctx workflow.Context, in Input, show func(workflow.Context)) *record {
	return &record{
		in: in, show: show, state: tenant.StateRunning,
		log: log.With(workflow.GetLogger(ctx), "tenant", in.Tenant, "operation", in.Operation),
		now: func() time.Time { return workflow.Now(ctx) },
	}
}

// current is the state to which a request belongs. One that is being written
// counts, since everybody else may read it already, and the run may learn last
// that it was written: the task that did so can be lost.
func (r *record) current() tenant.State {
	if r.next != "" {
		return r.next
	}
	return r.state
}

func (r *record) position() tenant.Position {
	return tenant.Position{Kind: r.in.kind(), PivotPassed: r.pivotPassed, Step: r.failure.Step}
}

// allowed is what the table has for a person to do.
func (r *record) allowed() []tenant.Action { return tenant.AllowedActions(r.state, r.position()) }

// fence is what an attempt must still hold when it commits.
func (r *record) fence(ctx workflow.Context, state tenant.State) tenant.Fence {
	return tenant.Fence{
		Kind: r.in.Kind, To: r.in.ToStatus, Operation: r.in.Operation, Tenant: r.in.Tenant, Generation: r.in.Generation,
		// The original run id outlives a reset, so that a run that was reset
		// goes on with the operation that it has claimed.
		Run:   workflow.GetInfo(ctx).OriginalRunID,
		State: state,
	}
}

// claim takes the operation for this run.
func (r *record) claim(ctx workflow.Context) (tenant.Claim, error) {
	var c tenant.Claim
	err := r.write(ctx, "claim the operation", &c, operationActivities.ClaimOperation, r.fence(ctx, tenant.StateRunning))
	return c, err
}

// move writes a transition of the operation, and shows it. A state that waits
// for a person is written when the history knows what has led to it: whoever
// reads it may act at once, and were the task lost, the run would refuse what it
// does not allow yet.
//
// skipped are the steps that are not done because of it.
func (r *record) move(ctx workflow.Context, event tenant.Event, to tenant.State, deadline time.Time, skipped ...tenant.Step) error {
	m := tenant.Move{
		Fence: r.fence(ctx, r.state), Event: event, From: r.state, To: to,
		Step: r.failure.Step, Class: r.class, Reason: r.failure.Reason, Deadline: deadline, BeforePivot: !r.pivotPassed,
	}
	if len(skipped) > 0 {
		m.Skipped = &tenant.Skipped{Steps: skipped, Class: r.class, Reason: r.failure.Reason}
	}
	if to == tenant.StateRunning {
		r.failure, r.class = activities.StepFailure{}, ""
		m.Step, m.Class, m.Reason = "", "", ""
	}
	r.next = to
	defer func() { r.next = "" }()
	if err := r.awaitAudits(ctx); err != nil {
		return err
	}
	write := r.write
	if to.NeedsPerson() {
		write = r.writeRecorded
	}
	var moved tenant.Moved
	err := write(ctx, "write "+string(to), &moved, operationActivities.MoveOperation, m)
	if activities.Superseded(err) {
		return errSuperseded
	}
	if err != nil {
		return err
	}
	if moved.Before { // by the step that was given up, perhaps: then nothing has failed
		r.failure, r.class = activities.StepFailure{Step: moved.Step, Reason: moved.Reason}, moved.Class
	}
	r.deadline = deadline
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
func (r *record) write(ctx workflow.Context, summary string, result, activity any, arg any) error {
	if r.requests == r.recorded {
		local, cancel := workflow.NewDisconnectedContext(ctx)
		defer cancel()
		err := workflow.ExecuteLocalActivity(workflow.WithLocalActivityOptions(local, localOptions(summary)), activity, arg).Get(local, result)
		if err == nil || final(err) {
			return err
		}
	}
	return r.writeRecorded(ctx, summary, result, activity, arg)
}

// writeRecorded is write for what may only be written once all that led to it is
// in the history.
func (r *record) writeRecorded(ctx workflow.Context, summary string, result, activity any, arg any) error {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	requests := r.requests
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, stateOptions(r.in.Queues, summary)), activity, arg).Get(ctx, result)
	r.recorded = max(r.recorded, requests)
	return err
}

// reach notes a new state and shows it in the Web UI.
func (r *record) reach(ctx workflow.Context, state tenant.State) {
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
	r.show(ctx)
}

// keyword is the update of a search attribute, which an empty value unsets.
func keyword(k temporal.SearchAttributeKeyKeyword, value string) temporal.SearchAttributeUpdate {
	if value == "" {
		return k.ValueUnset()
	}
	return k.ValueSet(value)
}

// writeAudits writes the audit log beside the main routine, so that neither
// waits for the other.
func (r *record) writeAudits(ctx workflow.Context) {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	for {
		if err := workflow.Await(ctx, func() bool { return len(r.audits) > 0 }); err != nil {
			return
		}
		r.show(ctx)
		if err := r.write(ctx, "audit "+r.audits[0].Action, nil, operationActivities.AuditAction, r.audits[0]); err != nil {
			r.log.Error("an action is missing from the audit log", "action", r.audits[0].Action, "error", err)
		}
		r.audits = r.audits[1:]
	}
}

// awaitAudits waits until all that was asked is in the audit log. It is there
// before it is done: whoever repeats a request meanwhile must find it, instead
// of being refused by the state that it has led to.
func (r *record) awaitAudits(ctx workflow.Context) error {
	if len(r.audits) == 0 {
		return nil
	}
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	return workflow.Await(ctx, func() bool { return len(r.audits) == 0 })
}
