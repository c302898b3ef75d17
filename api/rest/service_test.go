package rest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/api/rest"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

// awaitInFlight waits until at least n requests beside its own are being
// answered.
func (b *testBundle) awaitInFlight(t *testing.T, n int) {
	t.Helper()
	require.Eventually(t, func() bool {
		for line := range strings.Lines(string(b.send(t, http.MethodGet, "/metrics", nil, "").body)) {
			var v float64
			if _, err := fmt.Sscanf(line, "http_requests_in_flight %g", &v); err == nil {
				return int(v) > n
			}
		}
		return false
	}, time.Minute, 10*time.Millisecond)
}

func TestHealth(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *rest.Config) {
		c.Others = []rest.Check{
			{Name: "redis", Ask: func(context.Context) error { return nil }},
			{Name: "replica", Ask: func(context.Context) error { return fmt.Errorf("ask: %w", readOnly{}) }},
			{Name: "temporal", Ask: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
		}
	})
	for _, path := range []string{"/health", "/livez"} {
		a := b.send(t, http.MethodGet, path, nil, "")
		require.Equal(t, http.StatusOK, a.status)
		require.Equal(t, "application/json", a.header.Get("Content-Type"))
		require.Equal(t, `{"status":"ok"}`, string(a.body)) //nolint:testifylint // to the letter: old clients compare text
	}
	a := b.send(t, http.MethodGet, "/readyz", nil, "")
	require.Equal(t, http.StatusOK, a.status, "only the database decides")
	require.JSONEq(t, `{"status":"ok","systems":{"database":"ok","redis":"ok","replica":"read-only","temporal":"unreachable"}}`, string(a.body))
}

// readOnly has words for everybody, and others for the log.
type readOnly struct{}

func (readOnly) Error() string  { return "READONLY 10.1.2.3" }
func (readOnly) Public() string { return "read-only" }

// TestReadinessHasANote for what somebody should know although requests are
// taken.
func TestReadinessHasANote(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *rest.Config) { c.Note = func() string { return "No worker is running" } })
	a := b.send(t, http.MethodGet, "/readyz", nil, "")
	require.Equal(t, http.StatusOK, a.status)
	require.JSONEq(t, `{"status":"ok","systems":{"database":"ok"},"note":"No worker is running"}`, string(a.body))
}

// away is a pool whose database answers nothing: it refuses connections, or
// takes them and stays silent.
func away(t *testing.T, silent bool) *pgxpool.Pool {
	t.Helper()
	port := 1
	if silent {
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = listener.Close() })
		port = listener.Addr().(*net.TCPAddr).Port
	}
	pool, err := postgres.Open(context.Background(), postgres.Config{Host: "127.0.0.1", Port: port, User: "nobody", Database: "none", SSLMode: "disable"})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// impatience is what callers have when something is away: the five seconds that
// they are promised, and much more for a machine that runs all tests at once.
// Without the promise nobody would be answered at all.
const impatience = time.Minute

// goodBody is one that the route accepts.
func goodBody(method, path string) string {
	switch {
	case method == http.MethodPatch:
		return `{"adminLastName": "Hopper"}`
	case method == http.MethodGet:
		return ""
	case path == "/v1/tenants":
		return request("Charité")
	case path == "/v1/alerts":
		return `{"version": "4", "groupKey": "k", "alerts": [{"status": "firing", "fingerprint": "f00", "labels": {"alertname": "MailFails"}, "startsAt": "2026-12-01T12:00:00Z"}]}`
	case path == "/v1/incidents":
		return `{"title": "Mails are late", "severity": "major", "message": "why"}`
	case strings.HasPrefix(path, "/v1/incidents/"):
		return `{"message": "why"}`
	case path == "/v1/maintenance-windows":
		return `{"minutes": 60, "title": "Patches", "reason": "why"}`
	case strings.HasSuffix(path, "/restore"):
		return `{"backupId": "` + someID + `", "reason": "why"}`
	case strings.HasSuffix(path, "/extend"):
		return `{"minutes": 60, "reason": "why"}`
	case strings.HasSuffix(path, "/move"):
		return `{"startsAt": "2026-12-13T02:00:00Z", "reason": "why"}`
	case strings.HasSuffix(path, "/tick"):
		return `{"item": "Security patches", "reason": "why"}`
	}
	return `{"reason": "why"}`
}

func TestWithoutDatabaseEveryAnswerIs503(t *testing.T) {
	t.Parallel()
	for name, silent := range map[string]bool{"refused": false, "silent": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupOn(t, away(t, silent))
			b.client.Timeout = impatience
			answers := map[string]answer{}
			var mu sync.Mutex
			var all sync.WaitGroup // at once: each of them may take its five seconds
			for route := range guardedRoutes(document(t, b.server)) {
				all.Go(func() {
					method, path, _ := strings.Cut(route, " ")
					a := b.send(t, method, path, operator(t), goodBody(method, path))
					mu.Lock()
					defer mu.Unlock()
					answers[route] = a
				})
			}
			all.Wait()
			require.Len(t, answers, 49)
			for route, a := range answers {
				a.problem(t, http.StatusServiceUnavailable, rest.CodeUnavailable)
				require.NotEmpty(t, a.header.Get("Retry-After"), route)
				require.Contains(t, string(a.body), `"detail":"The database does not answer."`, route)
			}
			require.Contains(t, b.logs.String(), `"a request could not be served"`)
			require.Contains(t, b.logs.String(), "the database does not answer: ")
			for _, path := range []string{"/health", "/readyz"} {
				b.send(t, http.MethodGet, path, nil, "").problem(t, http.StatusServiceUnavailable, rest.CodeUnavailable)
			}
			require.Equal(t, http.StatusOK, b.send(t, http.MethodGet, "/livez", nil, "").status)
			page := b.send(t, http.MethodGet, "/invitations/AZaz09-_AZaz09-_AZaz09-_", nil, "")
			require.Equal(t, http.StatusServiceUnavailable, page.status)
			require.Contains(t, string(page.body), "open your link again")
		})
	}
}

func TestRouterErrorsAreProblems(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.send(t, http.MethodGet, "/nowhere", nil, "").problem(t, http.StatusNotFound, rest.CodeNotFound)
	b.get(t, "/v1/nothing").problem(t, http.StatusNotFound, rest.CodeNotFound)
	b.get(t, "/v1/tenantsXYZ").problem(t, http.StatusNotFound, rest.CodeNotFound)
	a := b.send(t, http.MethodPut, "/v1/tenants", operator(t), request("Charité"))
	a.problem(t, http.StatusMethodNotAllowed, rest.CodeMethodNotAllowed)
	require.Contains(t, a.header.Get("Allow"), "GET")
	require.Contains(t, a.header.Get("Allow"), "POST")
	b.send(t, http.MethodGet, "/v1/operations/"+someID+"/retry", operator(t), "").problem(t, http.StatusMethodNotAllowed, rest.CodeMethodNotAllowed)
	b.send(t, "BREW", "/health", nil, "").problem(t, http.StatusMethodNotAllowed, rest.CodeMethodNotAllowed)
}

func TestHead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range []string{"/health", "/livez", "/readyz", "/openapi.json", "/docs"} {
		a := b.send(t, http.MethodHead, path, nil, "")
		require.Equal(t, http.StatusOK, a.status, path)
		require.Empty(t, a.body)
	}
	require.Equal(t, http.StatusOK, b.send(t, http.MethodHead, "/v1/tenants", viewer(t), "").status)
	require.Equal(t, http.StatusUnauthorized, b.send(t, http.MethodHead, "/v1/tenants", nil, "").status)
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Equal(t, "req-1.a_B", b.send(t, http.MethodGet, "/v1/tenants", with(viewer(t), "X-Request-Id", "req-1.a_B"), "").header.Get("X-Request-Id"))
	for _, bad := range []string{"", "a b", "a\"b", strings.Repeat("x", 65), "ü"} {
		got := b.send(t, http.MethodGet, "/v1/tenants", with(viewer(t), "X-Request-Id", bad), "").header.Get("X-Request-Id")
		require.Len(t, got, 36)
		require.NotEqual(t, got, b.get(t, "/v1/tenants").header.Get("X-Request-Id"))
	}
}

func TestLogTellsWhoAndWhereAndNothingPersonal(t *testing.T) {
	t.Parallel()
	b := setup(t)
	o := b.create(t, "Charité")
	b.get(t, "/v1/tenants?name=Charit%C3%A9")
	b.get(t, "/v1/tenants/"+o["tenantId"].(string))
	b.send(t, http.MethodGet, "/invitations/secretsecretsecretsecret", nil, "")
	b.send(t, http.MethodPatch, "/v1/tenants/"+o["tenantId"].(string), operator(t), `{"adminEmail": "grace@hospital.example"}`)
	log := b.logs.String()
	for _, secret := range []string{"Charit", "hospital.example", "Lovelace", "secretsecret", "eyJ", "127.0.0.1"} {
		require.NotContains(t, log, secret)
	}
	var lines []map[string]any
	for line := range strings.Lines(log) {
		var l map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &l))
		if l["route"] != "/openapi.json" {
			lines = append(lines, l)
		}
	}
	require.Equal(t, "/v1/tenants", lines[0]["route"])
	require.Equal(t, "POST", lines[0]["method"])
	require.EqualValues(t, 202, lines[0]["status"])
	require.Regexp(t, `^sha256:[0-9a-f]{16}$`, lines[0]["actor"], "a subject with an @ may be an address")
	require.NotEmpty(t, lines[0]["requestId"])
	require.Equal(t, "/v1/tenants/:id", lines[2]["route"])
}

// broken is a control plane with a fault in it.
type broken struct {
	plane
	fail func() error
}

// plane is rest.Tenants under a name that none of its methods has.
type plane interface{ rest.Tenants }

func (b broken) Tenant(context.Context, tenant.ID) (tenant.Tenant, error) {
	return tenant.Tenant{}, b.fail()
}

func TestFaultsOfOursAreLoggedAndTellNothing(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func() error{
		"an error": func() error { return errors.New("the inner secret") },
		"a panic":  func() error { panic("the inner secret") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(c *rest.Config) { c.Tenants = broken{c.Tenants, fail} })
			a := b.get(t, "/v1/tenants/"+someID)
			p := a.problem(t, http.StatusInternalServerError, rest.CodeInternal)
			require.NotContains(t, string(a.body), "inner secret")
			require.Contains(t, b.logs.String(), "the inner secret")
			require.Contains(t, b.logs.String(), p.RequestID)
			require.Equal(t, http.StatusOK, b.get(t, "/v1/tenants").status, "the process goes on")
		})
	}
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range []string{"/v1/tenants", "/nowhere", "/docs", "/docs/assets/unknown.js", "/invitations/unknownunknownunknown"} {
		h := b.send(t, http.MethodGet, path, nil, "").header
		require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"), path)
		require.Equal(t, "DENY", h.Get("X-Frame-Options"), path)
		require.Equal(t, "no-referrer", h.Get("Referrer-Policy"), path)
		require.Equal(t, "no-store", h.Get("Cache-Control"), path)
		require.Contains(t, h.Get("Content-Security-Policy"), "default-src 'none'", path)
		require.NotContains(t, strings.ReplaceAll(h.Get("Content-Security-Policy"), "style-src-attr 'unsafe-inline'", ""), "unsafe", path)
		require.NotEmpty(t, h.Get("Strict-Transport-Security"), path)
		require.Empty(t, h.Get("Access-Control-Allow-Origin"), path)
	}
}

func TestMetricsAreByRoute(t *testing.T) {
	t.Parallel()
	b := setup(t)
	o := b.create(t, "Charité")
	b.get(t, "/v1/tenants/"+o["tenantId"].(string))
	b.send(t, http.MethodGet, "/nowhere", nil, "")
	b.send(t, "BREW", "/elsewhere", nil, "")
	page := string(b.send(t, http.MethodGet, "/metrics", nil, "").body)
	for _, want := range []string{
		`http_request_duration_seconds_count{code="202",method="POST",route="/v1/tenants"} 1`,
		`http_request_duration_seconds_count{code="200",method="GET",route="/v1/tenants/:id"} 1`,
		`http_request_duration_seconds_count{code="404",method="GET",route="unmatched"} 1`,
		`http_request_duration_seconds_count{code="404",method="other",route="unmatched"} 1`,
	} {
		require.Contains(t, page, want)
	}
	require.NotContains(t, page, o["tenantId"])
}

// limiter allows a number of requests to each client.
type limiter struct{ left map[string]int }

func (l *limiter) Allow(_ context.Context, client string) rest.Allowance {
	l.left[client]--
	a := rest.Allowance{Allowed: l.left[client] >= 0, Limit: 10, Remaining: max(0, l.left[client]), ResetAfter: 2500 * time.Millisecond}
	if !a.Allowed {
		a.RetryAfter = 1100 * time.Millisecond
	}
	return a
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	l := &limiter{left: map[string]int{"subject:ada@platform": 2, "address:127.0.0.1": 1, "address:192.0.2.1": 1}}
	b := setup(t, func(c *rest.Config) { c.Limiter = l })
	a := b.get(t, "/v1/tenants")
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "10", a.header.Get("RateLimit-Limit"))
	require.Equal(t, "1", a.header.Get("RateLimit-Remaining"))
	require.Equal(t, "3", a.header.Get("RateLimit-Reset"))
	require.Equal(t, http.StatusOK, b.get(t, "/v1/tenants").status)
	refused := b.get(t, "/v1/tenants")
	refused.problem(t, http.StatusTooManyRequests, rest.CodeTooManyRequests)
	require.Equal(t, "2", refused.header.Get("Retry-After"), "in whole seconds, never too early")

	b.send(t, http.MethodGet, "/v1/tenants", nil, "").problem(t, http.StatusUnauthorized, rest.CodeUnauthenticated)
	b.send(t, http.MethodGet, "/v1/tenants", http.Header{"Authorization": {"Bearer guess"}}, "").
		problem(t, http.StatusTooManyRequests, rest.CodeTooManyRequests) // wrong tokens are counted by address
	page := b.send(t, http.MethodGet, "/invitations/guessguessguessguess", nil, "")
	require.Equal(t, http.StatusTooManyRequests, page.status)
	require.Contains(t, page.header.Get("Content-Type"), "text/html")
	require.Contains(t, string(page.body), "Please wait a moment")

	for _, path := range []string{"/health", "/livez", "/readyz", "/metrics"} {
		require.Equal(t, http.StatusOK, b.send(t, http.MethodGet, path, nil, "").status, "who watches is not counted")
	}
}

func TestConfigurationSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := rest.New(rest.Config{})
	require.ErrorContains(t, err, "Tenants")
	require.ErrorContains(t, err, "Logger")
}

// TestDatabaseThatIsStuck: it answers, but not this: somebody holds a lock.
func TestDatabaseThatIsStuck(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.client.Timeout = impatience
	tx, err := b.pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(context.WithoutCancel(t.Context())) //nolint:errcheck // it only holds the lock
	_, err = tx.Exec(t.Context(), `LOCK TABLE tenants`)
	require.NoError(t, err)
	header := with(operator(t), "Idempotency-Key", "the same")
	a := b.send(t, http.MethodPost, "/v1/tenants", header, request("Charité"))
	a.problem(t, http.StatusServiceUnavailable, rest.CodeUnavailable)
	require.NotEmpty(t, a.header.Get("Retry-After"))
	require.NoError(t, tx.Rollback(t.Context()))
	require.Equal(t, http.StatusAccepted, b.send(t, http.MethodPost, "/v1/tenants", header, request("Charité")).status,
		"the repetition does what the first could not")
	require.Equal(t, 1, b.count(t, "tenants"))
}
