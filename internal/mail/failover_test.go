package mail_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/mail"
	"tenant-provisioning/internal/mail/mailtest"
)

// failoverBundle is SendGrid with an SMTP server behind it.
type failoverBundle struct {
	sendGridBundle
	backup   *smtpServer
	failover *mail.Failover
}

func setupFailover(t *testing.T, config mail.SendGridConfig) failoverBundle {
	t.Helper()
	b := failoverBundle{sendGridBundle: setupSendGrid(t, config), backup: newSMTPServer(t, withSTARTTLS)}
	b.failover = newFailover(t, b.sender, newSMTP(t, b.backup, smtpPassword), b.clock)
	return b
}

// copies counts the mail over both providers.
func (b failoverBundle) copies() int {
	return len(b.server.Messages()) + len(b.backup.received())
}

func TestFailoverUsesTheBackupForWhatWasNotTaken(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{
		"unavailable": http.StatusServiceUnavailable, "throttled": http.StatusTooManyRequests,
		"bad key": http.StatusUnauthorized, "sender not verified": http.StatusForbidden,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupFailover(t, mail.SendGridConfig{})
			b.server.Fail(mailtest.Fault{Status: status})
			receipt, err := b.failover.Send(t.Context(), testMessage())
			require.NoError(t, err)
			require.Equal(t, "smtp", receipt.Provider)
			require.Equal(t, 1, b.copies())
		})
	}
}

func TestFailoverLeavesTheBackupAloneWhenThePrimarySends(t *testing.T) {
	t.Parallel()
	b := setupFailover(t, mail.SendGridConfig{})
	receipt, err := b.failover.Send(t.Context(), testMessage())
	require.NoError(t, err)
	require.Equal(t, "sendgrid", receipt.Provider)
	require.Equal(t, 1, b.copies())
}

func TestFailoverDoesNotTakeARefusedMailElsewhere(t *testing.T) {
	t.Parallel()
	b := setupFailover(t, mail.SendGridConfig{})
	b.server.RejectAddress(testMessage().To.Addr)
	_, err := b.failover.Send(t.Context(), testMessage())
	require.ErrorAs(t, err, new(*mail.RejectedError))
	require.Zero(t, b.copies())
}

func TestFailoverNeverMakesASecondCopyOutOfADoubt(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		prepare func(*mailtest.Server)
		known   bool // the look-up finds it at once
	}{
		"visible":           {func(*mailtest.Server) {}, true},
		"not visible yet":   {func(s *mailtest.Server) { s.DelayActivity(time.Hour) }, false},
		"no Email Activity": {func(s *mailtest.Server) { s.DenyActivity() }, false},
		"activity fails":    {func(s *mailtest.Server) { s.FailActivity(http.StatusInternalServerError) }, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupFailover(t, mail.SendGridConfig{})
			tc.prepare(b.server)
			b.server.Fail(mailtest.Fault{Drop: true, Taken: true})
			receipt, err := b.failover.Send(t.Context(), testMessage())
			require.Equal(t, 1, b.copies())
			if !tc.known {
				require.ErrorAs(t, err, new(*mail.UncertainError))
				return
			}
			require.NoError(t, err)
			require.Equal(t, mail.Receipt{Provider: "sendgrid", ID: b.server.Messages()[0].ID}, receipt)
		})
	}
}

func TestFailoverUsesTheBackupOnceThePrimaryDeniesTheMail(t *testing.T) {
	t.Parallel()
	b := setupFailover(t, mail.SendGridConfig{ActivityDelay: -1})
	b.server.Fail(mailtest.Fault{Status: http.StatusInternalServerError}) // in doubt, but not taken
	receipt, err := b.failover.Send(t.Context(), testMessage())
	require.NoError(t, err)
	require.Equal(t, "smtp", receipt.Provider)
	require.Equal(t, 1, b.copies())
}

func TestFailoverReportsTheGraverFailure(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		primary int
		backup  func(*smtpServer)
		want    any
	}{
		"backup in doubt": {http.StatusUnauthorized, func(s *smtpServer) { s.lose = true }, new(*mail.UncertainError)},
		"backup refuses": {http.StatusServiceUnavailable, func(s *smtpServer) { s.refused = testMessage().To.Addr },
			new(*mail.RejectedError)},
		"both throttle": {http.StatusTooManyRequests, func(s *smtpServer) { s.reply = &smtp.SMTPError{Code: 451} },
			new(*mail.ThrottledError)},
		"key and outage": {http.StatusUnauthorized, func(s *smtpServer) { s.reply = &smtp.SMTPError{Code: 421} },
			new(*mail.AuthError)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupFailover(t, mail.SendGridConfig{})
			b.server.Fail(mailtest.Fault{Status: tc.primary})
			b.backup.set(func() { tc.backup(b.backup) })
			_, err := b.failover.Send(t.Context(), testMessage())
			require.ErrorAs(t, err, tc.want)
			require.ErrorContains(t, err, "sendgrid: ")
			require.ErrorContains(t, err, "smtp: ")
			requireNothingPersonal(t, err)
		})
	}
}

func TestFailoverLookupAsksBoth(t *testing.T) {
	t.Parallel()
	m := testMessage()
	primary, second := setupSendGrid(t, mail.SendGridConfig{}), setupSendGrid(t, mail.SendGridConfig{})
	f := newFailover(t, primary.sender, second.sender, primary.clock)
	presence := func(sentAt time.Time) mail.Presence {
		finding, err := f.Lookup(t.Context(), m.ID, sentAt)
		require.NoError(t, err)
		return finding.Presence
	}
	require.Equal(t, mail.Absent, presence(time.Time{}))
	require.Equal(t, mail.Pending, presence(testNow))
	second.server.DenyActivity()
	require.Equal(t, mail.Unknown, presence(time.Time{}), "absent only if both are sure")
	second.server.FailActivity(http.StatusInternalServerError)
	_, err := f.Lookup(t.Context(), m.ID, testNow)
	require.ErrorAs(t, err, new(*mail.UnavailableError))
	second.server.FailActivity(0)
	_, err = second.sender.Send(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, mail.Found, presence(testNow))
	primary.server.Stop()
	require.Equal(t, mail.Found, presence(testNow), "one that knows is enough")
}

func TestFailoverNeedsBoth(t *testing.T) {
	t.Parallel()
	_, err := mail.NewFailover(mail.FailoverConfig{})
	require.Error(t, err)
}
