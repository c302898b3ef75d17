package workflows_test

import (
	"cmp"
	"context"

	"tenant-provisioning/internal/tenant"
)

// mail is the row of a mail, and what the provider has of it.
type mail struct {
	state     tenant.EmailState
	delivered int
}

// mails are those of the steps that send one.
type mails map[tenant.Step]mail

const mailID = "mail-1"

// signsIn is who signs in as the administrator when another address is invited.
var signsIn = tenant.Administrator{Email: "grace@hospital.example", FirstName: "Grace", LastName: "Hopper"}

// delivered counts the mails of all steps that have left.
func (ms mails) delivered() (n int) {
	for _, of := range ms {
		n += of.delivered
	}
	return n
}

// change changes the mail of a step.
func (ms mails) change(step tenant.Step, do func(*mail)) {
	of := ms[step]
	do(&of)
	ms[step] = of
}

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
		if m.tenant.Administrator.Email == "" {
			return tenant.ErrSuperseded
		}
		was := cmp.Or(m.mails[step].state, tenant.EmailPending)
		w = tenant.Email{Step: step, ID: mailID, Tenant: m.tenant, Before: was}
		if step == tenant.StepSendInvitedElsewhereEmail {
			w.To = &signsIn
		}
		if was == tenant.EmailSent {
			return nil
		}
		if invite != nil {
			invite(m.tenant)
		}
		m.mails.change(step, func(of *mail) { of.state = tenant.EmailSending })
		m.record(step, tenant.StepInProgress)
		return nil
	})
	return w, err
}

// SendEmail implements activities.Mailer. The provider knows nothing of
// repetitions.
func (m *model) SendEmail(ctx context.Context, w tenant.Email, _ string) (tenant.EmailReceipt, error) {
	err := m.call(ctx, "SendEmail", func() error {
		m.mails.change(w.Step, func(of *mail) { of.delivered++ })
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
func (m *model) FindEmail(ctx context.Context, w tenant.Email) (receipt tenant.EmailReceipt, found bool, err error) {
	err = m.call(ctx, "FindEmail", func() error {
		found = m.mails[w.Step].delivered > 0
		return nil
	})
	return tenant.EmailReceipt{Provider: "model"}, found, err
}

// Repeat implements activities.Outbox.
func (m *model) Repeat(ctx context.Context, f tenant.Fence, _ tenant.Email) error {
	return m.call(ctx, "RepeatEmail", func() error { return m.pass(f) })
}

// Complete implements activities.Outbox: where the step is the last one, the
// operation has succeeded with the same commit.
func (m *model) Complete(ctx context.Context, f tenant.Fence, w tenant.Email, _ tenant.EmailReceipt) error {
	return m.call(ctx, "CompleteEmail", func() error {
		if err := m.pass(f); err != nil {
			return err
		}
		m.mails.change(w.Step, func(of *mail) { of.state = tenant.EmailSent })
		m.record(w.Step, tenant.StepCompleted)
		o := &m.operation
		l := o.Lifecycle()
		i := l.StageOf(w.Step)
		o.PivotPassed = o.PivotPassed || l.Stages[i].Pivot
		if i == len(l.Stages)-1 {
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
func (m *model) Leave(ctx context.Context, w tenant.Email, state tenant.EmailState) error {
	return m.call(ctx, "LeaveEmail", func() error {
		m.mails.change(w.Step, func(of *mail) {
			if of.state != tenant.EmailSent {
				of.state = state
			}
		})
		return nil
	})
}

// Undeliverable implements activities.Outbox.
func (m *model) Undeliverable(ctx context.Context, f tenant.Fence, w tenant.Email, _ string) error {
	return m.effect(ctx, "Undeliverable", f, func() {
		m.mails.change(w.Step, func(of *mail) { of.state = tenant.EmailFailed })
		m.record(w.Step, tenant.StepSkipped)
	})
}
