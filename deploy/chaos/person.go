package main

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"tenant-provisioning/client"
	"tenant-provisioning/internal/tenant"
)

// decide acts on a parked operation as a person does: it tries what the fate
// says and, where that was refused, tries again; it corrects the address where the
// failure asks for that.
func (c *chaos) decide(ctx context.Context, s *story, d *deed, o client.Operation) (accepted bool, err error) {
	action := d.fate.decision
	if d.decided || action == leaveIt || o.State == client.StateRollbackBlocked {
		action = tenant.ActionRetry
	}
	step := tenant.Step(o.FailedStep)
	if step.Template() != "" && o.FailureClass == client.FailureClassPermanent && !tenant.WantsAddress(step, o.FailureReason) {
		action = tenant.ActionSkip // no address that it could be sent to
	}
	if action == tenant.ActionRetry && tenant.WantsAddress(step, o.FailureReason) {
		if err := c.changeAddress(ctx, s, address()); err != nil {
			return false, err
		}
	}
	accepted, err = c.ask(ctx, d, action)
	// What is allowed and refused all the same came too early: the run had yet
	// to learn that its parking is written.
	d.decided = d.decided || accepted || !slices.Contains(o.AllowedActions, client.Action(action))
	return accepted, err
}

// ask requests an action twice under one id.
func (c *chaos) ask(ctx context.Context, d *deed, action tenant.Action) (accepted bool, err error) {
	a := asked{action: action, id: uuid.NewString()}
	for i := range a.answers {
		_, err := insist(ctx, c.acting(action, d.id, a.id))
		var good bool
		if a.answers[i], good = forGood(err); !good {
			return false, err
		}
	}
	d.asked = append(d.asked, a)
	return a.answers == taken, nil
}

func (c *chaos) changeAddress(ctx context.Context, s *story, to string) error {
	s.email = to
	_, err := insist(ctx, func(ctx context.Context) (client.Tenant, error) {
		return c.client.ChangeTenant(ctx, s.tenant, client.ChangeTenantParams{AdminEmail: to})
	})
	return err
}

// address is one that nobody else has, and refusedAddress one that the mail catcher
// refuses.
func address() string        { return "ada." + uuid.NewString()[:8] + "@hospital.example" }
func refusedAddress() string { return strings.TrimSuffix(address(), ".example") + ".invalid" }
