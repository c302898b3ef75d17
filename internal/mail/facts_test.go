package mail_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/doctor"
	"tenant-provisioning/internal/mail"
	"tenant-provisioning/internal/mail/mailtest"
)

const fromAddress = "no-reply@hospital.example"

// examinedMail are the lines about a provider, by their check.
func examinedMail(t *testing.T, p mail.Provider) map[string]doctor.Line {
	t.Helper()
	facts, err := mail.NewFacts(p, fromAddress)
	require.NoError(t, err)
	found := map[string]doctor.Line{}
	for _, l := range doctor.Examine(t.Context(), 2*time.Minute, []doctor.Subject{doctor.ExamineMail("mail", facts, "MAIL_")}) {
		found[l.Check] = l
	}
	return found
}

func requireLine(t *testing.T, l doctor.Line, state doctor.State, says string) {
	t.Helper()
	require.Equal(t, state, l.State, l.Says)
	require.Contains(t, l.Says, says)
}

// TestFactsOfSendGrid: a key that may only send is not told which senders are
// verified; one that may is, and then it counts. Nothing is sent.
func TestFactsOfSendGrid(t *testing.T) {
	t.Parallel()
	server := mailtest.NewServer(t)
	found := examinedMail(t, newSendGrid(t, server, mailtest.APIKey))
	requireLine(t, found["server"], doctor.OK, "SendGrid")
	requireLine(t, found["sender"], doctor.OK, "cannot be asked")
	requireLine(t, found["clock"], doctor.OK, "agree")
	requireLine(t, examinedMail(t, newSendGrid(t, server, "another"))["server"], doctor.Failure, "MAIL_PASSWORD")
	server.DenySending()
	requireLine(t, examinedMail(t, newSendGrid(t, server, mailtest.APIKey))["server"], doctor.Failure, "MAIL_PASSWORD")
	require.Zero(t, server.Requests())
	server.Stop()
	requireLine(t, examinedMail(t, newSendGrid(t, server, mailtest.APIKey))["server"], doctor.Failure, "not reachable")

	for name, c := range map[string]struct {
		domains, senders string
		state            doctor.State
		says             string
	}{
		"its domain":     {`[{"domain":"other.example","valid":true},{"domain":"Hospital.example","valid":true}]`, `{"results":[]}`, doctor.OK, "its domain is authenticated"},
		"the address":    {`[]`, `{"results":[{"from_email":"no-reply@hospital.example","verified":true}]}`, doctor.OK, "a verified sender"},
		"not yet":        {`[{"domain":"hospital.example","valid":false}]`, `{"results":[{"from_email":"no-reply@hospital.example","verified":false}]}`, doctor.Failure, "neither"},
		"told in part":   {``, `{"results":[]}`, doctor.OK, "cannot be asked"},
		"something else": {`<html>`, ``, doctor.Failure, "SENDGRID_BASE_URL"},
		"out of service": {`503`, ``, doctor.Failure, "503"},
	} {
		api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
			body := map[string]string{"/v3/scopes": `{"scopes":["mail.send"]}`, "/v3/whitelabel/domains": c.domains, "/v3/verified_senders": c.senders}[r.URL.Path]
			switch body {
			case "":
				w.WriteHeader(http.StatusForbidden)
			case "503":
				w.WriteHeader(http.StatusServiceUnavailable)
			default:
				_, _ = io.WriteString(w, body)
			}
		}))
		t.Cleanup(api.Close)
		sender, err := mail.NewSendGrid(mail.SendGridConfig{APIKey: mailtest.APIKey, BaseURL: api.URL, Timeout: patience})
		require.NoError(t, err)
		found := examinedMail(t, sender)
		require.Equal(t, c.state, found["sender"].State, name)
		requireLine(t, found["sender"], c.state, c.says)
		requireLine(t, found["clock"], doctor.Failure, "ahead of this machine's")
	}
}

// TestFactsOfSMTP: login and sender, without a mail.
func TestFactsOfSMTP(t *testing.T) {
	t.Parallel()
	p := smtpProvider(t)
	found := examinedMail(t, p.sender)
	requireLine(t, found["server"], doctor.OK, "knows us")
	requireLine(t, found["sender"], doctor.OK, fromAddress)
	requireLine(t, found["clock"], doctor.OK, "tells no time")
	requireLine(t, examinedMail(t, p.wrongKey)["server"], doctor.Failure, "MAIL_PASSWORD")
	require.Empty(t, p.delivered())
	p.stop()
	requireLine(t, examinedMail(t, p.sender)["server"], doctor.Failure, "")

	for reply, says := range map[string]string{
		"553 5.7.1 Sender address rejected: not owned by user": "MAIL_FROM",
		"550 5.1.0 Sender rejected":                            "are refused",
		"421 4.3.2 closing":                                    "ask for the sender",
	} {
		server := newScriptedSMTP(t, script{"MAIL": reply})
		requireLine(t, examinedMail(t, server.sender(t, mail.SMTPConfig{}))["sender"], doctor.Failure, says)
		require.Zero(t, server.taken, reply)
	}
	_, err := mail.NewFacts(newFailover(t, p.sender, p.sender, time.Now), fromAddress)
	require.ErrorContains(t, err, "cannot be looked at", "it has two servers")
}
