package mail_test

import (
	"crypto/tls"
	"net"
	"os"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/mail"
)

func TestSMTPKeepsThePasswordWithoutTLS(t *testing.T) {
	t.Parallel()
	server := newSMTPServer(t, loginInClear)
	sender, err := mail.NewSMTP(mail.SMTPConfig{Host: server.host, Port: server.port, User: smtpUser, Password: smtpPassword, Timeout: patience})
	require.NoError(t, err)
	_, err = sender.Send(t.Context(), testMessage())
	var auth *mail.AuthError
	require.ErrorAs(t, err, &auth)
	require.Contains(t, auth.Reason, "MAIL_PORT")
	requireNothingPersonal(t, err)
}

func TestSMTPRelayOnThisMachineNeedsNoTLS(t *testing.T) {
	t.Parallel()
	server := newSMTPServer(t, openRelay)
	sender, err := mail.NewSMTP(mail.SMTPConfig{Host: server.host, Port: server.port, Timeout: patience})
	require.NoError(t, err)
	_, err = sender.Send(t.Context(), testMessage())
	require.NoError(t, err)
	require.Len(t, server.received(), 1)
}

func TestSMTPServerMayHaveAnIPv6Address(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "[::1]:0")
	if err != nil && os.Getenv("CI") == "" {
		t.Skipf("this machine has no IPv6: %v", err)
	}
	require.NoError(t, err)
	server := newSMTPServerOn(t, withSTARTTLS, listener)
	_, err = newSMTP(t, server, smtpPassword).Send(t.Context(), testMessage())
	require.NoError(t, err)
	require.Len(t, server.received(), 1)
}

func TestSMTPSpeaksTLSFromTheFirstByte(t *testing.T) {
	t.Parallel()
	server := newSMTPServer(t, implicitTLS)
	sender, err := mail.NewSMTP(mail.SMTPConfig{
		Host: server.host, Port: server.port, ImplicitTLS: true, User: smtpUser, Password: smtpPassword, Timeout: patience,
		TLS: &tls.Config{RootCAs: server.roots, MinVersion: tls.VersionTLS12},
	})
	require.NoError(t, err)
	_, err = sender.Send(t.Context(), testMessage())
	require.NoError(t, err)
	require.Len(t, server.received(), 1)
}

func TestSMTPInsistsOnTLSElsewhere(t *testing.T) {
	t.Parallel()
	server := newSMTPServer(t, openRelay)
	// Another spelling of this machine, which is not known to be this machine.
	sender, err := mail.NewSMTP(mail.SMTPConfig{Host: "0.0.0.0", Port: server.port, Timeout: patience})
	require.NoError(t, err)
	_, err = sender.Send(t.Context(), testMessage())
	requireNotTaken(t, err)
	require.ErrorContains(t, err, "STARTTLS")
	require.Empty(t, server.received())
}

func TestSMTPRefusesAForeignCertificate(t *testing.T) {
	t.Parallel()
	server := newSMTPServer(t, withSTARTTLS)
	sender, err := mail.NewSMTP(mail.SMTPConfig{
		Host: server.host, Port: server.port, User: smtpUser, Password: smtpPassword, Timeout: patience,
		TLS: &tls.Config{MinVersion: tls.VersionTLS12}, // the system's roots
	})
	require.NoError(t, err)
	_, err = sender.Send(t.Context(), testMessage())
	requireNotTaken(t, err)
	require.ErrorContains(t, err, "set MAIL_SSLROOTCERT")
}

func TestSMTPReplyTellsWhetherTheMailWasTaken(t *testing.T) {
	t.Parallel()
	for code, kind := range map[int]any{
		421: new(*mail.UnavailableError), 450: new(*mail.ThrottledError), 452: new(*mail.ThrottledError),
		530: new(*mail.AuthError), 552: new(*mail.RejectedError), 554: new(*mail.RejectedError),
	} {
		server := newSMTPServer(t, withSTARTTLS)
		server.set(func() { server.reply = &smtp.SMTPError{Code: code, Message: "about ada@hospital.example"} })
		_, err := newSMTP(t, server, smtpPassword).Send(t.Context(), testMessage())
		require.ErrorAs(t, err, kind, code)
		requireNothingPersonal(t, err)
	}
}

func TestSMTPWithoutALoginIsRefusedAsSuch(t *testing.T) {
	t.Parallel()
	server := newSMTPServer(t, withSTARTTLS)
	sender, err := mail.NewSMTP(mail.SMTPConfig{
		Host: server.host, Port: server.port, Timeout: patience, TLS: &tls.Config{RootCAs: server.roots, MinVersion: tls.VersionTLS12},
	})
	require.NoError(t, err)
	_, err = sender.Send(t.Context(), testMessage())
	require.ErrorAs(t, err, new(*mail.AuthError))
}

func TestSMTPThatNeverGreetsWasNotSentTo(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	sender, err := mail.NewSMTP(mail.SMTPConfig{
		Host: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port, Timeout: 50 * time.Millisecond,
	})
	require.NoError(t, err)
	_, err = sender.Send(t.Context(), testMessage())
	requireNotTaken(t, err)
}

func TestSMTPSameMailKeepsItsMessageID(t *testing.T) {
	t.Parallel()
	server := newSMTPServer(t, withSTARTTLS)
	sender := newSMTP(t, server, smtpPassword)
	m := testMessage()
	for _, id := range []string{"a/1/X", "a/1/X", "a/2/X"} {
		m.ID = id
		_, err := sender.Send(t.Context(), m)
		require.NoError(t, err)
	}
	var ids []string
	server.set(func() { ids = server.messageIDs })
	require.Equal(t, ids[0], ids[1])
	require.NotEqual(t, ids[0], ids[2])
	require.NotContains(t, ids[0], "a/1/X", "the recipient does not see our id")
	require.Regexp(t, `^<[0-9a-f]{32}@example\.com>$`, ids[0])
}

func TestSMTPConfigIsChecked(t *testing.T) {
	t.Parallel()
	for want, config := range map[string]mail.SMTPConfig{
		"MAIL_HOST": {}, "MAIL_PORT": {Host: "h", Port: 70000}, "MAIL_USER": {Host: "h", Password: "p"},
		"MAIL_BACKUP_HOST": {SettingPrefix: "MAIL_BACKUP_"},
	} {
		_, err := mail.NewSMTP(config)
		require.ErrorContains(t, err, want)
	}
}
