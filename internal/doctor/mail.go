package doctor

import (
	"context"
	"fmt"
	"time"
)

// Mail tells facts about a mail server. Nothing is sent.
type Mail interface {
	// Server connects, greets and logs in, or asks whether the key may send.
	Server(ctx context.Context) (MailServer, error)
	// Sender asks whether the server takes mails of MAIL_FROM.
	Sender(ctx context.Context) (MailSender, error)
	// Clock is the server's, if it tells the time.
	Clock(ctx context.Context) (c Clock, told bool, err error)
}

// MailServer is which server answers.
type MailServer struct {
	// Name is SendGrid, or an SMTP server's host and port.
	Name    string
	Latency time.Duration
	// LoggedIn tells that it knows us. Encrypted, that the connection is.
	LoggedIn, Encrypted bool
	SameMachine         bool
}

// MailSender is whether a sender is taken.
type MailSender struct {
	Address string
	// Unknown tells that this key may not ask, or the server does not say.
	Unknown bool
	// Refusal is what the server said against it; empty: nothing.
	Refusal string
	// Verified is what it is verified as.
	Verified string
}

// ExamineMail lists the checks of one server, whose settings begin with a prefix.
func ExamineMail(name string, m Mail, prefix string) Subject {
	mend := fmt.Sprintf("check %[1]sHOST, %[1]sPORT, %[1]sUSER and %[1]sPASSWORD: docs/runbooks/email-down.md", prefix)
	return Subject{Name: name, Server: Check{"server", func(ctx context.Context) Verdict {
		s, err := m.Server(ctx)
		if err != nil {
			return unasked("no mail could leave", err, mend)
		}
		return s.judge(prefix)
	}}, Checks: []Check{
		{"sender", func(ctx context.Context) Verdict {
			s, err := m.Sender(ctx)
			if err != nil {
				return unasked("ask for the sender", err, mend)
			}
			return s.judge()
		}},
		{"clock", func(ctx context.Context) Verdict {
			c, told, err := m.Clock(ctx)
			switch {
			case err != nil:
				return unasked("ask for the time", err, mend)
			case !told:
				return fine("the mail server tells no time")
			}
			return c.judge("the mail server's clock")
		}},
	}}
}

func (s MailServer) judge(prefix string) Verdict {
	found := fmt.Sprintf("%s answers in %s", s.Name, brief(s.Latency))
	if s.LoggedIn {
		found += " and knows us"
	} else {
		found += "; nobody logs in there"
	}
	if !s.Encrypted && !s.SameMachine {
		return warn(found+": mails, with links by which passwords are set, go to it in clear", "set "+prefix+"PORT to 587 or 465 of a server with TLS")
	}
	return fine("%s", found)
}

func (s MailSender) judge() Verdict {
	switch {
	case s.Refusal != "":
		return fail(fmt.Sprintf("mails from %s are refused: %s", s.Address, s.Refusal), "verify the sender or its domain at the provider, or set MAIL_FROM to one that is verified")
	case s.Unknown:
		return fine("whether %s is a verified sender cannot be asked with this key, which is as it should be: see Sender Authentication at the provider", s.Address)
	}
	return fine("mails from %s are taken (%s)", s.Address, s.Verified)
}
