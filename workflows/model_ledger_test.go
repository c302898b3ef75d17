package workflows_test

import (
	"context"
	"time"

	"tenant-provisioning/internal/tenant"
)

// ledger is the tenant's contract on a ledger. A transaction that was sent may
// be applied at any time until its fate is learned; nothing is ever removed.
type ledger struct {
	pending    bool
	deployed   bool
	terminated bool
	suspended  bool
	// becoming is the status that a transaction under way would set.
	becoming tenant.ContractStatus
}

// apply lets a transaction under way that sets the status be applied.
func (l *ledger) apply() {
	if l.becoming != "" {
		l.suspended, l.becoming = l.becoming == tenant.ContractSuspended, ""
	}
}

// status is what the contract says.
func (l *ledger) status() tenant.ContractStatus {
	switch {
	case !l.deployed:
		return ""
	case l.terminated:
		return tenant.ContractTerminated
	case l.suspended:
		return tenant.ContractSuspended
	}
	return tenant.ContractActive
}

const contractID = "CTENANTCONTRACT"

// BeginDeployment implements activities.ContractStore.
func (m *model) BeginDeployment(ctx context.Context, f tenant.Fence) (attempt tenant.AttemptID, stored string, err error) {
	err = m.call(ctx, "BeginContract", func() error {
		if err := m.pass(f); err != nil {
			return err
		}
		if stored = m.tenant.ContractID; stored == "" {
			m.record(tenant.StepDeployContract, tenant.StepInProgress)
		}
		return nil
	})
	return 0, stored, err
}

// Deploy implements activities.Ledger: it journals, which passes the fence,
// then sends, which nothing can take back.
func (m *model) Deploy(ctx context.Context, f tenant.Fence, progress func(string)) (string, error) {
	progress("looking at the journal")
	if err := m.call(ctx, "Journal", func() error {
		m.learnFate()
		if m.ledger.deployed {
			return nil
		}
		if err := m.pass(f); err != nil {
			return err
		}
		m.ledger.pending = true
		return nil
	}); err != nil {
		return "", err
	}
	err := m.call(ctx, "Send", func() error {
		m.learnFate()
		return nil
	})
	return contractID, err
}

// learnFate waits for the end of a transaction under way: the worst that it
// can be is that it was applied.
func (m *model) learnFate() {
	m.ledger.apply()
	if !m.ledger.pending {
		return
	}
	m.ledger.pending = false
	if m.ledger.deployed {
		m.wrong("a second contract was deployed")
	}
	m.ledger.deployed = true
}

// CompleteDeployment implements activities.ContractStore.
func (m *model) CompleteDeployment(ctx context.Context, f tenant.Fence, _ tenant.AttemptID, id string) error {
	return m.call(ctx, "StoreContract", func() error {
		if err := m.pass(f); err != nil {
			return err
		}
		m.tenant.ContractID = id
		m.record(tenant.StepDeployContract, tenant.StepCompleted)
		m.record(tenant.StepStoreContract, tenant.StepCompleted)
		return nil
	})
}

// Terminate implements activities.Ledger.
func (m *model) Terminate(ctx context.Context, f tenant.Fence, progress func(string)) error {
	progress("looking at the journal")
	return m.call(ctx, "Terminate", func() error {
		m.learnFate()
		if !m.ledger.deployed || m.ledger.terminated {
			return nil
		}
		if err := m.pass(f); err != nil {
			return err
		}
		if !m.tenant.ActivatedAt.IsZero() {
			m.wrong("the contract of an active tenant was terminated")
		}
		m.ledger.terminated = true
		return nil
	})
}

// TerminateAll implements activities.Ledger.
func (m *model) TerminateAll(ctx context.Context, f tenant.Fence, _ string, progress func(string)) error {
	progress("looking at the journal")
	return m.call(ctx, "TerminateAll", func() error {
		m.learnFate()
		if !m.ledger.deployed || m.ledger.terminated {
			return nil
		}
		if err := m.pass(f); err != nil {
			return err
		}
		m.ledger.terminated = true
		return nil
	})
}

// Terminated implements activities.ContractStore.
func (m *model) Terminated(ctx context.Context, f tenant.Fence, _ time.Duration) error {
	return m.call(ctx, "ContractTerminated", func() error {
		if err := m.pass(f); err != nil {
			return err
		}
		m.record(tenant.StepDeployContract, tenant.StepRolledBack)
		return nil
	})
}
