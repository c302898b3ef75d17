package mail_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/mail"
	"tenant-provisioning/internal/mail/mailtest"
	"tenant-provisioning/internal/tenant"
)

const invitationLink = "https://app.meridian.example/invitations/Zk3vQ0p6l1u8sX2fJ7yD9bRt"

func welcomeEmail() tenant.Email {
	w := tenant.Email{Step: tenant.StepSendWelcomeEmail, ID: "0198a5b2-7c1e-7b53-9b57-2f4d9b0a0f11/1/SEND_WELCOME_EMAIL", ExpiresAt: testNow.Add(72 * time.Hour)}
	w.Tenant.Name = "St. Mary's Hospital"
	w.Tenant.Administrator = tenant.Administrator{Email: "ada@hospital.example", FirstName: "Ada", LastName: "Lovelace"}
	return w
}

func (b sendGridBundle) postman(from mail.Address) *mail.Postman {
	return mail.NewPostman(mail.PostmanConfig{Provider: b.sender, From: from, Clock: b.clock})
}

func TestPostmanSendsAndFinds(t *testing.T) {
	t.Parallel()
	b := setupSendGrid(t, mail.SendGridConfig{})
	p := b.postman(mail.Address{Name: "Meridian Care", Addr: "care@meridian.example"})
	receipt, err := p.SendEmail(t.Context(), welcomeEmail(), invitationLink)
	require.NoError(t, err)
	caught := b.server.Messages()[0]
	require.Equal(t, tenant.EmailReceipt{Provider: "sendgrid", ProviderID: caught.ID}, receipt)
	require.Equal(t, "Ada Lovelace", caught.ToName)
	require.Contains(t, caught.Text, invitationLink)
	require.Contains(t, caught.Text, "write to care@meridian.example")

	found, ok, err := p.FindEmail(t.Context(), welcomeEmail())
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, receipt, found)
}

func TestPostmanNeverSendsPeopleToNoReply(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"no-reply@meridian.example", "NoReply@meridian.example", "do_not_reply@meridian.example"} {
		b := setupSendGrid(t, mail.SendGridConfig{})
		_, err := b.postman(mail.Address{Addr: from}).SendEmail(t.Context(), welcomeEmail(), invitationLink)
		require.NoError(t, err, "a sender without a name is fine")
		require.NotContains(t, b.server.Messages()[0].Text, "reply@")
		require.Contains(t, b.server.Messages()[0].Text, "app.\u200bmeridian.\u200bexample", "the link's host stands for the name")
	}
}

func TestPostmanAsksAgainWhileAMailMayOnlyBeInvisible(t *testing.T) {
	t.Parallel()
	b := setupSendGrid(t, mail.SendGridConfig{ActivityDelay: time.Minute})
	p := b.postman(mail.Address{Name: "Care", Addr: "care@meridian.example"})
	w := welcomeEmail()
	w.Age = 59 * time.Second
	_, found, err := p.FindEmail(t.Context(), w)
	var step *tenant.StepError
	require.ErrorAs(t, err, &step)
	require.False(t, found)
	require.True(t, step.Uncertain)
	require.Positive(t, step.RetryAfter)

	w.Age = time.Minute
	_, found, err = p.FindEmail(t.Context(), w)
	require.NoError(t, err, "now its absence is believed")
	require.False(t, found)
}

func TestPostmanExplainsARefusal(t *testing.T) {
	t.Parallel()
	b := setupSendGrid(t, mail.SendGridConfig{})
	p := b.postman(mail.Address{Name: "Care", Addr: "care@meridian.example"})
	b.server.RejectAddress("ada@hospital.example")
	_, err := p.SendEmail(t.Context(), welcomeEmail(), invitationLink)
	var step *tenant.StepError
	require.ErrorAs(t, err, &step)
	require.True(t, step.Permanent)
	requireNothingPersonal(t, err)

	b.server.Fail(mailtest.Fault{Status: http.StatusInternalServerError})
	_, err = p.SendEmail(t.Context(), welcomeEmail(), invitationLink)
	require.ErrorAs(t, err, &step)
	require.True(t, step.Uncertain)

	_, err = p.SendEmail(t.Context(), welcomeEmail(), "ftp://x/secret-token")
	require.ErrorAs(t, err, &step)
	require.True(t, step.Permanent)
	require.NotContains(t, err.Error(), "secret-token")
}
