package mail

import (
	"crypto/tls"
	"errors"
	"fmt"

	gomail "github.com/wneessen/go-mail"

	"tenant-provisioning/internal/tenant"
)

// SMTP replies that are about who sends, not about the mail: RFC 4954 and
// RFC 5321.
const (
	replyServiceNotAvailable  = 421
	replyAuthRequired         = 530
	replyAuthMechanismTooWeak = 534
	replyAuthInvalid          = 535
	replyEncryptionRequired   = 538
)

// dialFailed judges what went wrong before a mail was mentioned.
func (s *SMTP) dialFailed(err error) error {
	if answer, ok := answerOf(err); ok {
		r := parseReply(answer)
		says := s.says(r, Message{})
		switch {
		case saysQuota.MatchString(r.text):
			return limitReached(r, says)
		case r.about(atSender) == aboutLogin:
			return s.denied(r, says)
		case saysGreeting.MatchString(r.text):
			return s.greetingRefused(r, says)
		case r.subject == 7 && !r.passing():
			return s.refusesUs(r, says)
		}
		return outOfService(r, says)
	}
	if errors.Is(err, gomail.ErrNoSupportedAuthDiscovered) {
		return &AuthError{Provider: providerSMTP, Reason: fmt.Sprintf(
			"offers no way to log in that keeps the password safe: check %sPORT (465 and 587 are encrypted)", s.config.SettingPrefix)}
	}
	if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); untrusted {
		return &UnavailableError{Provider: providerSMTP, Err: err, Reason: fmt.Sprintf(
			"has a certificate that is not trusted, the mail was not sent: check that %[1]sHOST is the name in the certificate, and set %[1]sSSLROOTCERT if a private authority has signed it", s.config.SettingPrefix)}
	}
	return &UnavailableError{Provider: providerSMTP,
		Reason: fmt.Sprintf("not reachable, the mail was not sent: check %[1]sHOST and %[1]sPORT if it stays", s.config.SettingPrefix), Err: err}
}

// failed judges what went wrong with the mail itself. Refused without a code it
// was taken only if its end had left: RFC 5321, 4.1.1.4.
func (s *SMTP) failed(at stage, m Message, err error) error {
	answer, told := answerOf(err)
	switch {
	case told && answer.Code >= 400:
		r := parseReply(answer)
		return s.judged(r, at, s.says(r, m))
	case at == atEnd:
		return &UncertainError{Provider: providerSMTP, Reason: "no answer, the mail may have been taken"}
	case told:
		return &UnavailableError{Provider: providerSMTP, Reason: fmt.Sprintf("gave an unexpected answer (%d)", answer.Code)}
	}
	return &UnavailableError{Provider: providerSMTP, Reason: "the connection broke before the mail was complete"}
}

func (s *SMTP) judged(r smtpReply, at stage, says string) error {
	if r.code == replyServiceNotAvailable {
		return outOfService(r, says)
	}
	about := r.about(at)
	switch about {
	case aboutLogin:
		return s.denied(r, says)
	case aboutMailbox:
		return &RejectedError{Provider: providerSMTP, Part: PartRecipient, Passing: true, Reason: fmt.Sprintf(
			"the recipient's mailbox is full (%s): its owner must make room, or give another address: %s%s", r, tenant.ChangeAddress, says)}
	case aboutGreeting:
		return s.greetingRefused(r, says)
	case aboutServer, aboutUs, aboutSender, aboutRecipient, aboutContent, aboutLimit:
	}
	if r.passing() {
		return s.deferred(r, at, about, says)
	}
	switch about {
	case aboutRecipient:
		return &RejectedError{Provider: providerSMTP, Part: PartRecipient,
			Reason: fmt.Sprintf("refused the recipient's address (%s): %s%s", r, tenant.ChangeAddress, says)}
	case aboutContent:
		return &RejectedError{Provider: providerSMTP, Part: PartContent,
			Reason: fmt.Sprintf("refused the content of the mail (%s): %s%s", r, askProvider, says)}
	case aboutSender:
		return &AuthError{Provider: providerSMTP, Reason: fmt.Sprintf("refused the sender's address (%s): check MAIL_FROM%s", r, says)}
	case aboutUs:
		return s.refusesUs(r, says)
	case aboutLimit:
		return limitReached(r, says)
	case aboutServer, aboutLogin, aboutGreeting, aboutMailbox:
	}
	return &UnavailableError{Provider: providerSMTP, Reason: fmt.Sprintf(
		"does not pass the mail on (%s): ask whoever runs the server at %sHOST if it stays%s", r, s.config.SettingPrefix, says)}
}

// deferred judges an answer that asks for the mail later. Where nothing says that
// it is about us, an answer to a recipient is greylisting: it says nothing of
// other mails.
func (s *SMTP) deferred(r smtpReply, at stage, about fault, says string) error {
	greylisted := saysGreylist.MatchString(r.text)
	switch about {
	case aboutRecipient:
		greylisted = true
	case aboutUs:
		if saysDenied.MatchString(r.text) && !greylisted {
			return s.refusesUs(r, says)
		}
		greylisted = greylisted || at != atSender && !saysService.MatchString(r.text)
	case aboutSender:
		if !greylisted {
			return &AuthError{Provider: providerSMTP, Reason: fmt.Sprintf("defers mail from the sender's address (%s): check MAIL_FROM if it stays%s", r, says)}
		}
	case aboutServer, aboutLogin, aboutGreeting, aboutMailbox, aboutContent, aboutLimit:
	}
	return &ThrottledError{Provider: providerSMTP, Greylisted: greylisted, Reason: fmt.Sprintf("defers the mail (%s)%s", r, says)}
}

func limitReached(r smtpReply, says string) error {
	return &ThrottledError{Provider: providerSMTP, Reason: fmt.Sprintf("takes no more mail from us for now (%s)%s", r, says)}
}

func outOfService(r smtpReply, says string) error {
	return &UnavailableError{Provider: providerSMTP, Reason: fmt.Sprintf("takes no mail at present (%s)%s", r, says)}
}

func (s *SMTP) denied(r smtpReply, says string) error {
	if saysTLS.MatchString(r.text) {
		return &AuthError{Provider: providerSMTP, Reason: fmt.Sprintf("wants an encrypted connection (%s): check %[2]sPORT (465 and 587 are encrypted)%[3]s", r, s.config.SettingPrefix, says)}
	}
	return &AuthError{Provider: providerSMTP,
		Reason: fmt.Sprintf("refused the login (%s): check %[2]sUSER and %[2]sPASSWORD%[3]s", r, s.config.SettingPrefix, says)}
}

func (s *SMTP) greetingRefused(r smtpReply, says string) error {
	return &AuthError{Provider: providerSMTP, Reason: fmt.Sprintf(
		"refuses the name with which the worker greets it (%s): set %sHELO to one that DNS knows%s", r, s.config.SettingPrefix, says)}
}

func (s *SMTP) refusesUs(r smtpReply, says string) error {
	return &AuthError{Provider: providerSMTP, Reason: fmt.Sprintf(
		"refuses mail from us (%s): the server at %[2]sHOST must let %[2]sUSER, or this machine, send mail from MAIL_FROM to any domain%[3]s",
		r, s.config.SettingPrefix, says)}
}

func (s *SMTP) says(r smtpReply, m Message) string {
	return says(r.text, append(m.private(), s.config.User, s.config.Password)...)
}
