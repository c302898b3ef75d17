package workflows_test

import (
	"context"

	"tenant-provisioning/internal/tenant"
)

// EraseAdministrator implements activities.PurgeStore.
func (m *model) EraseAdministrator(ctx context.Context, f tenant.Fence) error {
	return m.effect(ctx, "EraseAdministrator", f, func() {
		if m.schema {
			m.wrong("the administrator was erased while the tenant's data was there")
		}
		m.tenant.Administrator = tenant.Administrator{}
		m.record(tenant.StepEraseAdministrator, tenant.StepCompleted)
	})
}

// MarkDeleted implements activities.PurgeStore.
func (m *model) MarkDeleted(ctx context.Context, f tenant.Fence) error {
	return m.effect(ctx, "MarkDeleted", f, func() {
		m.tenant.Status = m.operation.ToStatus
		m.record(tenant.StepMarkDeleted, tenant.StepCompleted)
		m.succeed()
	})
}
