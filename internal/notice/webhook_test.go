package notice_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/mail/mailtest"
	"tenant-provisioning/internal/notice"
	"tenant-provisioning/internal/tenant"
)

// hook takes what is posted, and answers what it is told to.
type hook struct {
	*httptest.Server

	mu     sync.Mutex
	status int
	posts  []map[string]any
	bodies []string
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{status: http.StatusNoContent}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		h.mu.Lock()
		defer h.mu.Unlock()
		var post map[string]any
		if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || json.Unmarshal(body, &post) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(h.status)
		h.posts, h.bodies = append(h.posts, post), append(h.bodies, string(body))
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) answer(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = status
}

func (h *hook) posted() []map[string]any {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]map[string]any{}, h.posts...)
}

// startWithWebhook runs a notifier that has no addresses.
func (b *bundle) startWithWebhook(t *testing.T, h *hook, log *slog.Logger) {
	t.Helper()
	b.startWith(t, notice.Config{Mailer: b.postman, Webhook: h.webhook(), Logger: log})
}

func (h *hook) webhook() *notice.Webhook {
	return notice.NewWebhook(h.URL+"/hooks/s3cret?key=s3cret", nil)
}

// TestTheWebhookIsToldWhatPeopleAre, while mail is away: parkings, an incident
// and its end, an outage of all workers and its end.
func TestTheWebhookIsToldWhatPeopleAre(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.catcher.Fail(mailtest.Fault{Status: http.StatusServiceUnavailable})
	h := newHook(t)
	operation := b.park(t, "Charité")
	b.startWithWebhook(t, h, slog.New(slog.DiscardHandler))
	b.awaitSent(t, 1)
	post := h.posted()[0]
	require.Equal(t, "attention", post["kind"])
	require.NotEmpty(t, post["id"])
	require.Equal(t, "An operation needs attention. See: starter list --attention", post["text"])
	parked := post["operations"].([]any)[0].(map[string]any)
	require.Equal(t, string(operation), parked["operationId"])
	require.Equal(t, "provision", parked["kind"])
	require.Equal(t, "SEND_WELCOME_EMAIL", parked["failedStep"])
	require.Equal(t, "refused", parked["failureReason"])
	require.Equal(t, []any{"retry", "skip"}, parked["allowedActions"])

	b.exec(t, `INSERT INTO incidents (dependency, cause, affected, opened_at) VALUES ('mail', 'no answer', 12, now() - interval '1 minute')`)
	b.awaitSent(t, 2)
	require.Equal(t, "incident", h.posted()[1]["kind"])
	require.Equal(t, "no answer", h.posted()[1]["incident"].(map[string]any)["cause"])
	b.exec(t, `UPDATE incidents SET closed_at = now() - $1::interval`, tenant.IncidentQuiet)
	b.exec(t, `UPDATE notices SET sent_at = sent_at - $1::interval - interval '1 minute'`, tenant.IncidentQuiet)
	b.awaitSent(t, 3)
	require.Equal(t, "incident_over", h.posted()[2]["kind"])

	b.exec(t, `INSERT INTO worker_outages (cause, waiting, opened_at) VALUES ('No worker works: none has ever been seen', 9, '2026-08-14T03:02:00Z')`)
	b.awaitSent(t, 4)
	outage := h.posted()[3]
	require.Equal(t, "no_worker", outage["kind"])
	require.Equal(t, "No worker works: none has ever been seen. See docs/runbooks/no-worker.md", outage["text"])
	require.InDelta(t, 9, outage["outage"].(map[string]any)["waiting"], 0)
	b.exec(t, `UPDATE worker_outages SET closed_at = '2026-08-14T03:14:00Z'`)
	b.awaitSent(t, 5)
	require.Equal(t, "no_worker_over", h.posted()[4]["kind"])
	require.Equal(t, "Over: no worker took work, until 2026-08-14T03:14:00Z", h.posted()[4]["text"])
	for _, body := range h.bodies {
		for _, personal := range []string{"Charité", "x@hospital.example", "@"} {
			require.NotContains(t, body, personal)
		}
	}
}

// TestTheWebhookIsTriedAgain, with the same id, after whatever is no 2xx, and its
// URL is printed nowhere.
func TestTheWebhookIsTriedAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	h := newHook(t)
	b.park(t, "Charité")
	var log lockedLog
	b.startWithWebhook(t, h, slog.New(slog.NewTextHandler(&log, nil)))
	for _, status := range []int{http.StatusServiceUnavailable, http.StatusTemporaryRedirect, http.StatusBadRequest} {
		h.answer(status)
		before := len(h.posted())
		b.exec(t, `UPDATE notices SET due_at = now() WHERE state = 'PENDING'`)
		require.Eventually(t, func() bool {
			return len(h.posted()) > before && b.count(t, postponed) == 1
		}, patience, 20*time.Millisecond)
	}
	h.answer(http.StatusOK)
	b.exec(t, `UPDATE notices SET due_at = now()`)
	b.awaitSent(t, 1)
	ids := map[any]bool{}
	for _, post := range h.posted() {
		ids[post["id"]] = true
	}
	require.Len(t, ids, 1)
	require.Contains(t, log.String(), "it answered 503")
	h.Close()
	b.park(t, "Necker")
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "connection refused") }, patience, 20*time.Millisecond)
	require.NotContains(t, log.String(), "s3cret")
}

// TestTheWebhookIsGivenUp after a day of attempts.
func TestTheWebhookIsGivenUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	h := newHook(t)
	h.answer(http.StatusGone)
	b.park(t, "Charité")
	b.startWithWebhook(t, h, slog.New(slog.DiscardHandler))
	require.Eventually(t, func() bool { return b.count(t, postponed) == 1 }, patience, 20*time.Millisecond)
	b.exec(t, `UPDATE notices SET due_at = now(), attempts = 105`)
	require.Eventually(t, func() bool { return b.count(t, `SELECT count(*) FROM notices WHERE state = 'DROPPED'`) == 1 }, patience, 20*time.Millisecond)
}

// TestEachNoticeWaitsForAProcessWithAWayForIt: an api may have no mail settings,
// a worker no webhook. The other's notices are neither dropped nor tried.
func TestEachNoticeWaitsForAProcessWithAWayForIt(t *testing.T) {
	t.Parallel()
	people := []string{"ada@platform.example"}
	quiet := slog.New(slog.DiscardHandler)
	const untouched = `SELECT count(*) FROM notices WHERE state = 'PENDING' AND attempts = 0`
	for name, way := range map[string]struct {
		first, second func(*bundle, *hook) notice.Config
		mails, posts  int
	}{
		"without mail": {
			first: func(_ *bundle, h *hook) notice.Config {
				return notice.Config{Webhook: h.webhook(), Recipients: people, Logger: quiet}
			},
			second: func(b *bundle, _ *hook) notice.Config {
				return notice.Config{Mailer: b.postman, Recipients: people, Logger: quiet}
			},
			posts: 1,
		},
		"without the webhook": {
			first: func(b *bundle, _ *hook) notice.Config { // which makes the webhook's notice, as a process that has it would
				return notice.Config{Mailer: b.postman, Recipients: append([]string{tenant.NoticeWebhook}, people...), Logger: quiet}
			},
			second: func(_ *bundle, h *hook) notice.Config { return notice.Config{Webhook: h.webhook(), Logger: quiet} },
			mails:  1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, h := setup(t), newHook(t)
			b.park(t, "Charité")
			b.startWith(t, way.first(b, h))
			b.awaitSent(t, 1)
			require.Len(t, b.mails(people[0]), way.mails)
			require.Len(t, h.posted(), way.posts)
			require.Equal(t, 1, b.count(t, untouched))
			b.startWith(t, way.second(b, h))
			b.awaitSent(t, 2)
			require.Len(t, b.mails(people[0]), 1)
			require.Len(t, h.posted(), 1)
		})
	}
}

// lockedLog may be written and read at once.
type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
