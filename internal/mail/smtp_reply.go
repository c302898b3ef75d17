package mail

import (
	"errors"
	"fmt"
	"net/textproto"
	"regexp"
	"strconv"
)

// stage is where in the dialogue an answer came.
type stage int

const (
	atSender    stage = iota // MAIL FROM
	atRecipient              // RCPT TO
	atData                   // DATA, and the text
	atEnd                    // the line that ends it
)

// fault is what an answer is about.
type fault int

const (
	aboutServer    fault = iota // the server or the way on from it
	aboutUs                     // who may send what through the server
	aboutLogin                  // user and password
	aboutGreeting               // the name in EHLO
	aboutSender                 // MAIL_FROM
	aboutRecipient              // the recipient's address
	aboutMailbox                // the recipient's mailbox, which is full
	aboutContent                // the mail itself
	aboutLimit                  // how much is sent, by us or by all
)

// smtpReply is a server's answer: its code, the enhanced one of RFC 3463, zero
// where there is none, and its words.
type smtpReply struct {
	code            int
	subject, detail int
	text            string
}

// enhancedCode stands at the beginning of an answer (RFC 2034), or wherever a
// server has put it. It is no part of an IP address or a version.
var enhancedCode = regexp.MustCompile(`(?:^|[\s#(\[<:])[45]\.([0-7])\.(\d{1,3})(?:[\s:)\],;>-]|$)`)

// shortReply is an answer of nothing but a code, which the library calls broken.
var shortReply = regexp.MustCompile(`^short response: "([45]\d\d) ?"$`)

// answerOf is the server's answer in an error, if there was one.
func answerOf(err error) (*textproto.Error, bool) {
	if broken, ok := errors.AsType[textproto.ProtocolError](err); ok {
		if match := shortReply.FindStringSubmatch(string(broken)); match != nil {
			code, _ := strconv.Atoi(match[1]) // digits
			return &textproto.Error{Code: code}, true
		}
	}
	return errors.AsType[*textproto.Error](err)
}

func parseReply(err *textproto.Error) smtpReply {
	r := smtpReply{code: err.Code, text: err.Msg}
	if match := enhancedCode.FindStringSubmatch(err.Msg); match != nil {
		r.subject, _ = strconv.Atoi(match[1]) // digits
		r.detail, _ = strconv.Atoi(match[2])
	}
	return r
}

// String is the code, and the enhanced one behind it.
func (r smtpReply) String() string {
	if r.subject == 0 {
		return strconv.Itoa(r.code)
	}
	return fmt.Sprintf("%d %d.%d.%d", r.code, r.code/100, r.subject, r.detail)
}

// passing reports that the server itself calls it a failure that may pass.
func (r smtpReply) passing() bool { return r.code < 500 }

// What servers say where their code does not, or means several things.
var (
	saysGreylist  = regexp.MustCompile(`(?i)gr[ea]y-?\s?list|postgrey`)
	saysGreeting  = regexp.MustCompile(`(?i)\b(helo|ehlo)\b`)
	saysLimit     = regexp.MustCompile(`(?i)\bcredits?\b|quota|rate.?limit|limit(s|ed)?\b.*exceed|exceed\w*\b.*\b(limit|rate)|too many (mails|messages|recipients|connections|e-?mails)|throttl|slow down|flood`)
	saysQuota     = regexp.MustCompile(`(?i)\bcredits?\b|quota`)
	saysDenied    = regexp.MustCompile(`(?i)relay|denied|not (allowed|permitted|authori[sz]ed)|authenticat|black.?list|block|spam|policy|reputation|\bspf\b|\bdkim\b|\bdmarc\b|client host|rcpthosts|reverse dns|\br?dns\b|\bptr\b|banned|listed|\brbl\b|access`)
	saysOverQuota = regexp.MustCompile(`(?i)mailbox.*(full|quota|storage|size limit)|over.?quota|quota.*exceed|exceed.*(quota|storage)|insufficient (disk|mailbox) (space|storage)|storage allocation`)
	saysRecipient = regexp.MustCompile(`(?i)(unknown|invalid|no such|bad|inactive|disabled|unrout\w+|undeliverable) (local )?(user|recipient|mailbox|address|account|domain)` +
		`|(user|recipient|mailbox|address|account|domain)\b.*(unknown|not found|unavailable|n[o']t (have|exist)|rejected|disabled|inactive|invalid|no longer|suspended)` +
		`|no mailbox|no such|recipient`)
	saysSender  = regexp.MustCompile(`(?i)\bsender\b|mail from|from address`)
	saysService = regexp.MustCompile(`(?i)service|unavailable|busy|overload|resources`)
	saysTLS     = regexp.MustCompile(`(?i)\bTLS\b|starttls|encrypt`)
	saysSize    = regexp.MustCompile(`(?i)too (large|big)|\bsize\b`)
)

// about decides by what the answer is about, and not by where it came: a server
// may refuse us at RCPT, and a recipient after the text.
func (r smtpReply) about(at stage) fault {
	switch r.code {
	case replyAuthRequired, replyAuthMechanismTooWeak, replyAuthInvalid, replyEncryptionRequired:
		return aboutLogin
	}
	if saysGreeting.MatchString(r.text) && r.subject != 1 {
		return aboutGreeting
	}
	switch r.subject {
	case 1:
		return r.aboutAddress(at)
	case 2:
		return r.aboutItsMailbox(at)
	case 3, 4, 5:
		return r.aboutTransport()
	case 6:
		return aboutContent
	case 7:
		if saysLimit.MatchString(r.text) {
			return aboutLimit
		}
		return aboutUs
	}
	return r.aboutByWords(at)
}

// aboutAddress judges X.1.x: 7 and 8 are about the sender, and so is everything
// before a recipient was named.
func (r smtpReply) aboutAddress(at stage) fault {
	if at == atSender || r.detail == 7 || r.detail == 8 ||
		r.detail == 0 && saysSender.MatchString(r.text) && !saysRecipient.MatchString(r.text) {
		return aboutSender
	}
	return aboutRecipient
}

// aboutItsMailbox judges X.2.x.
func (r smtpReply) aboutItsMailbox(at stage) fault {
	switch {
	case at == atSender:
		return aboutSender
	case r.detail == 2:
		return aboutMailbox
	case r.detail == 3:
		return aboutContent
	}
	return aboutRecipient
}

// aboutTransport judges X.3.x, X.4.x and X.5.x: the mail system, the network and
// the protocol.
func (r smtpReply) aboutTransport() fault {
	switch {
	case r.subject == 3 && r.detail == 4:
		return aboutContent // too big for the system
	case r.subject == 3 && r.detail == 1, saysLimit.MatchString(r.text):
		return aboutLimit
	}
	return aboutServer
}

// aboutByWords judges an answer without an enhanced code, or with X.0.x, which
// says nothing.
func (r smtpReply) aboutByWords(at stage) fault {
	switch {
	case at == atSender && saysLimit.MatchString(r.text):
		return aboutLimit
	case at == atSender:
		return aboutSender
	case at == atEnd && saysSize.MatchString(r.text) && !saysOverQuota.MatchString(r.text):
		return aboutContent
	case saysDenied.MatchString(r.text):
		return aboutUs
	case saysOverQuota.MatchString(r.text):
		return aboutMailbox
	case saysLimit.MatchString(r.text):
		return aboutLimit
	case saysRecipient.MatchString(r.text) && !saysSender.MatchString(r.text):
		return aboutRecipient
	case saysSender.MatchString(r.text):
		return aboutSender
	}
	return r.aboutByCode(at)
}

// aboutByCode is what RFC 5321, 4.2.3, leaves of an answer that says no more.
func (r smtpReply) aboutByCode(at stage) fault {
	switch at {
	case atRecipient:
		switch r.code {
		case 450, 550, 551, 553, 556:
			return aboutRecipient
		case 552:
			return aboutMailbox
		}
	case atEnd:
		if !r.passing() {
			return aboutContent
		}
	case atSender, atData:
	}
	return aboutServer
}
