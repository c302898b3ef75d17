package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/internal/tenant"
)

// intent is an action that was accepted and that the main routine has not yet
// acted on.
type intent struct {
	action  tenant.Action
	request tenant.ActionRequest
}

// changeRequestIDs names the change since which a request id belongs to its
// actor. Before, whoever used somebody else's got the answer to that request.
const changeRequestIDs = "request-id-of-actor"

// verdict is how a request with an id was answered, to answer its repetition
// alike.
type verdict struct {
	result ActionResult
	err    error
}

// handleActions takes retry, skip and rollback, as updates and as signals of
// the same names, and answers the status query. Handlers only set the intent;
// the main routine acts.
func (r *run) handleActions(ctx workflow.Context) error {
	for _, action := range tenant.Actions() {
		update := func(_ workflow.Context, raw converter.RawValue) (ActionResult, error) {
			return r.decide(action, read(raw.Payload()).request)
		}
		if err := workflow.SetUpdateHandlerWithOptions(ctx, string(action), update, workflow.UpdateHandlerOptions{
			Validator:   readable,
			Description: fmt.Sprintf("%s the operation: {\"actor\": who, \"reason\": why}", action),
		}); err != nil {
			return err
		}
		r.receive(ctx, action)
	}
	r.idsAreShared = func() bool {
		return workflow.GetVersion(ctx, changeRequestIDs, workflow.DefaultVersion, 1) == workflow.DefaultVersion
	}
	r.now = func() time.Time { return workflow.Now(ctx) }
	workflow.Go(ctx, r.refuseUnknown)
	workflow.Go(ctx, r.writeAudits)
	return workflow.SetQueryHandlerWithOptions(ctx, QueryStatus, func() (Status, error) { return r.status, nil },
		workflow.QueryHandlerOptions{Description: "where the run is, and what may be done"})
}

// readable checks an update before it is accepted. It is read here, not by the
// SDK: a workflow's data converter has a task wait whose payloads it cannot
// decode, and what people type must hold nothing up.
func readable(raw converter.RawValue) error {
	s := read(raw.Payload())
	if s.wrong != "" {
		return temporal.NewApplicationErrorWithOptions(s.wrong, ErrTypeActionInvalid, temporal.ApplicationErrorOptions{NonRetryable: true})
	}
	return validateForm(s.request)
}

// validateForm checks the form only: what a state forbids is accepted and then
// refused, so that the refusal can be audited.
func validateForm(req tenant.ActionRequest) error {
	if _, err := req.Clean(); err != nil {
		return temporal.NewApplicationErrorWithOptions(err.Error(), ErrTypeActionInvalid, temporal.ApplicationErrorOptions{NonRetryable: true})
	}
	return nil
}

// decide accepts or refuses an action, and has either audited.
func (r *run) decide(action tenant.Action, req tenant.ActionRequest) (ActionResult, error) {
	r.requests++
	clean, err := req.Clean()
	if err != nil {
		r.audit(action, req.Legible(), tenant.OutcomeRefused, err.Error())
		return ActionResult{}, validateForm(req)
	}
	request := string(action) + " " + clean.RequestID // one id may stand for a retry and, later, for a rollback
	own := request + "\x00" + clean.Actor             // and is its actor's alone
	if v, repeated := r.decided[own]; repeated && clean.RequestID != "" {
		return v.result, v.err
	}
	if v, others := r.decided[request]; others && clean.RequestID != "" && r.idsAreShared() {
		return v.result, v.err
	}
	v := verdict{result: ActionResult{Action: action, State: r.present()}}
	switch allowed := r.allowed(); {
	case r.intent != nil && r.intent.action == action: // asked twice for the same parking: acts once
		r.audit(action, clean, tenant.OutcomeAccepted, "already accepted")
	case !slices.Contains(allowed, action):
		refusal := &tenant.ActionRefusedError{Action: action, State: r.present(), Allowed: allowed}
		v.result, v.err = ActionResult{}, temporal.NewApplicationErrorWithOptions(refusal.Error(), ErrTypeActionRefused,
			temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{*refusal}})
		r.audit(action, clean, tenant.OutcomeRefused, refusal.Error())
	case action == tenant.ActionRollback && clean.PlanHash != "" && clean.PlanHash != r.planHash():
		refusal := &tenant.PlanChangedError{Hash: r.planHash()}
		v.result, v.err = ActionResult{}, temporal.NewApplicationErrorWithOptions(refusal.Error(), ErrTypePlanChanged,
			temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{*refusal}})
		r.audit(action, clean, tenant.OutcomeRefused, refusal.Error())
	default:
		r.intent = &intent{action: action, request: clean}
		r.audit(action, clean, tenant.OutcomeAccepted, "")
	}
	if clean.RequestID != "" {
		r.decided[request], r.decided[own] = v, v
	}
	return v.result, v.err
}

// allowed is what a person may do now: nothing more once an action was
// accepted and is about to be done. A state that is being written counts, since
// everybody else may read it already, and the run may learn last that it was
// written: the task that did so can be lost.
func (r *run) allowed() []tenant.Action {
	if r.intent != nil {
		return []tenant.Action{}
	}
	return tenant.AllowedActions(r.present(), r.pivotPassed)
}

// present is the state to which a request belongs.
func (r *run) present() tenant.State {
	if r.heading != "" {
		return r.heading
	}
	return r.state
}

// planHash names what a rollback would undo now.
func (r *run) planHash() string {
	return tenant.PlanHash(r.in.Operation, r.in.Generation, r.undos.Names())
}

// wantsRollback reports that a rollback was accepted while a step runs.
func (r *run) wantsRollback() bool {
	return !r.pivotPassed && r.intent != nil && r.intent.action == tenant.ActionRollback
}

// done ends the intent that was acted on. One that was accepted meanwhile comes
// too late: what it was meant for has been decided.
func (r *run) done(acted *intent, why string) {
	if r.intent == acted {
		r.intent = nil
		return
	}
	r.dropIntent(why)
}

// dropIntent takes an acceptance back that was overtaken. The audit log keeps
// both.
func (r *run) dropIntent(why string) {
	if r.intent == nil {
		return
	}
	r.audit(r.intent.action, r.intent.request, tenant.OutcomeRefused, why)
	r.intent = nil
}

func (r *run) audit(action tenant.Action, req tenant.ActionRequest, outcome, detail string) {
	if outcome == tenant.OutcomeRefused {
		r.refused = &Refusal{Action: action, Why: detail, At: r.now()}
		r.status.LastRefused = r.refused
	}
	r.audits = append(r.audits, tenant.AuditEntry{
		Actor: req.Actor, Action: string(action), Outcome: outcome,
		Tenant: r.in.Tenant, Operation: r.in.Operation, RequestID: req.RequestID, Reason: req.Reason, Detail: detail,
	})
}

// writeAudits writes the audit log beside the main routine, so that neither
// waits for the other.
func (r *run) writeAudits(ctx workflow.Context) {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	for {
		if err := workflow.Await(ctx, func() bool { return len(r.audits) > 0 }); err != nil {
			return
		}
		r.display(ctx)
		if err := r.write(ctx, "audit "+r.audits[0].Action, nil, operationActivities.AuditAction, r.audits[0]); err != nil {
			r.log.Error("an action is missing from the audit log", "action", r.audits[0].Action, "error", err)
		}
		r.audits = r.audits[1:]
	}
}

// awaitAudits waits until all that was asked is in the audit log. It is there
// before it is done: whoever repeats a request meanwhile must find it, instead
// of being refused by the state that it has led to.
func (r *run) awaitAudits(ctx workflow.Context) error {
	if len(r.audits) == 0 {
		return nil
	}
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	return workflow.Await(ctx, func() bool { return len(r.audits) == 0 })
}
