package mail_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/mail"
	"tenant-provisioning/internal/mail/mailtest"
	"tenant-provisioning/internal/tenant"
)

// delivered is a mail as its recipient has it.
type delivered struct{ FromName, To, ToName, Subject, Text, HTML string }

// sender is what every way to send must do alike.
type sender interface {
	Send(ctx context.Context, m mail.Message) (mail.Receipt, error)
	Lookup(ctx context.Context, id string, sentAt time.Time) (mail.Finding, error)
	Probe(ctx context.Context) error
}

// provider is a server with its sender, and the ways to break it.
type provider struct {
	sender
	delivered func() []delivered
	waiting   func() int

	refuse      func(address string)
	wrongKey    sender
	throttle    func()
	refuseText  func()
	stop        func()
	loseAnswer  func()
	holdAnswers func() (release func())
}

func providers() map[string]func(*testing.T) provider {
	return map[string]func(*testing.T) provider{
		"sendgrid": sendGridProvider,
		"smtp":     smtpProvider,
		// With a backup that is down, it has to answer as its primary does.
		"failover": func(t *testing.T) provider {
			p := sendGridProvider(t)
			dead := smtpProvider(t)
			dead.stop()
			p.sender = newFailover(t, p.sender, dead.sender, time.Now)
			p.wrongKey = newFailover(t, p.wrongKey, dead.sender, time.Now)
			return p
		},
	}
}

// patience is longer than any test waits: what ends a call is its context.
const patience = time.Hour

func newSendGrid(t *testing.T, server *mailtest.Server, key string) *mail.SendGrid {
	t.Helper()
	s, err := mail.NewSendGrid(mail.SendGridConfig{APIKey: key, BaseURL: server.URL, Timeout: patience})
	require.NoError(t, err)
	return s
}

func newFailover(t *testing.T, primary, backup sender, clock func() time.Time) *mail.Failover {
	t.Helper()
	f, err := mail.NewFailover(mail.FailoverConfig{
		Primary: primary, Backup: backup, Logger: slog.New(slog.DiscardHandler), Clock: clock,
	})
	require.NoError(t, err)
	return f
}

func sendGridProvider(t *testing.T) provider {
	server := mailtest.NewServer(t)
	return provider{
		sender:   newSendGrid(t, server, mailtest.APIKey),
		wrongKey: newSendGrid(t, server, "SG.other"),
		delivered: func() []delivered {
			var mails []delivered
			for _, m := range server.Messages() {
				mails = append(mails, delivered{m.FromName, m.To, m.ToName, m.Subject, m.Text, m.HTML})
			}
			return mails
		},
		waiting: server.Waiting,
		refuse:  server.RejectAddress,
		throttle: func() {
			server.Fail(mailtest.Fault{Status: http.StatusTooManyRequests})
		},
		refuseText: func() { server.Fail(mailtest.Fault{Status: http.StatusRequestEntityTooLarge}) },
		stop:       server.Stop,
		loseAnswer: func() { server.Fail(mailtest.Fault{Drop: true, Taken: true}) },
		holdAnswers: func() (release func()) {
			return server.HoldAnswers()
		},
	}
}

func newSMTP(t *testing.T, server *smtpServer, password string) *mail.SMTP {
	t.Helper()
	s, err := mail.NewSMTP(mail.SMTPConfig{
		Host: server.host, Port: server.port, User: smtpUser, Password: password, Timeout: patience,
		TLS: &tls.Config{RootCAs: server.roots, MinVersion: tls.VersionTLS12},
	})
	require.NoError(t, err)
	return s
}

func smtpProvider(t *testing.T) provider {
	server := newSMTPServer(t, withSTARTTLS)
	return provider{
		sender:    newSMTP(t, server, smtpPassword),
		wrongKey:  newSMTP(t, server, "wrong"),
		delivered: server.received,
		waiting: func() (waiting int) {
			server.set(func() { waiting = server.waiting })
			return waiting
		},
		refuse: func(address string) { server.set(func() { server.refused = address }) },
		throttle: func() {
			server.set(func() { server.reply = &smtp.SMTPError{Code: 451, Message: "slow down"} })
		},
		refuseText: func() {
			server.set(func() { server.reply = &smtp.SMTPError{Code: 554, Message: "no thanks"} })
		},
		stop:       server.stop,
		loseAnswer: func() { server.set(func() { server.lose = true }) },
		holdAnswers: func() (release func()) {
			server.set(func() { server.hold = make(chan struct{}) })
			return server.release
		},
	}
}

func testMessage() mail.Message {
	return mail.Message{
		ID:   "0198a5b2-0000-7000-8000-000000000001/1/SEND_WELCOME_EMAIL",
		From: mail.Address{Name: "Meridian Care", Addr: "care@example.com"},
		To:   mail.Address{Name: "Ada Lovelace", Addr: "ada@hospital.example"},
		Content: mail.Content{
			Subject: "Hello", Text: "Hi https://a.example/x?y=1&z=2\n", HTML: "<p><a href=\"https://a.example/x?y=1&amp;z=2\">Hi</a></p>\n",
		},
	}
}

// forEachSender runs the test on every sender, each with its own server.
func forEachSender(t *testing.T, test func(*testing.T, provider)) {
	t.Parallel()
	for name, start := range providers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}

// requireNothingPersonal guards what is stored and shown beside a failure.
func requireNothingPersonal(t *testing.T, err error) {
	t.Helper()
	for _, secret := range []string{"ada", "lovelace", "hospital", "a.example", mailtest.APIKey, smtpPassword, smtpUser} {
		require.NotContains(t, strings.ToLower(err.Error()), strings.ToLower(secret))
	}
}

func TestSendDelivers(t *testing.T) {
	forEachSender(t, func(t *testing.T, p provider) {
		m := testMessage()
		m.From.Name = "Клиника «Север», \"Care\""
		m.To.Name = "عائشة 🏥 O'Neil"
		m.Subject = "Willkommen, 山田病院 – \"Ärzte\" 🏥"
		m.Text = "Zeile eins\nשלום\n.\nline with a dot above\n"
		receipt, err := p.Send(t.Context(), m)
		require.NoError(t, err)
		require.NotEmpty(t, receipt.Provider)
		require.NotEmpty(t, receipt.ID)
		require.Equal(t, []delivered{{m.From.Name, m.To.Addr, m.To.Name, m.Subject, m.Text, m.HTML}}, p.delivered())
	})
}

func TestSendGivesInternationalDomainItsWireForm(t *testing.T) {
	forEachSender(t, func(t *testing.T, p provider) {
		m := testMessage()
		m.To.Addr = "ada@krankenhaus-köln.example"
		_, err := p.Send(t.Context(), m)
		require.NoError(t, err)
		require.Equal(t, "ada@xn--krankenhaus-kln-ltb.example", p.delivered()[0].To)
	})
}

// TestWhatIsAcceptedIsSent: addresses that a tenant may have arrive through every
// transport, without an extension that one of them may lack.
func TestWhatIsAcceptedIsSent(t *testing.T) {
	forEachSender(t, func(t *testing.T, p provider) {
		for i, address := range []string{
			"ada@ab--cd.example", "ada@xn--ls8h.example", "ada@3m.example", "o'hara+x_9%y@st-mary.hospital.example", "ada@भारत.example",
			strings.Repeat("a", 64) + "@hospital.example", "ada@" + strings.Repeat("a", 63) + ".example",
		} {
			clean, errs := tenant.Administrator{Email: address, FirstName: "Ada", LastName: "L"}.Clean()
			require.Empty(t, errs)
			m := testMessage()
			m.ID, m.To.Addr = fmt.Sprintf("address/%d", i), clean.Email
			_, err := p.Send(t.Context(), m)
			require.NoError(t, err, address)
			wire, err := tenant.WireAddress(address)
			require.NoError(t, err)
			require.Equal(t, wire, p.delivered()[i].To)
		}
	})
}

func TestSendConcurrently(t *testing.T) {
	forEachSender(t, func(t *testing.T, p provider) {
		const mails = 20
		var sending sync.WaitGroup
		failures := make(chan error, mails)
		for i := range mails {
			sending.Go(func() {
				m := testMessage()
				m.ID = fmt.Sprintf("mail/%d", i)
				m.To.Addr = fmt.Sprintf("ada%d@hospital.example", i)
				if _, err := p.Send(t.Context(), m); err != nil {
					failures <- err
				}
			})
		}
		sending.Wait()
		close(failures)
		require.NoError(t, <-failures)
		recipients := map[string]int{}
		for _, m := range p.delivered() {
			recipients[m.To]++
		}
		require.Len(t, recipients, mails)
		require.Len(t, p.delivered(), mails)
	})
}

func TestRefusedRecipientIsRejected(t *testing.T) {
	forEachSender(t, func(t *testing.T, p provider) {
		p.refuse("ada@hospital.example")
		_, err := p.Send(t.Context(), testMessage())
		var rejected *mail.RejectedError
		require.ErrorAs(t, err, &rejected)
		require.Equal(t, mail.PartRecipient, rejected.Part)
		require.Contains(t, rejected.Reason, "PATCH /v1/tenants/{id}")
		requireNothingPersonal(t, err)
		require.Empty(t, p.delivered())
	})
}

func TestRefusedContentIsRejected(t *testing.T) {
	forEachSender(t, func(t *testing.T, p provider) {
		p.refuseText()
		_, err := p.Send(t.Context(), testMessage())
		var rejected *mail.RejectedError
		require.ErrorAs(t, err, &rejected)
		require.Equal(t, mail.PartContent, rejected.Part)
		requireNothingPersonal(t, err)
	})
}

func TestWrongCredentialsAreNamed(t *testing.T) {
	forEachSender(t, func(t *testing.T, p provider) {
		_, err := p.wrongKey.Send(t.Context(), testMessage())
		var auth *mail.AuthError
		require.ErrorAs(t, err, &auth)
		require.Contains(t, auth.Reason, "MAIL_PASSWORD")
		requireNothingPersonal(t, err)
		require.Empty(t, p.delivered())
	})
}

func TestThrottlingIsToldApart(t *testing.T) {
	forEachSender(t, func(t *testing.T, p provider) {
		p.throttle()
		_, err := p.Send(t.Context(), testMessage())
		var throttled *mail.ThrottledError
		require.ErrorAs(t, err, &throttled)
		requireNothingPersonal(t, err)
		require.Empty(t, p.delivered())
	})
}

func TestServerAwayIsUnavailable(t *testing.T) {
	forEachSender(t, func(t *testing.T, p provider) {
		p.stop()
		_, err := p.Send(t.Context(), testMessage())
		requireNotTaken(t, err)
		requireNothingPersonal(t, err)
	})
}

func requireNotTaken(t *testing.T, err error) {
	t.Helper()
	var unavailable *mail.UnavailableError
	require.ErrorAs(t, err, &unavailable)
	var uncertain *mail.UncertainError
	require.NotErrorAs(t, err, &uncertain)
}

func TestLostAnswerIsUncertain(t *testing.T) {
	forEachSender(t, func(t *testing.T, p provider) {
		p.loseAnswer()
		m := testMessage()
		began := time.Now()
		_, err := p.Send(t.Context(), m)
		if err == nil {
			t.Skip("the provider was asked and knew the mail") // failover does
		}
		var uncertain *mail.UncertainError
		require.ErrorAs(t, err, &uncertain)
		requireNothingPersonal(t, err)
		require.Len(t, p.delivered(), 1)
		finding, err := p.Lookup(t.Context(), m.ID, began)
		require.NoError(t, err)
		require.Contains(t, []mail.Presence{mail.Found, mail.Unknown}, finding.Presence)
	})
}

func TestGivingUpOnAnAnswerIsUncertain(t *testing.T) {
	forEachSender(t, func(t *testing.T, p provider) {
		release := p.holdAnswers()
		defer release()
		ctx, cancel := context.WithCancel(t.Context())
		outcome := make(chan error, 1)
		go func() {
			_, err := p.Send(ctx, testMessage())
			outcome <- err
		}()
		require.Eventually(t, func() bool { return p.waiting() == 1 }, time.Minute, time.Millisecond)
		cancel()
		select {
		case err := <-outcome:
			require.ErrorAs(t, err, new(*mail.UncertainError))
		case <-time.After(time.Minute):
			require.Fail(t, "Send did not notice that its context ended")
		}
		require.Len(t, p.delivered(), 1)
	})
}

func TestNothingLeavesAfterTheContextEnded(t *testing.T) {
	forEachSender(t, func(t *testing.T, p provider) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := p.Send(ctx, testMessage())
		requireNotTaken(t, err)
		require.ErrorIs(t, err, context.Canceled)
		require.Empty(t, p.delivered())
	})
}

func TestMalformedMessagesDoNotLeave(t *testing.T) {
	cases := map[string]struct {
		part   mail.Part
		change func(*mail.Message)
	}{
		"no id":                 {mail.PartContent, func(m *mail.Message) { m.ID = "" }},
		"id ends a query":       {mail.PartContent, func(m *mail.Message) { m.ID = `x" OR "1"="1` }},
		"no sender":             {mail.PartSender, func(m *mail.Message) { m.From.Addr = "" }},
		"no recipient":          {mail.PartRecipient, func(m *mail.Message) { m.To.Addr = "" }},
		"header in an address":  {mail.PartRecipient, func(m *mail.Message) { m.To.Addr = "ada@hospital.example\r\nBcc: eve@evil.example" }},
		"name in an address":    {mail.PartRecipient, func(m *mail.Message) { m.To.Addr = "Ada <ada@hospital.example>" }},
		"two addresses":         {mail.PartRecipient, func(m *mail.Message) { m.To.Addr = "ada@hospital.example,eve@evil.example" }},
		"header in the subject": {mail.PartContent, func(m *mail.Message) { m.Subject = "Hi\r\nBcc: eve@evil.example" }},
		"no subject":            {mail.PartContent, func(m *mail.Message) { m.Subject = " " }},
		"no text":               {mail.PartContent, func(m *mail.Message) { m.Text = "" }},
	}
	forEachSender(t, func(t *testing.T, p provider) {
		for name, tc := range cases {
			m := testMessage()
			tc.change(&m)
			_, err := p.Send(t.Context(), m)
			var rejected *mail.RejectedError
			require.ErrorAs(t, err, &rejected, name)
			require.Equal(t, tc.part, rejected.Part, name)
			requireNothingPersonal(t, err)
		}
		require.Empty(t, p.delivered())
	})
}

func TestHeaderInANameIsFlattened(t *testing.T) {
	forEachSender(t, func(t *testing.T, p provider) {
		m := testMessage()
		m.To.Name = "Ada\r\nBcc: eve@evil.example\x00"
		_, err := p.Send(t.Context(), m)
		require.NoError(t, err)
		require.Len(t, p.delivered(), 1)
		require.Equal(t, "Ada Bcc: eve@evil.example", p.delivered()[0].ToName)
	})
}

func TestANameCannotBecomeAnAddress(t *testing.T) {
	forEachSender(t, func(t *testing.T, p provider) {
		for _, name := range []string{
			`x" <eve@evil.example>, "y`, `<eve@evil.example>`, `a\`, `"`, `=?utf-8?q?x?=`, `(comment) ; group:`,
		} {
			m := testMessage()
			m.ID = fmt.Sprintf("name/%d", len(p.delivered()))
			m.To.Name = name
			_, err := p.Send(t.Context(), m)
			require.NoError(t, err, name)
			last := p.delivered()[len(p.delivered())-1]
			require.Equal(t, m.To.Addr, last.To)
			require.Equal(t, name, last.ToName)
		}
	})
}

func TestLookupNeverDeniesASentMail(t *testing.T) {
	forEachSender(t, func(t *testing.T, p provider) {
		m := testMessage()
		receipt, err := p.Send(t.Context(), m)
		require.NoError(t, err)
		finding, err := p.Lookup(t.Context(), m.ID, time.Time{})
		require.NoError(t, err)
		require.Contains(t, []mail.Presence{mail.Found, mail.Unknown}, finding.Presence)
		if finding.Presence == mail.Found {
			require.Equal(t, receipt, finding.Receipt)
		}
	})
}
