package connect_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/postgres/postgrestest"
)

// TestTheWebhookIsToldWithoutMailSettings, which an api need not have.
func TestTheWebhookIsToldWithoutMailSettings(t *testing.T) {
	t.Parallel()
	kinds := make(chan string, 1)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var told struct{ Kind string }
		if err := json.NewDecoder(r.Body).Decode(&told); err != nil {
			told.Kind = err.Error()
		}
		kinds <- told.Kind
	}))
	t.Cleanup(hook.Close)
	pool := postgrestest.New(t)
	_, err := pool.Exec(t.Context(), `INSERT INTO worker_outages (cause, waiting, opened_at) VALUES ('No worker works', 1, now())`)
	require.NoError(t, err)

	for name, settings := range map[string][]string{
		"alone":                   nil,
		"beside people":           {"NOTIFY_EMAIL=ada@hospital.example"},
		"beside mail for nothing": {"MAIL_FROM=no-reply@hospital.example"},
	} {
		_, err := pool.Exec(t.Context(), `DELETE FROM notices`)
		require.NoError(t, err)
		cfg := load(t, config.NeedApp|config.NeedNotices, append(settings, "NOTIFY_WEBHOOK="+hook.URL)...)
		notifier, err := connect.Notifier(cfg, pool, quiet, connect.Metrics{})
		require.NoError(t, err, name)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); notifier.Run(ctx) }()
		select {
		case kind := <-kinds:
			require.Equal(t, "no_worker", kind, name)
		case <-time.After(patience):
			require.FailNow(t, "the webhook is not told", name)
		}
		stop()
		<-ended
	}
}
