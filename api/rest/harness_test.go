package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tenant-provisioning/api/rest"
	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/feed"
	"tenant-provisioning/internal/invitation"
	"tenant-provisioning/internal/logging"
	"tenant-provisioning/internal/operations"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/temporalclient"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/token"
)

const (
	secret    = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	publicURL = "https://tenants.example.org"
	appURL    = "https://app.example.org/welcome"
)

// testBundle is the API on a database of its own. Temporal is away: what waits
// for it is part of other tests.
type testBundle struct {
	url    string
	server *rest.Server
	pool   *pgxpool.Pool
	client *http.Client
	logs   *logBuffer
}

func setup(t *testing.T, changes ...func(*rest.Config)) *testBundle {
	t.Helper()
	return setupOn(t, postgrestest.New(t), changes...)
}

func setupOn(t *testing.T, pool *pgxpool.Pool, changes ...func(*rest.Config)) *testBundle {
	t.Helper()
	health, err := postgres.NewHealth(pool)
	require.NoError(t, err)
	b := &testBundle{pool: pool, logs: &logBuffer{}}
	log := logging.JSON(b.logs, slog.LevelDebug)
	temporal, err := temporalclient.New(temporalclient.Config{
		Options: client.Options{HostPort: closedPort(t), Namespace: "n"}, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(temporal.Close)
	service := connect.Service(pool, operations.Config{Records: connect.Records(pool, config.BackupStore{}), Temporal: temporal, TaskQueue: "q", Logger: slog.New(slog.DiscardHandler)}, connect.Metrics{})
	tokens, err := token.NewVerifier(t.Context(), token.Config{Secret: secret, Now: time.Now})
	require.NoError(t, err)
	registry := prometheus.NewRegistry()
	events := feed.New(postgres.NewEvents(pool), slog.New(slog.DiscardHandler))
	following, stop := context.WithCancel(t.Context())
	var background sync.WaitGroup
	background.Go(func() { events.Run(following) })
	background.Go(func() {
		postgres.ListenToEvents(following, pool, slog.New(slog.DiscardHandler), func(a tenant.Announcement) { events.Announce(a.Transaction) }, func(bool) {})
	})
	t.Cleanup(background.Wait)
	t.Cleanup(stop)
	c := rest.Config{
		Tenants: service, Operations: service, Maintenance: service, Incidents: connect.Declared(pool), Fleets: connect.Fleets(pool, temporal, "q", slog.New(slog.DiscardHandler)), Events: events, Records: service, Capacities: service, Invitations: postgres.NewInvitations(pool), Passwords: invitation.NewHasher(2),
		Status: statusPage(t, pool), Tokens: tokens, Database: rest.CheckWithin(rest.Check{Name: "database", Ask: health.Ping}, time.Minute),
		PublicURL: publicURL, AppURL: appURL, Registerer: registry, Gatherer: registry, Logger: log, Now: time.Now,
	}
	for _, change := range changes {
		change(&c)
	}
	b.server, err = rest.New(c)
	require.NoError(t, err)
	listener := httptest.NewServer(b.server)
	t.Cleanup(listener.Close)
	b.url = listener.URL
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	b.client = &http.Client{
		Transport:     documented{t: t, next: transport, doc: closedDocument(t, b.server)},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       2 * time.Minute,
	}
	return b
}

// closedPort is an address where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var m map[string]any
	require.NoError(t, json.Unmarshal(a.body, &m), string(a.body))
	return m
}

// problem reads the answer as one and checks that it is of the given kind.
func (a answer) problem(t *testing.T, status int, code rest.Code) rest.Problem {
	t.Helper()
	require.Equal(t, status, a.status, string(a.body))
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
	var p rest.Problem
	require.NoError(t, json.Unmarshal(a.body, &p))
	require.Equal(t, code, p.Code, string(a.body))
	require.Equal(t, status, p.Status)
	require.Equal(t, a.header.Get("X-Request-Id"), p.RequestID)
	require.NotEmpty(t, p.RequestID)
	require.NotEmpty(t, p.Title)
	return p
}

// as is the Authorization header of Ada with a role.
func as(t *testing.T, role token.Role) http.Header {
	t.Helper()
	return somebody(t, "ada@platform", role)
}

func somebody(t *testing.T, subject string, role token.Role) http.Header {
	t.Helper()
	raw, err := token.Signer{Secret: secret}.Issue(subject, role, time.Hour, time.Now())
	require.NoError(t, err)
	return http.Header{"Authorization": {"Bearer " + raw}}
}

func operator(t *testing.T) http.Header { t.Helper(); return as(t, token.RoleOperator) }
func viewer(t *testing.T) http.Header   { t.Helper(); return as(t, token.RoleViewer) }

// with adds a header to others.
func with(h http.Header, name, value string) http.Header {
	if h == nil {
		h = http.Header{}
	}
	h = h.Clone()
	h.Set(name, value)
	return h
}

func (b *testBundle) send(t *testing.T, method, path string, header http.Header, body string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, b.url+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header = header.Clone()
	if r.Header == nil {
		r.Header = http.Header{}
	}
	if body == "" {
		r.Body = http.NoBody
	} else if r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := b.client.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return answer{res.StatusCode, res.Header, got}
}

func (b *testBundle) get(t *testing.T, path string) answer {
	t.Helper()
	return b.send(t, http.MethodGet, path, viewer(t), "")
}

func (b *testBundle) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := b.pool.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

func (b *testBundle) count(t *testing.T, table string) int {
	t.Helper()
	var n int
	require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT count(*) FROM `+table).Scan(&n))
	return n
}

// request is the body of a good request.
func request(name string) string {
	body, err := json.Marshal(map[string]string{
		"name": name, "adminEmail": "ada@hospital.example", "adminFirstName": "Ada", "adminLastName": "Lovelace",
	})
	if err != nil {
		panic(err)
	}
	return string(body)
}

// create makes a tenant and returns its operation.
func (b *testBundle) create(t *testing.T, name string) map[string]any {
	t.Helper()
	a := b.send(t, http.MethodPost, "/v1/tenants", operator(t), request(name))
	require.Equal(t, http.StatusAccepted, a.status, string(a.body))
	return a.json(t)
}

// logBuffer keeps the log, to look for what must not be in it.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
