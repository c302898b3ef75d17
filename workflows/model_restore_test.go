package workflows_test

import (
	"context"

	"tenant-provisioning/internal/tenant"
)

// RestoreData implements activities.DataRestorer.
func (m *model) RestoreData(ctx context.Context, f tenant.Fence) error {
	return m.effect(ctx, "FillSchema", f, func() {
		m.filled = true
		m.record(tenant.StepRestoreData, tenant.StepCompleted)
	})
}

// dropRestored is what the real store does in Drop.
func (m *model) dropRestored(ctx context.Context, f tenant.Fence) error {
	return m.effect(ctx, "DropFilled", f, func() {
		m.filled = false
		m.record(tenant.StepRestoreData, tenant.StepRolledBack)
	})
}

// Swap implements activities.RestoreStore.
func (m *model) Swap(ctx context.Context, f tenant.Fence) error {
	return m.effect(ctx, "SwapSchemas", f, func() {
		if m.access {
			m.wrong("the schemas changed places while the tenant's data could be used")
		}
		if !m.filled {
			m.wrong("a schema that was not filled took the place of the tenant's")
		}
		m.filled, m.restored, m.access = false, true, m.operation.ToStatus == tenant.StatusActive
		m.operation.PivotPassed = true
		m.record(tenant.StepSwapSchemas, tenant.StepCompleted)
		m.succeed()
	})
}

// restoring is the model as activities.RestoreStore, whose Drop is another than that of
// the store of schemas.
type restoring struct{ *model }

func (r restoring) Drop(ctx context.Context, f tenant.Fence) error { return r.dropRestored(ctx, f) }
