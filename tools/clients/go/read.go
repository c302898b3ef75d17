package main

import (
	"context"
	"errors"

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

func (c client) pages(ctx context.Context) error {
	seen, one := map[uuid.UUID]bool{}, int64(1)
	var cursor *string
	for {
		page, err := got(func(a *api.ListTenantsResponse) *api.ListTenant { return a.JSON200 })(
			c.ListTenantsWithResponse(ctx, &api.ListTenantsParams{Limit: &one, Cursor: cursor}))
		if err != nil {
			return err
		}
		for _, t := range page.Items {
			seen[t.Id] = true
		}
		if cursor = page.NextCursor; cursor == nil {
			return check(len(seen) > 1, true, "more than one page")
		}
	}
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
