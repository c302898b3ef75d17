package mail_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/mail"
	"tenant-provisioning/internal/mail/mailtest"
)

// TestProbe tells a server that would take a mail from one that would not, and
// sends nothing.
func TestProbe(t *testing.T) {
	forEachSender(t, func(t *testing.T, p provider) {
		require.NoError(t, p.sender.Probe(t.Context()))
		var denied *mail.AuthError
		require.ErrorAs(t, p.wrongKey.Probe(t.Context()), &denied)
		require.Empty(t, p.delivered())
		p.stop()
		var away *mail.UnavailableError
		require.ErrorAs(t, p.sender.Probe(t.Context()), &away)
	})
}

// TestProbeOfAKeyThatMayNotSend fails for as long as sending does, and so does
// that of something else than SendGrid's API.
func TestProbeOfAKeyThatMayNotSend(t *testing.T) {
	t.Parallel()
	server := mailtest.NewServer(t)
	server.DenySending()
	sender := newSendGrid(t, server, mailtest.APIKey)
	_, err := sender.Send(t.Context(), testMessage())
	var denied *mail.AuthError
	require.ErrorAs(t, err, &denied)
	probe := sender.Probe(t.Context())
	require.Equal(t, error(denied), probe)
	require.ErrorContains(t, probe, "MAIL_PASSWORD")

	portal := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<html>Please log in</html>")
	}))
	t.Cleanup(portal.Close)
	sender, err = mail.NewSendGrid(mail.SendGridConfig{APIKey: mailtest.APIKey, BaseURL: portal.URL, Timeout: patience})
	require.NoError(t, err)
	require.ErrorContains(t, sender.Probe(t.Context()), "SENDGRID_BASE_URL")
}

// TestProbeOfAFailover: either server is enough.
func TestProbeOfAFailover(t *testing.T) {
	t.Parallel()
	b := setupFailover(t, mail.SendGridConfig{})
	b.server.Stop()
	require.NoError(t, b.failover.Probe(t.Context()))
	b.backup.stop()
	var away *mail.UnavailableError
	require.ErrorAs(t, b.failover.Probe(t.Context()), &away)
}
