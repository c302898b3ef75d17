package mail

import (
	"context"
	"strings"
	"time"

	"tenant-provisioning/internal/tenant"
)

// Provider sends mails and tells what became of them.
type Provider interface {
	Send(ctx context.Context, m Message) (Receipt, error)
	Lookup(ctx context.Context, id string, sentAt time.Time) (Finding, error)
	// Probe asks whether a mail could leave now.
	Probe(ctx context.Context) error
}

// pendingDelay is when a provider is asked again that may not list a mail yet:
// SendGrid takes six questions a minute.
const pendingDelay = 10 * time.Second

// PostmanConfig is what a Postman works with. All fields are required.
type PostmanConfig struct {
	Provider Provider
	From     Address
	Clock    func() time.Time
}

// Postman sends the mails of provisioning.
type Postman struct{ config PostmanConfig }

// NewPostman makes a postman.
func NewPostman(c PostmanConfig) *Postman { return &Postman{config: c} }

// SendWelcome sends the mail that invites a tenant's first administrator. Its
// errors are *tenant.StepError.
func (p *Postman) SendWelcome(ctx context.Context, w tenant.WelcomeEmail, link string) (tenant.EmailReceipt, error) {
	admin := w.Tenant.Administrator
	content, err := Welcome(WelcomeData{
		PlatformName: p.config.From.Name, TenantName: w.Tenant.Name, AdminFirstName: admin.FirstName,
		Link: link, ExpiresAt: w.ExpiresAt, SupportAddress: answering(p.config.From.Addr),
	})
	if err != nil {
		return tenant.EmailReceipt{}, &tenant.StepError{
			Step: tenant.StepSendWelcomeEmail, Class: tenant.ClassPermanent, Permanent: true,
			Reason: "the welcome mail cannot be written; the worker's log has the cause", Err: err,
		}
	}
	receipt, err := p.config.Provider.Send(ctx, Message{
		ID: w.ID, From: p.config.From, To: Address{Name: admin.FirstName + " " + admin.LastName, Addr: admin.Email}, Content: content,
	})
	if err != nil {
		return tenant.EmailReceipt{}, AsStepError(tenant.StepSendWelcomeEmail, err)
	}
	return tenant.EmailReceipt{Provider: receipt.Provider, ProviderID: receipt.ID}, nil
}

// FindWelcome asks the provider for a mail in doubt. Not found and no error
// means that it may leave once more: the provider does not have it, or can
// never say. Its errors are *tenant.StepError.
func (p *Postman) FindWelcome(ctx context.Context, w tenant.WelcomeEmail) (tenant.EmailReceipt, bool, error) {
	finding, err := p.config.Provider.Lookup(ctx, w.ID, p.config.Clock().Add(-w.Age))
	switch {
	case err != nil:
		return tenant.EmailReceipt{}, false, AsStepError(tenant.StepSendWelcomeEmail, err)
	case finding.Presence == Found:
		return tenant.EmailReceipt{Provider: finding.Receipt.Provider, ProviderID: finding.Receipt.ID}, true, nil
	case finding.Presence == Pending:
		return tenant.EmailReceipt{}, false, &tenant.StepError{
			Step: tenant.StepSendWelcomeEmail, Uncertain: true, RetryAfter: pendingDelay,
			Reason: "an earlier attempt may still be under way; the mail provider is asked again before the mail is repeated",
		}
	}
	return tenant.EmailReceipt{}, false, nil
}

// answering is the address if a person may answer there: who is told to write
// to a no-reply address is left alone with a doubt.
func answering(address string) string {
	local, _, _ := strings.Cut(strings.ToLower(address), "@")
	local = strings.NewReplacer("-", "", "_", "", ".", "").Replace(local)
	if strings.HasPrefix(local, "noreply") || strings.HasPrefix(local, "donotreply") {
		return ""
	}
	return address
}
