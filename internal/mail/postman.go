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

// Postman sends the mails to tenants' administrators.
type Postman struct{ config PostmanConfig }

// NewPostman makes a postman.
func NewPostman(c PostmanConfig) *Postman { return &Postman{config: c} }

// SendEmail sends a mail to a tenant's administrator. Its errors are
// *tenant.StepError.
func (p *Postman) SendEmail(ctx context.Context, w tenant.Email, link string) (tenant.EmailReceipt, error) {
	to := w.Recipient()
	content, err := p.write(w, link)
	if err != nil {
		return tenant.EmailReceipt{}, &tenant.StepError{
			Step: w.Step, Class: tenant.ClassPermanent, Permanent: true,
			Reason: "the mail cannot be written; the worker's log has the cause", Err: err,
		}
	}
	receipt, err := p.config.Provider.Send(ctx, Message{
		ID: w.ID, From: p.config.From, To: Address{Name: to.FirstName + " " + to.LastName, Addr: to.Email}, Content: content,
	})
	if err != nil {
		return tenant.EmailReceipt{}, AsStepError(w.Step, err)
	}
	return tenant.EmailReceipt{Provider: receipt.Provider, ProviderID: receipt.ID}, nil
}

// FindEmail asks the provider for a mail in doubt. Not found and no error
// means that it may leave once more: the provider does not have it, or can
// never say. Its errors are *tenant.StepError.
func (p *Postman) FindEmail(ctx context.Context, w tenant.Email) (tenant.EmailReceipt, bool, error) {
	finding, err := p.config.Provider.Lookup(ctx, w.ID, p.config.Clock().Add(-w.Age))
	switch {
	case err != nil:
		return tenant.EmailReceipt{}, false, AsStepError(w.Step, err)
	case finding.Presence == Found:
		return tenant.EmailReceipt{Provider: finding.Receipt.Provider, ProviderID: finding.Receipt.ID}, true, nil
	case finding.Presence == Pending:
		return tenant.EmailReceipt{}, false, &tenant.StepError{
			Step: w.Step, Uncertain: true, RetryAfter: pendingDelay,
			Reason: "an earlier attempt may still be under way; the mail provider is asked again before the mail is repeated",
		}
	}
	return tenant.EmailReceipt{}, false, nil
}

// write writes what the mail's step has to say.
func (p *Postman) write(w tenant.Email, link string) (Content, error) {
	if w.Step == tenant.StepSendWelcomeEmail {
		return Welcome(WelcomeData{
			PlatformName: p.config.From.Name, TenantName: w.Tenant.Name, AdminFirstName: w.Tenant.Administrator.FirstName,
			Again: w.Again, Link: link, ExpiresAt: w.ExpiresAt, SupportAddress: answering(p.config.From.Addr),
		})
	}
	return Change(ChangeData{
		Template: w.Step.Template(), PlatformName: p.config.From.Name, TenantName: w.Tenant.Name, AdminFirstName: w.Recipient().FirstName,
		Since: w.Tenant.UpdatedAt, Until: w.Tenant.PurgeAfter, SupportAddress: answering(p.config.From.Addr),
	})
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
