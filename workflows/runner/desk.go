package runner

import (
	"fmt"
	"slices"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/internal/tenant"
)

// ActionResult answers an accepted action.
type ActionResult struct {
	Action tenant.Action `json:"action"`
	// State is the operation's state when the action was accepted.
	State tenant.State `json:"state"`
}

const (
	// ErrTypeActionRefused is the type of the error that answers a refused action;
	// its details are a tenant.ActionRefusedError.
	ErrTypeActionRefused = "ActionRefused"
	// ErrTypePlanChanged is the type of the error that answers a rollback whose
	// plan has changed; its details are a tenant.PlanChangedError.
	ErrTypePlanChanged = "PlanChanged"
	// ErrTypeActionInvalid is the type of the error that answers an action without
	// an actor or a reason.
	ErrTypeActionInvalid = "ActionInvalid"
)

// changeRequestIDs names the change since which a request id belongs to its
// actor. Before, whoever used somebody else's got the answer to that request.
const changeRequestIDs = "request-id-of-actor"

// desk takes what people ask of a run: it accepts or refuses, and has either
// audited. The run itself acts.
type desk struct {
	record *record
	// plan is the hash of what a rollback would undo now.
	plan   func() string
	intent *intent
	// answered keeps how requests with an id were answered.
	answered map[string]answer
	// idsAreShared tells that the run began, and was asked with an id of somebody
	// else, before such ids were told apart.
	idsAreShared func() bool
	// refused is the last request that was refused; nil while none was.
	refused *Refusal
}

// intent is an action that was accepted and that the run has not yet acted on.
type intent struct {
	action  tenant.Action
	request tenant.ActionRequest
}

// answer is how a request with an id was answered, to answer its repetition
// alike.
type answer struct {
	result ActionResult
	err    error
}

// open takes retry, skip and rollback, as updates and as signals of the same
// names.
func (d *desk) open(ctx workflow.Context) error {
	for _, action := range tenant.Actions() {
		update := func(_ workflow.Context, raw converter.RawValue) (ActionResult, error) {
			return d.decide(action, read(raw.Payload()).request)
		}
		if err := workflow.SetUpdateHandlerWithOptions(ctx, string(action), update, workflow.UpdateHandlerOptions{
			Validator:   readable,
			Description: fmt.Sprintf("%s the operation: {\"actor\": who, \"reason\": why}", action),
		}); err != nil {
			return err
		}
		d.receive(ctx, action)
	}
	d.idsAreShared = func() bool {
		return workflow.GetVersion(ctx, changeRequestIDs, workflow.DefaultVersion, 1) == workflow.DefaultVersion
	}
	workflow.Go(ctx, d.refuseUnknown)
	return nil
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
func (d *desk) decide(action tenant.Action, req tenant.ActionRequest) (ActionResult, error) {
	d.record.requests++
	clean, err := req.Clean()
	if err != nil {
		d.audit(action, req.Legible(), tenant.OutcomeRefused, err.Error())
		return ActionResult{}, validateForm(req)
	}
	request := string(action) + " " + clean.RequestID // one id may stand for a retry and, later, for a rollback
	own := request + "\x00" + clean.Actor             // and is its actor's alone
	if v, repeated := d.answered[own]; repeated && clean.RequestID != "" {
		return v.result, v.err
	}
	if v, others := d.answered[request]; others && clean.RequestID != "" && d.idsAreShared() {
		return v.result, v.err
	}
	v := answer{result: ActionResult{Action: action, State: d.record.current()}}
	switch allowed := d.allowed(); {
	case d.intent != nil && d.intent.action == action: // asked twice for the same parking: acts once
		d.audit(action, clean, tenant.OutcomeAccepted, "already accepted")
	case !slices.Contains(allowed, action):
		refusal := &tenant.ActionRefusedError{Action: action, State: d.record.current(), Allowed: allowed}
		v.result, v.err = ActionResult{}, temporal.NewApplicationErrorWithOptions(refusal.Error(), ErrTypeActionRefused,
			temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{*refusal}})
		d.audit(action, clean, tenant.OutcomeRefused, refusal.Error())
	case action == tenant.ActionRollback && clean.PlanHash != "" && clean.PlanHash != d.plan():
		refusal := &tenant.PlanChangedError{Hash: d.plan()}
		v.result, v.err = ActionResult{}, temporal.NewApplicationErrorWithOptions(refusal.Error(), ErrTypePlanChanged,
			temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{*refusal}})
		d.audit(action, clean, tenant.OutcomeRefused, refusal.Error())
	default:
		d.intent = &intent{action: action, request: clean}
		d.audit(action, clean, tenant.OutcomeAccepted, "")
	}
	if clean.RequestID != "" {
		d.answered[request], d.answered[own] = v, v
	}
	return v.result, v.err
}

// allowed is what a person may do now: nothing more once an action was
// accepted and is about to be done.
func (d *desk) allowed() []tenant.Action {
	if d.intent != nil {
		return []tenant.Action{}
	}
	return tenant.AllowedActions(d.record.current(), d.record.position())
}

// wantsRollback reports that a rollback was accepted while a step runs.
func (d *desk) wantsRollback() bool {
	return !d.record.pivotPassed && d.intent != nil && d.intent.action == tenant.ActionRollback
}

// done ends the intent that was acted on. One that was accepted meanwhile comes
// too late: what it was meant for has been decided.
func (d *desk) done(acted *intent, why string) {
	if d.intent == acted {
		d.intent = nil
		return
	}
	d.drop(why)
}

// drop takes an acceptance back that was overtaken. The audit log keeps
// both.
func (d *desk) drop(why string) {
	if d.intent == nil {
		return
	}
	d.audit(d.intent.action, d.intent.request, tenant.OutcomeRefused, why)
	d.intent = nil
}

func (d *desk) audit(action tenant.Action, req tenant.ActionRequest, outcome, detail string) {
	if outcome == tenant.OutcomeRefused {
		d.refused = &Refusal{Action: action, Why: detail, At: d.record.now()}
	}
	d.record.audits = append(d.record.audits, tenant.AuditEntry{
		Actor: req.Actor, Action: string(action), Outcome: outcome,
		Tenant: d.record.in.Tenant, Operation: d.record.in.Operation, RequestID: req.RequestID, Reason: req.Reason, Detail: detail,
	})
}
