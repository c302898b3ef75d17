package main

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"tenant-provisioning/internal/tenant"
)

// decide acts on a parked operation as a person does: it tries what the fate
// says and, where that was refused, tries again; it corrects the address where the
// failure asks for that.
func (c *chaos) decide(ctx context.Context, s *story, d *deed, o operation) (accepted bool, err error) {
	action := d.fate.decision
	if d.decided || action == leaveIt || o.State == tenant.StateRollbackBlocked {
		action = tenant.ActionRetry
	}
	if o.FailedStep.Template() != "" && o.FailureClass == tenant.ClassPermanent && !tenant.WantsAddress(o.FailedStep, o.FailureReason) {
		action = tenant.ActionSkip // no address that it could be sent to
	}
	if action == tenant.ActionRetry && tenant.WantsAddress(o.FailedStep, o.FailureReason) {
		if err := c.changeAddress(ctx, s, address()); err != nil {
			return false, err
		}
	}
	accepted, err = c.ask(ctx, d, action)
	// What is allowed and refused all the same came too early: the run had yet
	// to learn that its parking is written.
	d.decided = d.decided || accepted || !slices.Contains(o.AllowedActions, action)
	return accepted, err
}

// ask requests an action twice under one id.
func (c *chaos) ask(ctx context.Context, d *deed, action tenant.Action) (accepted bool, err error) {
	a := asked{action: action, id: uuid.NewString()}
	q := request{method: http.MethodPost, path: "/v1/operations/" + d.id + "/" + string(action), body: map[string]string{"reason": "chaos", "requestId": a.id}}
	for i := range a.answers {
		if a.answers[i], err = c.call(ctx, q, nil); err != nil {
			return false, err
		}
	}
	d.asked = append(d.asked, a)
	return a.answers == taken, nil
}

func (c *chaos) changeAddress(ctx context.Context, s *story, to string) error {
	s.email = to
	return c.expect(ctx, request{method: http.MethodPatch, path: "/v1/tenants/" + s.tenant, body: map[string]string{"adminEmail": to}}, http.StatusOK, nil)
}

// address is one that nobody else has, and refusedAddress one that the mail catcher
// refuses.
func address() string        { return "ada." + uuid.NewString()[:8] + "@hospital.example" }
func refusedAddress() string { return strings.TrimSuffix(address(), ".example") + ".invalid" }
