package activities

import (
	"context"
	"errors"
	"strings"
	"time"

	"tenant-provisioning/internal/tenant"
)

// Outbox keeps mails and the links in them.
type Outbox interface {
	Begin(ctx context.Context, f tenant.Fence, step tenant.Step, invite func(tenant.Tenant) tenant.Invitation) (tenant.Email, error)
	Repeat(ctx context.Context, f tenant.Fence, w tenant.Email) error
	Complete(ctx context.Context, f tenant.Fence, w tenant.Email, r tenant.EmailReceipt) error
	Leave(ctx context.Context, w tenant.Email, state tenant.EmailState) error
	Undeliverable(ctx context.Context, f tenant.Fence, w tenant.Email, reason string) error
}

// Mailer sends mails and asks what became of them.
type Mailer interface {
	// SendEmail sends a mail; link is empty where the mail has none.
	SendEmail(ctx context.Context, w tenant.Email, link string) (tenant.EmailReceipt, error)
	// FindEmail asks the provider for a mail in doubt. Not found and no error
	// means that it may leave once more: the provider does not have it, or can
	// never say. While it may only not be visible yet, the error says so.
	FindEmail(ctx context.Context, w tenant.Email) (receipt tenant.EmailReceipt, found bool, err error)
}

// InvitationKeys are what links are derived from.
type InvitationKeys interface {
	// All are the keys, the one for new links first; at least one.
	All(ctx context.Context) (tenant.InvitationKeys, error)
}

// Email covers the steps that send a tenant's administrator a mail.
type Email struct {
	Outbox   Outbox
	Mailer   Mailer
	Failures FailureLog
	// InvitationKeys derive the tokens of the links.
	InvitationKeys InvitationKeys
	// InvitationTTL is how long a link lasts.
	InvitationTTL time.Duration
	// AppURL is the base of the links.
	AppURL string
}

// SendWelcomeEmail sends the mail that invites the administrator.
func (a *Email) SendWelcomeEmail(ctx context.Context, f tenant.Fence, b Budget) error {
	return a.send(ctx, f, b, tenant.StepSendWelcomeEmail, a.InvitationKeys)
}

// SendSuspendedEmail tells the administrator that access has ended for now.
func (a *Email) SendSuspendedEmail(ctx context.Context, f tenant.Fence, b Budget) error {
	return a.send(ctx, f, b, tenant.StepSendSuspendedEmail, nil)
}

// SendResumedEmail tells the administrator that access is back.
func (a *Email) SendResumedEmail(ctx context.Context, f tenant.Fence, b Budget) error {
	return a.send(ctx, f, b, tenant.StepSendResumedEmail, nil)
}

// SendArchivedEmail tells the administrator that the tenant is archived, and until
// when that can be taken back.
func (a *Email) SendArchivedEmail(ctx context.Context, f tenant.Fence, b Budget) error {
	return a.send(ctx, f, b, tenant.StepSendArchivedEmail, nil)
}

// SendUndeletedEmail tells the administrator that an archive was taken back.
func (a *Email) SendUndeletedEmail(ctx context.Context, f tenant.Fence, b Budget) error {
	return a.send(ctx, f, b, tenant.StepSendUndeletedEmail, nil)
}

// SendDeletedEmail tells the administrator that the data is removed for good.
func (a *Email) SendDeletedEmail(ctx context.Context, f tenant.Fence, b Budget) error {
	return a.send(ctx, f, b, tenant.StepSendDeletedEmail, nil)
}

// SendInvitedElsewhereEmail tells the address that signs in as the administrator
// that another one is invited. It sends nothing while no password is set.
func (a *Email) SendInvitedElsewhereEmail(ctx context.Context, f tenant.Fence, b Budget) error {
	return a.send(ctx, f, b, tenant.StepSendInvitedElsewhereEmail, nil)
}

// undeliverable is what the log says where the address before takes no mail: that is
// why addresses change, and must not keep the new one from being invited.
const undeliverable = "nobody can be told at the address before: the mail provider refuses it for good"

// send sends a step's mail. The provider knows no idempotency, so the mail is
// written as SENDING before it leaves; after a doubt the provider is asked for
// it, and only when it does not have it, or cannot say, the same mail with the
// same link leaves once more. links is nil for a mail without a link.
func (a *Email) send(ctx context.Context, f tenant.Fence, b Budget, step tenant.Step, links InvitationKeys) error {
	return attempt(ctx, a.Failures, f, b, step, func(ctx context.Context, id *tenant.AttemptID) error {
		var keys tenant.InvitationKeys
		var invite func(tenant.Tenant) tenant.Invitation
		if links != nil {
			var err error
			if keys, err = links.All(ctx); err != nil {
				return err
			}
			invite = func(t tenant.Tenant) tenant.Invitation { return keys.Invitation(f.Key(step), t, a.InvitationTTL) }
		}
		w, err := a.Outbox.Begin(ctx, f, step, invite)
		*id = w.Attempt
		if err != nil || w.Nobody {
			return err
		}
		receipt, err := a.deliver(ctx, f, w, keys)
		if se, ok := errors.AsType[*tenant.StepError](err); ok && tenant.WantsAddress(step, se.Reason) {
			if w.To != nil && se.Permanent {
				return a.Outbox.Undeliverable(ctx, f, w, undeliverable)
			}
			err = addressStays(f, w, *se)
		}
		if err != nil {
			return a.leave(ctx, w, err)
		}
		return a.Outbox.Complete(ctx, f, w, receipt)
	})
}

func (a *Email) deliver(ctx context.Context, f tenant.Fence, w tenant.Email, keys tenant.InvitationKeys) (tenant.EmailReceipt, error) {
	switch w.Before {
	case tenant.EmailSent:
		return tenant.EmailReceipt{}, nil
	case tenant.EmailSending, tenant.EmailUnknown:
		receipt, found, err := a.Mailer.FindEmail(ctx, w)
		if err != nil || found {
			return receipt, inDoubt(err)
		}
		if err := a.Outbox.Repeat(ctx, f, w); err != nil {
			return tenant.EmailReceipt{}, inDoubt(err)
		}
	case tenant.EmailPending, tenant.EmailFailed:
	}
	link := ""
	if keys != nil {
		link = strings.TrimRight(a.AppURL, "/") + "/invitations/" + keys.Token(f.Key(w.Step), w)
	}
	return a.Mailer.SendEmail(ctx, w, link)
}

// addressStays says what else may be done about a failure that asks for another
// address, where nobody can give the mail one.
func addressStays(f tenant.Fence, w tenant.Email, se tenant.StepError) error {
	instead := tenant.ChangeAddress
	switch l, _ := f.OfKind().Lifecycle(); {
	case w.To != nil:
		instead = "or an administrator skips the step, and nobody is told"
	case l.Yields && se.Permanent: // it is rolled back
		instead = "change it with PATCH /v1/tenants/{id}, then invite again"
	case l.ClaimIsPivot:
		instead = "nobody can change it while the tenant is being removed: skip the step"
	}
	se.Reason = strings.Replace(se.Reason, tenant.ChangeAddress, instead, 1)
	return &se
}

// inDoubt keeps a doubt: a failed question does not answer it.
func inDoubt(err error) error {
	if se, ok := errors.AsType[*tenant.StepError](err); ok {
		doubt := *se
		doubt.Uncertain = true
		return &doubt
	}
	return err
}

// leave writes where the failed attempt left the mail. If that cannot be
// written it stays SENDING, which is asked about like any doubt.
func (a *Email) leave(ctx context.Context, w tenant.Email, cause error) error {
	state := tenant.EmailUnknown
	if se, ok := errors.AsType[*tenant.StepError](cause); ok && !se.Uncertain {
		state = tenant.EmailPending
		if se.Permanent {
			state = tenant.EmailFailed
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	return errors.Join(cause, a.Outbox.Leave(ctx, w, state))
}
