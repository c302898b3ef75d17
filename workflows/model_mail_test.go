package workflows_test

import (
	"context"

	"tenant-provisioning/internal/tenant"
)

// mail is the row of the welcome mail, and what the provider has of it.
type mail struct {
	state     tenant.EmailState
	delivered int
}

const mailID = "mail-1"

// invitationKeys are one key.
type invitationKeys struct{}

// All implements activities.InvitationKeys.
func (invitationKeys) All(context.Context) (tenant.InvitationKeys, error) {
	return tenant.InvitationKeys{[]byte("a key of the test")}, nil
}

// Begin implements activities.Outbox.
func (m *model) Begin(ctx context.Context, f tenant.Fence, invite func(tenant.Tenant) tenant.Invitation) (w tenant.WelcomeEmail, err error) {
	err = m.call(ctx, "BeginWelcomeEmail", func() error {
		if err := m.pass(f); err != nil {
			return err
		}
		if m.mail.state == "" {
			m.mail.state = tenant.EmailPending
		}
		w = tenant.WelcomeEmail{ID: mailID, Tenant: m.tenant, Before: m.mail.state}
		if m.mail.state == tenant.EmailSent {
			return nil
		}
		invite(m.tenant)
		m.mail.state = tenant.EmailSending
		m.record(tenant.StepSendWelcomeEmail, tenant.StepInProgress)
		return nil
	})
	return w, err
}

// SendWelcome implements activities.Mailer. The provider knows nothing of
// repetitions.
func (m *model) SendWelcome(ctx context.Context, _ tenant.WelcomeEmail, _ string) (tenant.EmailReceipt, error) {
	err := m.call(ctx, "SendWelcome", func() error {
		m.mail.delivered++
		if m.tenant.Status != tenant.StatusActive {
			m.wrong("a tenant that is not active was welcomed")
		}
		return nil
	})
	return tenant.EmailReceipt{Provider: "model", ProviderID: "1"}, err
}

// FindWelcome implements activities.Mailer.
func (m *model) FindWelcome(ctx context.Context, _ tenant.WelcomeEmail) (receipt tenant.EmailReceipt, found bool, err error) {
	err = m.call(ctx, "FindWelcome", func() error {
		found = m.mail.delivered > 0
		return nil
	})
	return tenant.EmailReceipt{Provider: "model"}, found, err
}

// Repeat implements activities.Outbox.
func (m *model) Repeat(ctx context.Context, f tenant.Fence, _ string) error {
	return m.call(ctx, "RepeatWelcomeEmail", func() error { return m.pass(f) })
}

// Complete implements activities.Outbox: the operation has
// succeeded with the same commit.
func (m *model) Complete(ctx context.Context, f tenant.Fence, _ tenant.WelcomeEmail, _ tenant.EmailReceipt) error {
	return m.call(ctx, "CompleteWelcomeEmail", func() error {
		if err := m.pass(f); err != nil {
			return err
		}
		m.mail.state = tenant.EmailSent
		m.record(tenant.StepSendWelcomeEmail, tenant.StepCompleted)
		o := &m.operation
		o.State, o.FailedStep, o.FailureClass, o.FailureReason = tenant.StateSucceeded, "", "", ""
		return nil
	})
}

// Leave implements activities.Outbox.
func (m *model) Leave(ctx context.Context, _ tenant.WelcomeEmail, state tenant.EmailState) error {
	return m.call(ctx, "LeaveWelcomeEmail", func() error {
		if m.mail.state != tenant.EmailSent {
			m.mail.state = state
		}
		return nil
	})
}
