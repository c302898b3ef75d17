package mail_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/mail"
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
