package mail

import (
	"log/slog"
	"regexp"
	"strings"
	"unicode"

	"tenant-provisioning/internal/tenant"
)

// Address is a mailbox. Name may be in any script, or empty.
type Address struct {
	Name string
	Addr string
}

// LogValue hides a mailbox from slog.
func (a Address) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// Content is what the recipient reads.
type Content struct {
	Subject string // one line
	Text    string
	HTML    string // optional
}

// Message is one mail to one recipient.
type Message struct {
	// ID is what Lookup finds the mail by. It travels with the mail, the
	// recipient does not see it. The same mail sent again keeps its ID. 1 to
	// 200 characters out of letters, digits and . _ : / -
	ID   string
	From Address
	To   Address
	Content
}

// LogValue is how slog shows a mail.
func (m Message) LogValue() slog.Value { return slog.StringValue(m.ID) }

// Receipt says who took a mail.
type Receipt struct {
	// Provider is "sendgrid" or "smtp".
	Provider string
	// ID is the provider's own name for the mail, to quote to its support.
	ID string
}

// messageID excludes what would end a string in a provider's query.
var messageID = regexp.MustCompile(`^[A-Za-z0-9._:/-]{1,200}$`)

// checked returns the message in the form that goes onto the wire, or a
// *RejectedError: what could not be delivered, or could smuggle a header in,
// does not leave.
func (m Message) checked(provider string) (Message, error) {
	reject := func(part Part, reason string) (Message, error) {
		return Message{}, &RejectedError{Provider: provider, Part: part, Reason: reason}
	}
	if !messageID.MatchString(m.ID) {
		return reject(PartContent, "the message has no usable id")
	}
	var err error
	if m.From, err = m.From.onWire(); err != nil {
		return reject(PartSender, "the sender's address is malformed: check MAIL_FROM")
	}
	if m.To, err = m.To.onWire(); err != nil {
		return reject(PartRecipient, "the recipient's address is malformed: "+tenant.ChangeAddress)
	}
	switch {
	case strings.TrimSpace(m.Subject) == "":
		return reject(PartContent, "the subject is empty")
	case strings.ContainsFunc(m.Subject, unicode.IsControl):
		return reject(PartContent, "the subject has control characters")
	case m.Text == "":
		return reject(PartContent, "the text is empty")
	}
	return m, nil
}

// onWire gives the address the form that providers take, and the name one
// printable line.
func (a Address) onWire() (Address, error) {
	wire, err := tenant.WireAddress(a.Addr)
	if err != nil {
		return Address{}, err
	}
	return Address{Name: oneLine(a.Name), Addr: wire}, nil
}
