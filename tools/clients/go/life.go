package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"tenant-provisioning/tools/clients/go/api"
)

func (c client) live(ctx context.Context, name string) (last api.Operation, err error) {
	created, err := c.create(ctx, name)
	if err != nil {
		return last, err
	}
	id := created.TenantId
	for _, next := range []func() error{
		func() error { return c.provisioned(ctx, id) },
		func() error { return c.refusesResume(ctx, id) },
		func() error { return c.suspendAndResume(ctx, id) },
		func() error { return c.archive(ctx, id) },
	} {
		if err := next(); err != nil {
			return last, err
		}
	}
	last, err = got(func(a *api.UndeleteTenantResponse) *api.Operation { return a.JSON202 })(
		c.UndeleteTenantWithResponse(ctx, id, nil, api.OptionalReasonAndName{}))
	return c.follow(ctx, last, err)
}

func (c client) create(ctx context.Context, name string) (api.Operation, error) {
	key := uuid.NewString()
	create := func() (api.Operation, error) {
		return got(func(a *api.CreateTenantResponse) *api.Operation { return a.JSON202 })(
			c.CreateTenantWithResponse(ctx, &api.CreateTenantParams{IdempotencyKey: &key}, api.NewTenant{
				Name: name, AdminEmail: "ada@hospital.example", AdminFirstName: "Ada", AdminLastName: "Lovelace",
			}))
	}
	created, err := create()
	if err != nil {
		return created, err
	}
	again, err := create()
	if err := errors.Join(err, check(again.Id, created.Id, "the same Idempotency-Key")); err != nil {
		return created, err
	}
	return c.follow(ctx, created, nil)
}

func (c client) provisioned(ctx context.Context, id uuid.UUID) error {
	t, err := c.tenant(ctx, id)
	if err := errors.Join(err, check(t.Status, "ACTIVE", "after provisioning")); err != nil {
		return err
	}
	steps, err := c.steps(ctx, id)
	for _, s := range steps {
		if s.Status == nil || *s.Status != "COMPLETED" {
			return fmt.Errorf("%s: not completed: %+v", s.Step, s)
		}
	}
	return err
}

func (c client) refusesResume(ctx context.Context, id uuid.UUID) error {
	p, err := got(func(a *api.ResumeTenantResponse) *api.Problem { return a.ApplicationproblemJSON409 })(
		c.ResumeTenantWithResponse(ctx, id, nil, api.OptionalReason{}))
	if err != nil {
		return err
	}
	if p.AllowedActions == nil || !slices.Contains(*p.AllowedActions, "suspend") || p.TenantStatus == nil {
		return fmt.Errorf("resuming an ACTIVE tenant: %+v", p)
	}
	return check(p.Code, "action-refused", "resuming an ACTIVE tenant")
}

func (c client) suspendAndResume(ctx context.Context, id uuid.UUID) error {
	key := uuid.NewString()
	o, err := got(func(a *api.SuspendTenantResponse) *api.Operation { return a.JSON202 })(
		c.SuspendTenantWithResponse(ctx, id, &api.SuspendTenantParams{IdempotencyKey: &key}, api.Reason{Reason: "ticket 4711"}))
	if _, err := c.follow(ctx, o, err); err != nil {
		return err
	}
	o, err = got(func(a *api.ResumeTenantResponse) *api.Operation { return a.JSON202 })(
		c.ResumeTenantWithResponse(ctx, id, nil, api.OptionalReason{}))
	_, err = c.follow(ctx, o, err)
	return err
}

func (c client) archive(ctx context.Context, id uuid.UUID) error {
	why := "ticket 4712"
	o, err := got(func(a *api.ArchiveTenantResponse) *api.Operation { return a.JSON202 })(
		c.ArchiveTenantWithResponse(ctx, id, nil, api.OptionalReason{Reason: &why}))
	if _, err := c.follow(ctx, o, err); err != nil {
		return err
	}
	t, err := c.tenant(ctx, id)
	if err != nil || t.ArchivedFrom == nil {
		return errors.Join(err, fmt.Errorf("after archiving: %+v", t))
	}
	return errors.Join(check(t.Status, "ARCHIVED", "after archiving"), check(*t.ArchivedFrom, "ACTIVE", "before archiving"))
}
