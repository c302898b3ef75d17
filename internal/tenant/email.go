package tenant

import "time"

// EmailState is where a mail is on its way out.
type EmailState string

const (
	// EmailPending waits to be sent; it is certain that it was not.
	EmailPending EmailState = "PENDING"
	// EmailSending has left, or is about to; written before the request is.
	EmailSending EmailState = "SENDING"
	// EmailSent was taken by the provider.
	EmailSent EmailState = "SENT"
	// EmailUnknown is in doubt: the provider may have taken it.
	EmailUnknown EmailState = "UNKNOWN"
	// EmailFailed was refused by the provider.
	EmailFailed EmailState = "FAILED"
)

// TemplateWelcome is the mail that invites a tenant's first administrator.
const TemplateWelcome = "welcome"

// WelcomeEmail is the mail to a tenant's administrator as the outbox has it.
type WelcomeEmail struct {
	// ID travels with the mail; the provider is asked for it after a doubt.
	ID string
	// Attempt is the one at sending it.
	Attempt AttemptID
	Tenant  Tenant
	// Before is the state in which an earlier attempt left the mail: SENDING
	// and UNKNOWN mean that it may be out already.
	Before EmailState
	// Age is how long ago the last request to the provider left, when one did.
	Age time.Duration
	// ExpiresAt is the end of the one-time link.
	ExpiresAt time.Time
}

// EmailReceipt is what the provider said.
type EmailReceipt struct {
	Provider   string
	ProviderID string
}
