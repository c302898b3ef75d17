package workflows_test

import (
	"context"
	"time"

	"tenant-provisioning/internal/tenant"
)

// RevokeAccess implements activities.AccessStore.
func (m *model) RevokeAccess(ctx context.Context, f tenant.Fence) error {
	return m.effect(ctx, "RevokeAccess", f, func() {
		m.access = false
		m.record(tenant.StepRevokeAccess, tenant.StepCompleted)
	})
}

// RestoreAccess implements activities.AccessStore.
func (m *model) RestoreAccess(ctx context.Context, f tenant.Fence) error {
	return m.effect(ctx, "RestoreAccess", f, func() {
		m.access = true
		m.record(tenant.StepRevokeAccess, tenant.StepRolledBack)
	})
}

// MarkSuspended implements activities.AccessStore.
func (m *model) MarkSuspended(ctx context.Context, f tenant.Fence) error {
	return m.effect(ctx, "MarkSuspended", f, func() { m.pivot(tenant.StepMarkSuspended) })
}

// MarkArchived implements activities.AccessStore.
func (m *model) MarkArchived(ctx context.Context, f tenant.Fence, _ time.Duration) error {
	return m.effect(ctx, "MarkArchived", f, func() { m.pivot(tenant.StepMarkArchived) })
}

// GiveBack implements activities.ActivationStore.
func (m *model) GiveBack(ctx context.Context, f tenant.Fence) error {
	return m.effect(ctx, "GiveBack", f, func() {
		m.access = true
		m.pivot(tenant.StepMarkActive)
	})
}

// pivot gives the tenant the status that the operation leads to.
func (m *model) pivot(step tenant.Step) {
	if m.operation.PivotPassed {
		return
	}
	if m.operation.ToStatus != tenant.StatusActive && m.access {
		m.wrong("a tenant whose data can be used became " + string(m.operation.ToStatus))
	}
	m.tenant.Status, m.operation.PivotPassed = m.operation.ToStatus, true
	m.record(step, tenant.StepCompleted)
}

// effect is a call that passes the fence.
func (m *model) effect(ctx context.Context, name string, f tenant.Fence, do func()) error {
	return m.call(ctx, name, func() error {
		if err := m.pass(f); err != nil {
			return err
		}
		do()
		return nil
	})
}

// BeginStatus implements activities.ContractStore.
func (m *model) BeginStatus(ctx context.Context, f tenant.Fence, step tenant.Step) (attempt tenant.AttemptID, id string, done bool, err error) {
	err = m.effect(ctx, "BeginContractStatus", f, func() {
		id, done = m.tenant.ContractID, m.has(step, tenant.StepCompleted)
		if !done {
			m.record(step, tenant.StepInProgress)
		}
	})
	return attempt, id, done, err
}

// SetStatus implements activities.Ledger: it journals, which passes the fence, then
// sends. Whatever was sent before has met its fate by then.
func (m *model) SetStatus(ctx context.Context, f tenant.Fence, id string, to tenant.ContractStatus, progress func(string)) error {
	progress("looking at the journal")
	if err := m.call(ctx, "JournalStatus", func() error {
		m.learnFate()
		if m.ledger.status() == to {
			return nil
		}
		if err := m.pass(f); err != nil {
			return err
		}
		if id != contractID || !m.ledger.deployed || m.ledger.terminated {
			m.wrong("the status of a contract was set that is not the tenant's to set")
		}
		m.ledger.becoming = to
		return nil
	}); err != nil {
		return err
	}
	return m.call(ctx, "SendStatus", func() error {
		m.learnFate()
		return nil
	})
}

// CompleteStatus implements activities.ContractStore.
func (m *model) CompleteStatus(ctx context.Context, f tenant.Fence, step tenant.Step, _ tenant.AttemptID) error {
	return m.effect(ctx, "CompleteContractStatus", f, func() { m.record(step, tenant.StepCompleted) })
}

// Find implements activities.ContractStore.
func (m *model) Find(ctx context.Context, _ tenant.Fence) (id string, err error) {
	err = m.call(ctx, "FindContract", func() error {
		id = m.tenant.ContractID
		return nil
	})
	return id, err
}

// StatusUndone implements activities.ContractStore.
func (m *model) StatusUndone(ctx context.Context, f tenant.Fence, step tenant.Step, _ time.Duration) error {
	return m.effect(ctx, "ContractStatusUndone", f, func() { m.record(step, tenant.StepRolledBack) })
}
