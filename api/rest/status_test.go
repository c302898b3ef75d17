package rest_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"log/slog"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/api/rest"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/statuspage"
	"tenant-provisioning/internal/tenant"
)

// statusPage knows nothing until somebody runs it.
func statusPage(t *testing.T, pool *pgxpool.Pool) *statuspage.Board {
	t.Helper()
	board, err := statuspage.New(statuspage.Config{
		Look: func(context.Context) statuspage.Seen {
			return statuspage.Seen{Database: true, Temporal: true, Workers: true}
		},
		History: postgres.NewStatusHistory(pool), URL: publicURL, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	require.NoError(t, err)
	return board
}

// TestTheStatusPageIsForEverybody, in three forms, and is sent once.
func TestTheStatusPageIsForEverybody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for path, mediaType := range map[string]string{
		"/status": "text/html; charset=utf-8", "/status.json": "application/json", "/status.atom": "application/atom+xml; charset=utf-8",
	} {
		a := b.send(t, http.MethodGet, path, http.Header{}, "")
		require.Equal(t, http.StatusOK, a.status, path)
		require.Equal(t, mediaType, a.header.Get("Content-Type"))
		require.Equal(t, "public, max-age=10", a.header.Get("Cache-Control"))
		again := b.send(t, http.MethodGet, path, http.Header{"If-None-Match": {a.header.Get("ETag")}}, "")
		require.Equal(t, http.StatusNotModified, again.status)
		require.Empty(t, again.body)
		switch path {
		case "/status.json":
			var r statuspage.Report
			require.NoError(t, json.Unmarshal(a.body, &r))
			require.Len(t, r.Components, len(tenant.Components()))
		case "/status.atom":
			var feed struct {
				XMLName xml.Name  `xml:"http://www.w3.org/2005/Atom feed"`
				ID      string    `xml:"id"`
				Updated time.Time `xml:"updated"`
			}
			require.NoError(t, xml.Unmarshal(a.body, &feed))
			require.Equal(t, publicURL+"/status", feed.ID)
		}
	}
}

// TestTheStatusPageInABrowser on a phone and a desk, light and dark, with history, a
// disturbance and maintenance.
func TestTheStatusPageInABrowser(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	var board *statuspage.Board
	pool := newStatusHistory(t)
	now := time.Now()
	b := setupOn(t, pool, func(c *rest.Config) {
		var err error
		board, err = statuspage.New(statuspage.Config{
			Look: func(context.Context) statuspage.Seen {
				return statuspage.Seen{Database: true, Temporal: true, Workers: true, Incidents: []tenant.Incident{{ID: 1, Dependency: tenant.DependencyLedger}}}
			},
			History: postgres.NewStatusHistory(pool), URL: publicURL, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
			Windows: func(context.Context) ([]statuspage.Window, error) {
				return []statuspage.Window{{
					ID: "w", Title: "Regular maintenance", Message: "The database gets a new version.", ReadOnly: true,
					StartsAt: now.AddDate(0, 0, 3), EndsAt: now.AddDate(0, 0, 3).Add(2 * time.Hour),
				}}, nil
			},
		})
		require.NoError(t, err)
		c.Status = board
	})
	running, stop := context.WithCancel(t.Context())
	defer stop()
	go board.Run(running)
	require.Eventually(t, func() bool {
		var r statuspage.Report
		require.NoError(t, json.Unmarshal(board.Documents().JSON.Body, &r))
		return len(r.Windows) == 1
	}, time.Minute, 10*time.Millisecond)
	said := &complaints{}
	require.NoError(t, chromedp.Listen(ctx, said.note))
	_, err := chromedp.Call(ctx, log.Enable, cdp.Empty{})
	require.NoError(t, err)
	for _, scheme := range []string{"light", "dark"} {
		dark(ctx, t, scheme)
		for name, width := range map[string]int64{"phone": 360, "desk": 1280} {
			require.NoError(t, chromedp.Do(ctx, chromedp.EmulateViewport(width, 800), chromedp.Navigate(b.url+"/status")))
			shoot(ctx, t, "status-"+name+"-"+scheme)
			wide, err := chromedp.Run(ctx, chromedp.Evaluate[int64]("document.documentElement.scrollWidth"))
			require.NoError(t, err)
			require.Equal(t, width, wide, "nothing is wider than the screen")
			bars, err := chromedp.Run(ctx, chromedp.Evaluate[int64]("document.querySelectorAll('rect').length"))
			require.NoError(t, err)
			require.Equal(t, strconv.Itoa(90*len(tenant.Components())), strconv.FormatInt(bars, 10))
		}
	}
	require.Empty(t, said.all())
}

// newStatusHistory is a database with some weeks behind it.
func newStatusHistory(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool := postgrestest.New(t)
	h := postgres.NewStatusHistory(pool)
	begin := time.Now().AddDate(0, 0, -70)
	var changes []statuspage.Change
	for _, c := range tenant.Components() {
		changes = append(changes, statuspage.Change{Component: c, State: statuspage.Operational, Since: begin})
	}
	change := func(c statuspage.Component, s statuspage.State, day int, lasts time.Duration) {
		changes = append(changes,
			statuspage.Change{Component: c, State: s, Since: begin.AddDate(0, 0, day)},
			statuspage.Change{Component: c, State: statuspage.Operational, Since: begin.AddDate(0, 0, day).Add(lasts)})
	}
	change(statuspage.Mail, statuspage.Outage, 12, 40*time.Minute)
	change(statuspage.Provisioning, statuspage.Degraded, 31, 3*time.Hour)
	change(statuspage.API, statuspage.Maintenance, 45, 2*time.Hour)
	require.NoError(t, h.Record(t.Context(), changes))
	_, err := pool.Exec(t.Context(), `INSERT INTO incidents (dependency, cause, affected, opened_at, closed_at) VALUES ('mail', 'x', 12, $1, $2)`, begin.AddDate(0, 0, 12), begin.AddDate(0, 0, 12).Add(40*time.Minute))
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `INSERT INTO incidents (dependency, cause, affected) VALUES ('ledger', 'x', 12)`)
	require.NoError(t, err)
	return pool
}
