package mail

import (
	"errors"
	"fmt"
	"net/textproto"

	gomail "github.com/wneessen/go-mail"
)

// SMTP replies that are about who sends, not about the mail: RFC 4954 and
// RFC 5321.
const (
	replyServiceNotAvailable  = 421
	replyAuthRequired         = 530
	replyAuthMechanismTooWeak = 534
	replyAuthInvalid          = 535
)

// dialFailed judges what went wrong before a mail was mentioned. The text of a
// reply is not passed on: it may hold a user's name.
func (s *SMTP) dialFailed(err error) error {
	var reply *textproto.Error
	if errors.As(err, &reply) {
		switch reply.Code {
		case replyAuthRequired, replyAuthMechanismTooWeak, replyAuthInvalid:
			return s.denied(reply.Code)
		}
		return &UnavailableError{Provider: providerSMTP, Reason: fmt.Sprintf("takes no mail at present (%d)", reply.Code)}
	}
	if errors.Is(err, gomail.ErrNoSupportedAuthDiscovered) {
		return &AuthError{Provider: providerSMTP, Reason: fmt.Sprintf(
			"offers no way to log in that keeps the password safe: check %sPORT (465 and 587 are encrypted)", s.config.SettingPrefix)}
	}
	return &UnavailableError{Provider: providerSMTP,
		Reason: fmt.Sprintf("not reachable, the mail was not sent: check %[1]sHOST and %[1]sPORT if it stays", s.config.SettingPrefix), Err: err}
}

func (s *SMTP) denied(code int) error {
	return &AuthError{Provider: providerSMTP,
		Reason: fmt.Sprintf("refused the login (%d): check %[2]sUSER and %[2]sPASSWORD", code, s.config.SettingPrefix)}
}

// sendFailed judges by how far the dialogue came. The library's error names
// the recipient, so that only its code is kept.
func (s *SMTP) sendFailed(err error) error {
	var failed *gomail.SendError
	if !errors.As(err, &failed) {
		return &UncertainError{Provider: providerSMTP, Reason: "failed in a way that does not tell whether the mail was taken"}
	}
	code := failed.ErrorCode()
	switch {
	case code == replyAuthRequired, code == replyAuthMechanismTooWeak, code == replyAuthInvalid:
		return s.denied(code)
	case code >= 500:
		return refusedAt(failed.Reason, code)
	case code == replyServiceNotAvailable:
		return &UnavailableError{Provider: providerSMTP, Reason: "takes no mail at present (421)"}
	case code >= 400:
		return &ThrottledError{Provider: providerSMTP, Reason: fmt.Sprintf("defers the mail (%d)", code)}
	case failed.Reason == gomail.ErrSMTPDataClose:
		return &UncertainError{Provider: providerSMTP, Reason: "no answer, the mail may have been taken"}
	}
	// Without its last line a mail is not taken: RFC 5321, 4.1.1.4.
	return &UnavailableError{Provider: providerSMTP, Reason: "the connection broke before the mail was complete"}
}

func refusedAt(reason gomail.SendErrReason, code int) error {
	switch reason {
	case gomail.ErrSMTPMailFrom, gomail.ErrGetSender:
		return &RejectedError{Provider: providerSMTP, Part: PartSender,
			Reason: fmt.Sprintf("refused the sender's address (%d): check MAIL_FROM", code)}
	case gomail.ErrSMTPRcptTo, gomail.ErrGetRcpts:
		return &RejectedError{Provider: providerSMTP, Part: PartRecipient,
			Reason: fmt.Sprintf("refused the recipient's address (%d): %s", code, changeAddress)}
	}
	return &RejectedError{Provider: providerSMTP, Part: PartContent, Reason: fmt.Sprintf("refused the content of the mail (%d)", code)}
}
