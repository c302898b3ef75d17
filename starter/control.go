package main

import (
	"context"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/batch"
)

// control is what the commands need of the control plane.
type control interface {
	batch.Control
	incidents
	holds
	capacities
	records
	Tenants(ctx context.Context, f tenant.Filter) (tenant.Page[tenant.Tenant], error)
	TenantsWaiting(ctx context.Context, ids []tenant.ID) (map[tenant.ID]*tenant.WaitingFor, error)
	Progress(ctx context.Context, id tenant.ID) (tenant.Progress, error)
	Operation(ctx context.Context, id tenant.OperationID) (tenant.Operation, error)
	Operations(ctx context.Context, f tenant.OperationFilter) (tenant.Page[tenant.Operation], error)
	Plan(ctx context.Context, id tenant.OperationID) (tenant.RollbackPlan, error)
	Submit(ctx context.Context, r tenant.Request, who tenant.Caller) (tenant.Operation, error)
	Act(ctx context.Context, id tenant.OperationID, a tenant.Action, r tenant.ActionRequest, who tenant.Caller) (tenant.Operation, error)
}
