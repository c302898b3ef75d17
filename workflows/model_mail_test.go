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
func (m *model) Begin(ctx context.Context, f tenant.Fence, step tenant.Step, invite func(tenant.Tenant) tenant.Invitation) (w tenant.Email, err error) {
	err = m.call(ctx, "BeginEmail", func() error {
		if err := m.pass(f); err != nil {
			return err
		}
		if m.mail.state == "" {
			m.mail.state = tenant.EmailPending
		}
		w = tenant.Email{Step: step, ID: mailID, Tenant: m.tenant, Before: m.mail.state}
		if m.mail.state == tenant.EmailSent {
			return nil
		}
		if invite != nil {
			invite(m.tenant)
		}
		m.mail.state = tenant.EmailSending
		m.record(step, tenant.StepInProgress)
		return nil
	})
	return w, err
}

// SendEmail implements activities.Mailer. The provider knows nothing of
// repetitions.
func (m *model) SendEmail(ctx context.Context, w tenant.Email, _ string) (tenant.EmailReceipt, error) {
	err := m.call(ctx, "SendEmail", func() error {
		m.mail.delivered++
		switch {
		case m.operation.ToStatus == tenant.StatusDeleted && m.schema, m.operation.ToStatus != tenant.StatusDeleted && m.tenant.Status != m.operation.ToStatus:
			m.wrong("the administrator was told of what is not so: the tenant is " + string(m.tenant.Status))
		case w.Tenant.Administrator == tenant.Administrator{}:
			m.wrong("a mail was sent to nobody")
		}
		return nil
	})
	return tenant.EmailReceipt{Provider: "model", ProviderID: "1"}, err
}

// FindEmail implements activities.Mailer.
func (m *model) FindEmail(ctx context.Context, _ tenant.Email) (receipt tenant.EmailReceipt, found bool, err error) {
	err = m.call(ctx, "FindEmail", func() error {
		found = m.mail.delivered > 0
		return nil
	})
	return tenant.EmailReceipt{Provider: "model"}, found, err
}

// Repeat implements activities.Outbox.
func (m *model) Repeat(ctx context.Context, f tenant.Fence, _ tenant.Email) error {
	return m.call(ctx, "RepeatEmail", func() error { return m.pass(f) })
}

// Complete implements activities.Outbox: the operation has
// succeeded with the same commit.
func (m *model) Complete(ctx context.Context, f tenant.Fence, w tenant.Email, _ tenant.EmailReceipt) error {
	return m.call(ctx, "CompleteEmail", func() error {
		if err := m.pass(f); err != nil {
			return err
		}
		m.mail.state = tenant.EmailSent
		m.record(w.Step, tenant.StepCompleted)
		if l := m.operation.Lifecycle(); l.StageOf(w.Step) == len(l.Stages)-1 {
			m.succeed()
		}
		return nil
	})
}

// succeed ends the operation.
func (m *model) succeed() {
	o := &m.operation
	o.State, o.FailedStep, o.FailureClass, o.FailureReason = tenant.StateSucceeded, "", "", ""
}

// Leave implements activities.Outbox.
func (m *model) Leave(ctx context.Context, _ tenant.Email, state tenant.EmailState) error {
	return m.call(ctx, "LeaveEmail", func() error {
		if m.mail.state != tenant.EmailSent {
			m.mail.state = state
		}
		return nil
	})
}
