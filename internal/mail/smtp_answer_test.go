package mail_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/mail"
	"tenant-provisioning/internal/mail/mailtest"
	"tenant-provisioning/internal/tenant"
)

// verdict is what follows from an answer.
type verdict string

const (
	recipient  verdict = "the recipient's address: parks for good, and alone"
	full       verdict = "the recipient's mailbox: repeated, and alone"
	content    verdict = "the content: parks for good, and alone"
	us         verdict = "us: repeated, by the backup too, and an incident for many"
	server     verdict = "the server: repeated, by the backup too, and an incident for many"
	limit      verdict = "a limit: repeated, by the backup too, and an incident for many"
	greylisted verdict = "greylisting: repeated, by the backup too, and alone"
)

func verdictOf(t *testing.T, err error) verdict {
	t.Helper()
	var step *tenant.StepError
	require.ErrorAs(t, mail.AsStepError(tenant.StepSendWelcomeEmail, err), &step)
	require.False(t, step.Uncertain, "%v", err)
	rejected, isRejected := errors.AsType[*mail.RejectedError](err)
	_, isAuth := errors.AsType[*mail.AuthError](err)
	_, isThrottled := errors.AsType[*mail.ThrottledError](err)
	require.Equal(t, isRejected && !rejected.Passing, step.Permanent)
	switch {
	case isRejected && rejected.Part == mail.PartContent:
		return content
	case isRejected && step.Permanent:
		return recipient
	case isRejected:
		require.True(t, step.Alone)
		return full
	case isAuth:
		require.False(t, step.Alone)
		return us
	case isThrottled && step.Alone:
		return greylisted
	case isThrottled:
		return limit
	}
	require.ErrorAs(t, err, new(*mail.UnavailableError))
	require.False(t, step.Alone)
	return server
}

// answers are those of servers in the field.
var answers = []struct {
	at, answer string
	want       verdict
}{
	// The recipient, wherever it is said.
	{"RCPT", "550 5.1.1 <ada@hospital.example>: Recipient address rejected: User unknown in virtual mailbox table", recipient},
	{"RCPT", "550-5.1.1 The email account that you tried to reach does not exist. Please try\r\n550 5.1.1 https://support.google.com/mail/?p=NoSuchUser x - gsmtp", recipient},
	{"RCPT", "550 5.1.2 Host unknown", recipient},
	{"RCPT", "501 5.1.3 Bad recipient address syntax", recipient},
	{"RCPT", "551 5.1.6 The user has moved", recipient},
	{"RCPT", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", recipient},
	{"RCPT", "556 5.1.10 hospital.example has no mail server (null MX)", recipient},
	{"RCPT", "550 #5.1.0 Address rejected.", recipient},
	{"RCPT", "550 5.2.1 The email account that you tried to reach is disabled", recipient},
	{"RCPT", "554 5.1.1 no such mailbox", recipient},
	{"END", "550 5.1.1 ada: no such user here", recipient},
	{"RCPT", "550 No such user here", recipient},
	{"RCPT", "550 Unknown user", recipient},
	{"RCPT", "550 Requested action not taken: mailbox unavailable", recipient},
	{"RCPT", "554 delivery error: dd This user doesn't have an account here", recipient},
	{"RCPT", "550 5.0.0 sorry, no mailbox here by that name", recipient},
	{"RCPT", "550 Unrouteable address", recipient},
	{"RCPT", "550", recipient},
	{"RCPT", "553", recipient},
	{"RCPT", "556", recipient},

	// Its mailbox, which may have room tomorrow.
	{"RCPT", "552 5.2.2 Mailbox full", full},
	{"RCPT", "452 4.2.2 The email account that you tried to reach is over quota", full},
	{"END", "552 5.2.2 <ada@hospital.example>: user is over quota", full},
	{"RCPT", "552", full},
	{"RCPT", "550 Mailbox quota exceeded", full},

	// What the mail is.
	{"END", "552 5.3.4 Message size exceeds fixed limit", content},
	{"END", "552 5.2.3 Message too long", content},
	{"END", "554 5.6.0 Message content rejected: invalid MIME", content},
	{"END", "550 5.6.1 Media not supported", content},
	{"END", "552 message too large", content},
	{"END", "554 Transaction failed", content},

	// Who sends.
	{"RCPT", "554 5.7.1 <ada@hospital.example>: Relay access denied", us},
	{"RCPT", "550 5.7.1 Unable to relay", us},
	{"RCPT", "550 5.7.1 <ada@hospital.example>: Recipient address rejected: Access denied", us},
	{"RCPT", "554 5.7.1 Service unavailable; Client host [203.0.113.7] blocked using zen.spamhaus.org", us},
	{"RCPT", "550 5.7.606 Access denied, banned sending IP [203.0.113.7]", us},
	{"RCPT", "454 4.7.1 <ada@hospital.example>: Relay access denied", us},
	{"RCPT", "450 4.7.25 Client host rejected: cannot find your hostname, [203.0.113.7]", us},
	{"RCPT", "554 Relay access denied", us},
	{"RCPT", "550 relay not permitted", us},
	{"RCPT", "553 sorry, that domain isn't in my list of allowed rcpthosts", us},
	{"RCPT", "550 5.1.8 <care@example.com>: Sender address rejected: Domain not found", us},
	{"RCPT", "553 5.1.7 The sender's address is not valid", us},
	{"RCPT", "450 4.1.8 <care@example.com>: Sender address rejected: Domain not found", us},
	{"RCPT", "504 5.5.2 <worker>: Helo command rejected: need fully-qualified hostname", us},
	{"RCPT", "530 5.7.0 Authentication required", us},
	{"MAIL", "553 5.7.1 <care@example.com>: Sender address rejected: not owned by user", us},
	{"MAIL", "550 5.1.0 Address rejected", us},
	{"MAIL", "550 5.1.1 no such user", us},
	{"MAIL", "501 5.1.7 Bad sender address syntax", us},
	{"MAIL", "550", us},
	{"MAIL", "530 5.7.0 Must issue a STARTTLS command first", us},
	{"DATA", "554 5.7.1 policy", us},
	{"END", "554 5.7.1 Message rejected as spam", us},
	{"END", "550 5.7.26 This mail is unauthenticated: SPF and DKIM did not pass", us},
	{"END", "550 5.7.509 Access denied, sending domain does not pass DMARC verification", us},
	{"END", "554 rejected due to spam content", us},
	{"CONNECT", "554 5.7.1 mx.example.org: your address is blocked", us},
	{"EHLO", "550 5.7.1 Helo command rejected: need fully-qualified hostname", us},
	{"AUTH", "535 5.7.8 Authentication credentials invalid", us},
	{"AUTH", "534 5.7.9 Application-specific password required", us},

	// The server, and the way on from it.
	{"RCPT", "550 5.4.1 All hosts are unreachable", server},
	{"RCPT", "554 5.4.4 Unable to route", server},
	{"RCPT", "550 5.4.6 routing loop", server},
	{"RCPT", "554 5.3.0 Mail system error", server},
	{"RCPT", "554 5.3.5 System incorrectly configured", server},
	{"RCPT", "503 5.5.1 Bad sequence of commands", server},
	{"RCPT", "501 5.5.4 Invalid arguments", server},
	{"RCPT", "554 Transaction failed", server},
	{"RCPT", "500", server},
	{"DATA", "554 5.5.1 Error: no valid recipients", server},
	{"DATA", "502", server},
	{"END", "554 5.3.0 Local configuration error", server},
	{"RCPT", "421 4.3.2 Service shutting down", server},
	{"END", "421 4.7.0 Try again later, closing connection", server},
	{"CONNECT", "554 No SMTP service here", server},
	{"CONNECT", "421 4.3.2 too busy", server},
	{"AUTH", "454 4.7.0 Temporary authentication failure", server},

	// A limit of ours.
	{"RCPT", "550 5.4.5 Daily user sending limit exceeded", limit},
	{"END", "554 5.7.1 Daily sending quota exceeded", limit},
	{"RCPT", "450 4.7.28 rate limited, too many messages", limit},
	{"RCPT", "451 4.3.0 Temporary lookup failure", limit},
	{"RCPT", "451 4.7.1 Service unavailable - try again later", limit},
	{"RCPT", "452 4.3.1 Insufficient system storage", limit},
	{"RCPT", "451", limit},
	{"MAIL", "451 4.7.1 come back later", limit},
	{"END", "451 4.3.0 queue is full", limit},
	{"AUTH", "451 Authentication failed: Maximum credits exceeded", limit},
	{"AUTH", "535 Authentication failed: Maximum credits exceeded", limit},

	// Only this mail has to come again.
	{"RCPT", "451 4.7.1 Greylisting in action, please come back later", greylisted},
	{"RCPT", "450 4.2.0 <ada@hospital.example>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/help/hospital.example.html", greylisted},
	{"RCPT", "451 4.7.1 Please try again later", greylisted},
	{"RCPT", "450 4.1.2 <ada@hospital.example>: Recipient address rejected: Domain not found", greylisted},
	{"RCPT", "450 greylisted", greylisted},
	{"END", "451 4.7.1 Greylisted", greylisted},
}

// TestWhoseFaultARefusalIs is decided by what the answer is about, and not by
// where in the dialogue it came.
func TestWhoseFaultARefusalIs(t *testing.T) {
	t.Parallel()
	for _, a := range answers {
		t.Run(a.at+" "+a.answer, func(t *testing.T) {
			t.Parallel()
			config := mail.SMTPConfig{}
			if a.at == "AUTH" {
				config.User, config.Password = smtpUser, smtpPassword
			}
			s := newScriptedSMTP(t, script{a.at: a.answer})
			_, err := s.sender(t, config).Send(t.Context(), testMessage())
			require.Equal(t, a.want, verdictOf(t, err), "%v", err)
			require.Contains(t, err.Error(), regexp.MustCompile(`^\d{3}`).FindString(a.answer))
			requireNothingPersonal(t, err)
			require.Zero(t, s.taken)
		})
	}
}

// TestTheBackupIsTriedUnlessTheMailIsRefusedForWhatItIs.
func TestTheBackupIsTriedUnlessTheMailIsRefusedForWhatItIs(t *testing.T) {
	t.Parallel()
	for _, a := range answers {
		t.Run(a.at+" "+a.answer, func(t *testing.T) {
			t.Parallel()
			config := mail.SMTPConfig{}
			if a.at == "AUTH" {
				config.User, config.Password = smtpUser, smtpPassword
			}
			backup := newScriptedSMTP(t, nil)
			f := newFailover(t, newScriptedSMTP(t, script{a.at: a.answer}).sender(t, config), backup.sender(t, mail.SMTPConfig{}), time.Now)
			_, err := f.Send(t.Context(), testMessage())
			switch a.want {
			case recipient, full, content:
				require.Error(t, err)
				require.Zero(t, backup.taken)
			default:
				require.NoError(t, err)
				require.Equal(t, 1, backup.taken)
			}
		})
	}
}

// TestTheProvidersWordsAreKept, without what is personal in them, and bounded.
func TestTheProvidersWordsAreKept(t *testing.T) {
	t.Parallel()
	for answer, words := range map[string]string{
		"554 5.7.1 <ada@hospital.example>: Relay access denied":                                 `it says: "5.7.1 <[…]>: Relay access denied"`,
		"550 5.1.1 Ada Lovelace has left Hospital":                                              `it says: "5.1.1 […] has left […]"`,
		"550 5.1.1 user ADA unknown":                                                            `it says: "5.1.1 user […] unknown"`,
		"550 5.7.1 see https://b.example/invitations/s3cr3t?to=ada%40hospital.example for more": `it says: "5.7.1 see https://b.example/[…] for more"`,
		"550 5.7.1 see https://help.example.org/x?p=1 for more":                                 `it says: "5.7.1 see https://help.example.org/[…] for more"`,
		"550 5.7.1 code 0123456789abcdef0123456789abcdef0123":                                   `it says: "5.7.1 code […]"`,
		"550 5.7.1 he\x1b[31mlp\u202e \"quoted\"":                                               `it says: "5.7.1 he [31mlp 'quoted'"`,
		"550-5.7.1 one\r\n550 5.7.1 two":                                                        `it says: "5.7.1 one 5.7.1 two"`,
	} {
		_, err := newScriptedSMTP(t, script{"RCPT": answer}).sender(t, mail.SMTPConfig{}).Send(t.Context(), testMessage())
		require.ErrorContains(t, err, words, answer)
		requireNothingPersonal(t, err)
	}
	_, err := newScriptedSMTP(t, script{"RCPT": "550 5.7.1 " + fmt.Sprintf("%0900d", 0) + " ada@hospital.example"}).sender(t, mail.SMTPConfig{}).Send(t.Context(), testMessage())
	require.NotContains(t, err.Error(), "it says", "there is nothing left")
	long := ""
	for range 400 {
		long += "word "
	}
	_, err = newScriptedSMTP(t, script{"RCPT": "550 5.7.1 " + long}).sender(t, mail.SMTPConfig{}).Send(t.Context(), testMessage())
	require.Less(t, len(err.Error()), 500)
	require.ErrorContains(t, err, "…")
}

// TestTheGreetingIsAFullName: a setting, the machine's own if it has one, or the
// address that the connection comes from.
func TestTheGreetingIsAFullName(t *testing.T) {
	t.Parallel()
	greetingOf := func(config mail.SMTPConfig) string {
		s := newScriptedSMTP(t, nil)
		_, err := s.sender(t, config).Send(t.Context(), testMessage())
		require.NoError(t, err)
		return s.greeting
	}
	require.Equal(t, "worker.hospital.example", greetingOf(mail.SMTPConfig{Helo: "worker.hospital.example"}))
	for name, want := range map[string]string{
		"worker-7d9f.hospital.example": "worker-7d9f.hospital.example", "worker-7d9f": "[127.0.0.1]", "localhost": "[127.0.0.1]",
		"localhost.localdomain": "[127.0.0.1]", "work_er.hospital.example": "[127.0.0.1]", "": "[127.0.0.1]", "127.0.0.1": "[127.0.0.1]",
	} {
		require.Equal(t, want, greetingOf(mail.SMTPConfig{Hostname: func() (string, error) { return name, nil }}), name)
	}
	require.Equal(t, "[127.0.0.1]", greetingOf(mail.SMTPConfig{Hostname: func() (string, error) { return "", os.ErrNotExist }}))
	require.Regexp(t, `^(\[127\.0\.0\.1\]|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+)$`, greetingOf(mail.SMTPConfig{}), "by default")
	_, err := newScriptedSMTP(t, script{"EHLO": "504 5.5.2 Helo command rejected"}).sender(t, mail.SMTPConfig{}).Send(t.Context(), testMessage())
	require.ErrorContains(t, err, "MAIL_HELO")
}

// sendGridAnswers are SendGrid's own.
var sendGridAnswers = []struct {
	status int
	body   string
	want   verdict
	words  string
}{
	{401, `{"errors":[{"message":"Maximum credits exceeded","field":null,"help":null}]}`, limit, "Maximum credits exceeded"},
	{403, `{"errors":[{"message":"Maximum credits exceeded","field":null,"help":null}]}`, limit, "no credits left"},
	{401, `{"errors":[{"message":"The provided authorization grant is invalid, expired, or revoked","field":null,"help":null}]}`, us, "check MAIL_PASSWORD"},
	{401, `not JSON`, us, "check MAIL_PASSWORD"},
	{403, `{"errors":[{"message":"The from address does not match a verified Sender Identity. Mail cannot be sent until this error is resolved.","field":"from","help":null}]}`, us, "MAIL_FROM must be a verified sender there; it says"},
	{403, `{"errors":[{"message":"access forbidden","field":null,"help":null}]}`, us, "must be allowed to send mail"},
	{400, `{"errors":[{"message":"Does not contain a valid address.","field":"personalizations.0.to.0.email","help":null}]}`, recipient, "PATCH /v1/tenants/{id}"},
	{400, `{"errors":[{"message":"The from email does not contain a valid address.","field":"from.email","help":null}]}`, us, "check MAIL_FROM"},
	{400, `{"errors":[{"message":"Does not contain a valid address.","field":"personalizations.0.to.0.email","help":null},{"message":"bad","field":"from.email","help":null}]}`, us, "check MAIL_FROM"},
	{400, `{"errors":[{"message":"The content value must be a string at least one character in length.","field":"content.0.value","help":null}]}`, content, "at least one character in length"},
	{400, `{"errors":[{"message":"The subject is required.","field":"subject","help":null}]}`, content, "another address would not help"},
	{400, `{"errors":[{"message":"mail to ada@hospital.example from https://b.example/x?y=1 is bad","field":null,"help":null}]}`, content, "mail to […] from"},
	{400, `<html>Bad Request</html>`, server, "SENDGRID_BASE_URL"},
	{413, `<html>too large</html>`, content, "refused the content of the mail (413)"},
	{429, `{"errors":[{"message":"too many requests","field":null,"help":null}]}`, limit, "429"},
}

func TestWhoseFaultSendGridsRefusalIs(t *testing.T) {
	t.Parallel()
	for _, a := range sendGridAnswers {
		t.Run(fmt.Sprint(a.status, a.body), func(t *testing.T) {
			t.Parallel()
			b := setupFailover(t, mail.SendGridConfig{})
			b.server.Fail(mailtest.Fault{Status: a.status, Body: a.body, Header: http.Header{"Content-Type": {"application/json"}}})
			_, err := b.sender.Send(t.Context(), testMessage())
			require.Equal(t, a.want, verdictOf(t, err), "%v", err)
			require.ErrorContains(t, err, a.words)
			requireNothingPersonal(t, err)
			_, err = b.failover.Send(t.Context(), testMessage())
			if a.want == recipient || a.want == content {
				require.Error(t, err)
				require.Zero(t, b.copies())
				return
			}
			require.NoError(t, err)
			require.Len(t, b.backup.received(), 1)
		})
	}
}
