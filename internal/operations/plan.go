package operations

import (
	"context"
	"slices"

	"tenant-provisioning/internal/tenant"
)

// Plan tells what a rollback of the operation would do now. It asks the
// database only, so that it answers when no worker does.
//
// Errors: tenant.ErrNotFound, *tenant.ActionRefusedError when the operation
// cannot be rolled back any more, tenant.ErrUnavailable.
func (s *Service) Plan(ctx context.Context, id tenant.OperationID) (tenant.RollbackPlan, error) {
	o, err := s.config.Operations.Find(ctx, id)
	if err != nil {
		return tenant.RollbackPlan{}, err
	}
	if allowed := o.AllowedActions(); !slices.Contains(allowed, tenant.ActionRollback) {
		return tenant.RollbackPlan{}, &tenant.ActionRefusedError{Action: tenant.ActionRollback, State: o.State, Allowed: allowed}
	}
	return s.plan(ctx, o)
}

func (s *Service) plan(ctx context.Context, o tenant.Operation) (tenant.RollbackPlan, error) {
	t, err := s.config.Tenants.Find(ctx, o.TenantID)
	if err != nil {
		return tenant.RollbackPlan{}, err
	}
	logs, err := s.config.Operations.Logs(ctx, o.ID)
	if err != nil {
		return tenant.RollbackPlan{}, err
	}
	return tenant.PlanRollback(t, o, logs), nil
}
