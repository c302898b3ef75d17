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
	Begin(ctx context.Context, f tenant.Fence, invite func(tenant.Tenant) tenant.Invitation) (tenant.WelcomeEmail, error)
	Repeat(ctx context.Context, f tenant.Fence, emailID string) error
	Complete(ctx context.Context, f tenant.Fence, w tenant.WelcomeEmail, r tenant.EmailReceipt) error
	Leave(ctx context.Context, w tenant.WelcomeEmail, state tenant.EmailState) error
}

// Mailer sends mails and asks what became of them.
type Mailer interface {
	SendWelcome(ctx context.Context, w tenant.WelcomeEmail, link string) (tenant.EmailReceipt, error)
	// FindWelcome asks the provider for a mail in doubt. Not found and no error
	// means that it may leave once more: the provider does not have it, or can
	// never say. While it may only not be visible yet, the error says so.
	FindWelcome(ctx context.Context, w tenant.WelcomeEmail) (receipt tenant.EmailReceipt, found bool, err error)
}

// InvitationKeys are what links are derived from.
type InvitationKeys interface {
	// All are the keys, the one for new links first; at least one.
	All(ctx context.Context) (tenant.InvitationKeys, error)
}

// Email covers SEND_WELCOME_EMAIL.
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

// SendWelcomeEmail sends the mail that invites the first administrator, and
// ends the operation. The provider knows no idempotency, so the mail is
// written as SENDING before it leaves; after a doubt the provider is asked for
// it, and only when it does not have it, or cannot say, the same mail with the
// same link leaves once more.
func (a *Email) SendWelcomeEmail(ctx context.Context, f tenant.Fence, b Budget) error {
	return attempt(ctx, a.Failures, f, b, tenant.StepSendWelcomeEmail, func(ctx context.Context, id *tenant.AttemptID) error {
		keys, err := a.InvitationKeys.All(ctx)
		if err != nil {
			return err
		}
		w, err := a.Outbox.Begin(ctx, f, func(t tenant.Tenant) tenant.Invitation { return keys.Invitation(t, a.InvitationTTL) })
		*id = w.Attempt
		if err != nil {
			return err
		}
		receipt, err := a.deliver(ctx, f, w, keys)
		if err != nil {
			return a.leave(ctx, w, err)
		}
		return a.Outbox.Complete(ctx, f, w, receipt)
	})
}

func (a *Email) deliver(ctx context.Context, f tenant.Fence, w tenant.WelcomeEmail, keys tenant.InvitationKeys) (tenant.EmailReceipt, error) {
	switch w.Before {
	case tenant.EmailSent:
		return tenant.EmailReceipt{}, nil
	case tenant.EmailSending, tenant.EmailUnknown:
		receipt, found, err := a.Mailer.FindWelcome(ctx, w)
		if err != nil || found {
			return receipt, inDoubt(err)
		}
		if err := a.Outbox.Repeat(ctx, f, w.ID); err != nil {
			return tenant.EmailReceipt{}, inDoubt(err)
		}
	case tenant.EmailPending, tenant.EmailFailed:
	}
	link := strings.TrimRight(a.AppURL, "/") + "/invitations/" + keys.Token(w)
	return a.Mailer.SendWelcome(ctx, w, link)
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
func (a *Email) leave(ctx context.Context, w tenant.WelcomeEmail, cause error) error {
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
