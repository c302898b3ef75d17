package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"tenant-provisioning/internal/tenant"
)

// decide acts on a parked operation as a person does: it tries what the fate
// says, corrects the address and, where that was refused, tries again.
func (c *chaos) decide(ctx context.Context, s *story, o operation) (accepted bool, err error) {
	action := s.fate.decision
	if s.decided || o.State == tenant.StateRollbackBlocked {
		action = tenant.ActionRetry
	}
	if action == tenant.ActionRetry && s.fate.event == mailRefused {
		if err := c.correctAddress(ctx, s); err != nil {
			return false, err
		}
	}
	accepted, err = c.ask(ctx, s, action)
	// What is allowed and refused all the same came too early: the run had yet
	// to learn that its parking is written.
	s.decided = s.decided || accepted || !slices.Contains(o.AllowedActions, action)
	return accepted, err
}

// ask requests an action twice under one id.
func (c *chaos) ask(ctx context.Context, s *story, action tenant.Action) (accepted bool, err error) {
	a := asked{operation: s.operation(), action: action, id: uuid.NewString()}
	q := request{method: http.MethodPost, path: "/v1/operations/" + a.operation + "/" + string(action), body: map[string]string{"reason": "chaos", "requestId": a.id}}
	for i := range a.answers {
		if a.answers[i], err = c.call(ctx, q, nil); err != nil {
			return false, err
		}
	}
	s.asked = append(s.asked, a)
	return a.answers == taken, nil
}

func (c *chaos) correctAddress(ctx context.Context, s *story) error {
	s.email = address()
	return c.expect(ctx, request{method: http.MethodPatch, path: "/v1/tenants/" + s.tenant, body: map[string]string{"adminEmail": s.email}}, http.StatusOK, nil)
}

// provisionAnew asks for it twice under one key, which must give one operation.
func (c *chaos) provisionAnew(ctx context.Context, s *story) error {
	q := request{method: http.MethodPost, path: "/v1/tenants/" + s.tenant + "/reprovision", key: uuid.NewString(), body: map[string]string{"reason": "chaos"}}
	var first, second operation
	for _, o := range []*operation{&first, &second} {
		if err := c.expect(ctx, q, http.StatusAccepted, o); err != nil {
			return err
		}
	}
	if first.ID != second.ID || first.TenantID != s.tenant {
		return fmt.Errorf("provisioned anew as tenant %s by operation %s, and, repeated, by %s", first.TenantID, first.ID, second.ID)
	}
	s.operations, s.decided = append(s.operations, first.ID), true
	return nil
}
