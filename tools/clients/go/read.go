package main

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"tenant-provisioning/tools/clients/go/api"
)

func (c client) refusals(ctx context.Context, o api.Operation) error {
	dryRun := true
	plan, err := got(func(a *api.RollbackOperationResponse) *api.Problem { return a.ApplicationproblemJSON409 })(
		c.RollbackOperationWithResponse(ctx, o.Id, &api.RollbackOperationParams{DryRun: &dryRun}, api.RollbackBody{}))
	if err := errors.Join(err, check(plan.Code, "action-refused", "the plan of a rollback of what has succeeded")); err != nil {
		return err
	}
	nobody, err := c.unknown(ctx)
	return errors.Join(err, check(nobody.Code, "not-found", "an unknown tenant"))
}

func (c client) pages(ctx context.Context, of uuid.UUID) error {
	var kinds []api.Kind
	var cursor *string
	for one := int64(1); ; {
		page, err := got(func(a *api.ListOperationsResponse) *api.ListOperation { return a.JSON200 })(
			c.ListOperationsWithResponse(ctx, &api.ListOperationsParams{TenantId: &of, Limit: &one, Cursor: cursor}))
		if err != nil {
			return err
		}
		for _, o := range page.Items {
			kinds = append(kinds, o.Kind)
		}
		if cursor = page.NextCursor; cursor == nil {
			break
		}
	}
	return errors.Join(check(kinds, "[undelete archive resume suspend provision]", "the operations, a page each"), c.listed(ctx, of))
}

func (c client) listed(ctx context.Context, id uuid.UUID) error {
	active := api.ListTenantsParamsStatus("ACTIVE")
	living, err := got(func(a *api.ListTenantsResponse) *api.ListTenant { return a.JSON200 })(
		c.ListTenantsWithResponse(ctx, &api.ListTenantsParams{Status: &active}))
	found := slices.ContainsFunc(living.Items, func(t api.Tenant) bool { return t.Id == id })
	return errors.Join(err, check(found, true, "the tenant is listed"))
}

// later reads the answers of a later version, with words that this client does not
// know.
func (c client) later(ctx context.Context, known api.Operation) error {
	o, err := got(func(a *api.GetOperationResponse) *api.Operation { return a.JSON200 })(c.GetOperationWithResponse(ctx, known.Id, nil))
	if err != nil {
		return err
	}
	t, err := c.tenant(ctx, known.TenantId)
	if err != nil {
		return err
	}
	steps, err := c.steps(ctx, known.TenantId)
	if err != nil {
		return err
	}
	nobody, err := c.unknown(ctx)
	return errors.Join(err,
		check([]any{o.Kind, o.State, o.AllowedActions}, "[LATER LATER [LATER]]", "an operation of a later version"),
		check(t.Status, "LATER", "a tenant of a later version"),
		check(len(steps) > 0 && steps[0].Step == "LATER" && *steps[0].Status == "LATER", true, "steps of a later version"),
		check([]any{nobody.Code, nobody.Status}, "[LATER 404]", "a problem of a later version"))
}
