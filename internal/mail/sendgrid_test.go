package mail_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/mail"
	"tenant-provisioning/internal/mail/mailtest"
)

var testNow = time.Date(2026, 8, 14, 12, 0, 0, 0, time.UTC)

// sendGridBundle is a sender and its server, both on one clock.
type sendGridBundle struct {
	server *mailtest.Server
	sender *mail.SendGrid
	now    *atomic.Int64 // seconds after testNow
}

func (b sendGridBundle) clock() time.Time {
	return testNow.Add(time.Duration(b.now.Load()) * time.Second)
}

func setupSendGrid(t *testing.T, config mail.SendGridConfig) sendGridBundle {
	t.Helper()
	b := sendGridBundle{now: new(atomic.Int64)}
	b.server = mailtest.NewServerWith(t, mailtest.CatcherConfig{APIKey: mailtest.APIKey, Clock: b.clock})
	config.APIKey, config.Clock = mailtest.APIKey, b.clock
	if config.BaseURL == "" {
		config.BaseURL = b.server.URL
	}
	if config.Timeout == 0 {
		config.Timeout = patience
	}
	var err error
	b.sender, err = mail.NewSendGrid(config)
	require.NoError(t, err)
	return b
}

func TestSendGridLinkArrivesUntouched(t *testing.T) {
	t.Parallel()
	b := setupSendGrid(t, mail.SendGridConfig{})
	content, err := mail.Welcome(welcomeData())
	require.NoError(t, err)
	m := testMessage()
	m.Content = content
	_, err = b.sender.Send(t.Context(), m)
	require.NoError(t, err)
	caught := b.server.Messages()[0]
	require.Equal(t, content.HTML, caught.HTML, "no tracked link, no pixel")
	require.Equal(t, content.Text, caught.Text)
	require.Equal(t, "auto-generated", caught.Headers["Auto-Submitted"])
	require.Len(t, caught.CustomArgs, 1)
}

func TestSendGridStatusTellsWhetherTheMailWasTaken(t *testing.T) {
	t.Parallel()
	cases := map[int]any{
		http.StatusBadRequest:            new(*mail.RejectedError),
		http.StatusRequestEntityTooLarge: new(*mail.RejectedError),
		http.StatusUnauthorized:          new(*mail.AuthError),
		http.StatusForbidden:             new(*mail.AuthError),
		http.StatusTooManyRequests:       new(*mail.ThrottledError),
		http.StatusServiceUnavailable:    new(*mail.UnavailableError),
		http.StatusInternalServerError:   new(*mail.UncertainError),
		http.StatusBadGateway:            new(*mail.UncertainError),
		http.StatusGatewayTimeout:        new(*mail.UncertainError),
		http.StatusOK:                    new(*mail.UnavailableError), // a proxy's page: SendGrid answers 202
		http.StatusNotFound:              new(*mail.UnavailableError),
		http.StatusPermanentRedirect:     new(*mail.UnavailableError),
	}
	for status, kind := range cases {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			b := setupSendGrid(t, mail.SendGridConfig{})
			b.server.Fail(mailtest.Fault{Status: status, Header: http.Header{"Location": {b.server.URL + "/v3/mail/send"}}})
			_, err := b.sender.Send(t.Context(), testMessage())
			require.ErrorAs(t, err, kind)
			requireNothingPersonal(t, err)
			require.Contains(t, err.Error(), strconv.Itoa(status))
			require.Equal(t, 1, b.server.Requests(), "one attempt, no redirect followed, no retry inside")
		})
	}
}

func TestSendGridNamesTheRefusedSender(t *testing.T) {
	t.Parallel()
	b := setupSendGrid(t, mail.SendGridConfig{})
	m := testMessage()
	m.From.Addr = "care@localhost" // SendGrid wants a dotted domain
	_, err := b.sender.Send(t.Context(), m)
	var rejected *mail.RejectedError
	require.ErrorAs(t, err, &rejected)
	require.Equal(t, mail.PartSender, rejected.Part)
	require.Contains(t, rejected.Reason, "MAIL_FROM")
}

func TestSendGridSaysWhenTheLimitIsLifted(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		header, value string
		want          time.Duration
	}{
		"reset":         {"X-RateLimit-Reset", strconv.FormatInt(testNow.Add(42*time.Second).Unix(), 10), 42 * time.Second},
		"reset is past": {"X-RateLimit-Reset", strconv.FormatInt(testNow.Add(-time.Hour).Unix(), 10), 0},
		"retry after":   {"Retry-After", "7", 7 * time.Second},
		"a day":         {"Retry-After", "86400", 5 * time.Minute},
		"tomorrow":      {"X-RateLimit-Reset", strconv.FormatInt(testNow.Add(24*time.Hour).Unix(), 10), 5 * time.Minute},
		"says nothing":  {"X-Nothing", "7", 0},
		"says nonsense": {"Retry-After", "soon", 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupSendGrid(t, mail.SendGridConfig{})
			b.server.Fail(mailtest.Fault{Status: http.StatusTooManyRequests, Header: http.Header{tc.header: {tc.value}}})
			_, err := b.sender.Send(t.Context(), testMessage())
			var throttled *mail.ThrottledError
			require.ErrorAs(t, err, &throttled)
			require.Equal(t, tc.want, throttled.RetryAfter)
		})
	}
}

func TestSendGridTimesOut(t *testing.T) {
	t.Parallel()
	b := setupSendGrid(t, mail.SendGridConfig{Timeout: 5 * time.Second}) // enough for the request to leave
	release := b.server.Hold()
	defer release()
	_, err := b.sender.Send(t.Context(), testMessage())
	var uncertain *mail.UncertainError
	require.ErrorAs(t, err, &uncertain, "the request left, so nobody knows")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Empty(t, b.server.Messages())
}

func TestSendGridTellsASilentHandshakeFromASilentAnswer(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close() // accepts by the kernel, never says a word
	sender, err := mail.NewSendGrid(mail.SendGridConfig{
		APIKey: "k", BaseURL: "https://" + listener.Addr().String(), Timeout: 50 * time.Millisecond,
	})
	require.NoError(t, err)
	_, err = sender.Send(t.Context(), testMessage())
	requireNotTaken(t, err)
}

func TestSendGridKeepsItsStatusWhenTheBodyIsLost(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Message-Id", "kept")
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write([]byte("cut"))
	}))
	defer server.Close()
	sender, err := mail.NewSendGrid(mail.SendGridConfig{APIKey: "k", BaseURL: server.URL, Timeout: patience})
	require.NoError(t, err)
	receipt, err := sender.Send(t.Context(), testMessage())
	require.NoError(t, err)
	require.Equal(t, "kept", receipt.ID)
}

// A server that never stops talking must not fill the worker's memory.
func TestSendGridReadsNoMoreThanItNeeds(t *testing.T) {
	t.Parallel()
	var sent atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		for r.Context().Err() == nil {
			n, _ := w.Write(make([]byte, 64<<10)) // the client hangs up
			sent.Add(int64(n))
		}
	}))
	defer server.Close()
	sender, err := mail.NewSendGrid(mail.SendGridConfig{APIKey: "k", BaseURL: server.URL, Timeout: patience})
	require.NoError(t, err)
	_, err = sender.Send(t.Context(), testMessage())
	require.NoError(t, err)
	require.Less(t, sent.Load(), int64(64<<20), "what the sockets hold, and no more")
}

func TestSendGridLookup(t *testing.T) {
	t.Parallel()
	b := setupSendGrid(t, mail.SendGridConfig{ActivityDelay: time.Minute})
	m := testMessage()
	lookup := func(sentAt time.Time) mail.Presence {
		finding, err := b.sender.Lookup(t.Context(), m.ID, sentAt)
		require.NoError(t, err)
		return finding.Presence
	}
	require.Equal(t, mail.Absent, lookup(time.Time{}))
	require.Equal(t, mail.Pending, lookup(testNow), "too young to be believed")

	b.server.DelayActivity(30 * time.Second)
	b.server.Fail(mailtest.Fault{Drop: true, Taken: true})
	_, err := b.sender.Send(t.Context(), m)
	require.Error(t, err)
	require.Equal(t, mail.Pending, lookup(testNow), "taken, not visible yet")
	b.now.Store(30)
	finding, err := b.sender.Lookup(t.Context(), m.ID, testNow)
	require.NoError(t, err)
	require.Equal(t, mail.Finding{
		Presence: mail.Found, Receipt: mail.Receipt{Provider: "sendgrid", ID: b.server.Messages()[0].ID},
	}, finding)

	b.now.Store(60)
	other, err := b.sender.Lookup(t.Context(), m.ID+"2", testNow)
	require.NoError(t, err)
	require.Equal(t, mail.Absent, other.Presence)
}

func TestSendGridLookupThatCannotAnswer(t *testing.T) {
	t.Parallel()
	b := setupSendGrid(t, mail.SendGridConfig{})
	m := testMessage()

	b.server.DenyActivity()
	finding, err := b.sender.Lookup(t.Context(), m.ID, testNow)
	require.NoError(t, err, "a plan without Email Activity is not a failure")
	require.Equal(t, mail.Unknown, finding.Presence)

	b.server.FailActivity(http.StatusTooManyRequests)
	_, err = b.sender.Lookup(t.Context(), m.ID, testNow)
	require.ErrorAs(t, err, new(*mail.ThrottledError))

	b.server.FailActivity(http.StatusInternalServerError)
	_, err = b.sender.Lookup(t.Context(), m.ID, testNow)
	require.ErrorAs(t, err, new(*mail.UnavailableError))

	b.server.Stop()
	finding, err = b.sender.Lookup(t.Context(), m.ID, testNow)
	require.ErrorAs(t, err, new(*mail.UnavailableError))
	require.Equal(t, mail.Unknown, finding.Presence)
	require.NotContains(t, err.Error(), "unique_args", "the address with the question stays out")
}

func TestSendGridConfigIsChecked(t *testing.T) {
	t.Parallel()
	_, err := mail.NewSendGrid(mail.SendGridConfig{})
	require.ErrorContains(t, err, "MAIL_PASSWORD")
	_, err = mail.NewSendGrid(mail.SendGridConfig{SettingPrefix: "MAIL_BACKUP_"})
	require.ErrorContains(t, err, "MAIL_BACKUP_PASSWORD")
	for _, base := range []string{"smtp.sendgrid.net", "ftp://x", "https://", "://"} {
		_, err = mail.NewSendGrid(mail.SendGridConfig{APIKey: "k", BaseURL: base})
		require.ErrorContains(t, err, "SENDGRID_BASE_URL", base)
	}
}
