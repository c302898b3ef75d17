package tenant

import (
	"strings"
	"time"
)

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

// templates are the mails that steps send, by the names that emails.template has.
var templates = map[Step]string{
	StepSendWelcomeEmail:   TemplateWelcome,
	StepSendSuspendedEmail: "suspended",
	StepSendResumedEmail:   "resumed",
	StepSendArchivedEmail:  "archived",
	StepSendUndeletedEmail: "undeleted",
	StepSendDeletedEmail:   "deleted",

	StepSendInvitedElsewhereEmail: "invited_elsewhere",
}

// Template is the mail that a step sends; empty for any other step.
func (s Step) Template() string { return templates[s] }

// Email is a mail to a tenant's administrator as the outbox has it.
type Email struct {
	// Step is the one that sends it, which says what the mail is.
	Step Step
	// ID travels with the mail; the provider is asked for it after a doubt.
	ID string
	// Attempt is the one at sending it.
	Attempt AttemptID
	Tenant  Tenant
	// To is who gets it, where that is not the tenant's administrator as the control
	// plane has it.
	To *Administrator
	// Nobody tells that there is nobody whom the mail has to be sent to: its step is
	// done.
	Nobody bool
	// Again tells that the administrator was invited before.
	Again bool
	// Before is the state in which an earlier attempt left the mail: SENDING
	// and UNKNOWN mean that it may be out already.
	Before EmailState
	// Age is how long ago the last request to the provider left, when one did.
	Age time.Duration
	// TokenHash is that of the one-time link, and ExpiresAt its end; both empty of a
	// mail that has none.
	TokenHash []byte
	ExpiresAt time.Time
}

// Recipient is who gets it.
func (w Email) Recipient() Administrator {
	if w.To != nil {
		return *w.To
	}
	return w.Tenant.Administrator
}

// ChangeAddress is the way out that a reason names when the administrator's
// address is what has to change.
const ChangeAddress = "change it with PATCH /v1/tenants/{id}, then retry"

// WantsAddress reports whether a failure asks for another address of the
// administrator. Many mails fail for something that no address mends.
func WantsAddress(step Step, reason string) bool {
	return step.Dependency() == DependencyMail && strings.Contains(reason, ChangeAddress)
}

// EmailReceipt is what the provider said.
type EmailReceipt struct {
	Provider   string
	ProviderID string
}
