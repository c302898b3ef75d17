package client

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// server is an API that answers as a test says, request by request.
type server struct {
	t       *testing.T
	url     string
	mu      sync.Mutex
	answers []http.HandlerFunc
	got     []received
}

// received is a request as it came.
type received struct {
	method, path, query string
	header              http.Header
	body                string
}

// serve answers each request with the next of the answers, and the last one again
// and again.
func serve(t *testing.T, answers ...http.HandlerFunc) *server {
	t.Helper()
	s := &server{t: t, answers: answers}
	listener := httptest.NewServer(s)
	t.Cleanup(listener.Close)
	s.url = listener.URL
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	s.mu.Lock()
	s.got = append(s.got, received{r.Method, r.URL.Path, r.URL.RawQuery, r.Header, string(body)})
	answer := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	s.mu.Unlock()
	answer(w, r)
}

func (s *server) requests() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}

// clock is one that sleeping moves.
type clock struct {
	mu     sync.Mutex
	at     time.Time
	pauses []time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
	c.pauses = append(c.pauses, d)
	return ctx.Err()
}

// connect makes a client that waits by moving a clock.
func connect(t *testing.T, url string, changes ...func(*Config)) (*Client, *clock) {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	config := Config{URL: url, Token: "secret", HTTP: &http.Client{Transport: transport}}
	for _, change := range changes {
		change(&config)
	}
	c, err := New(config)
	require.NoError(t, err)
	clock := &clock{at: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)}
	c.now, c.sleep = clock.now, clock.sleep
	return c, clock
}

func answers(status int, v any, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for n := 0; n+1 < len(header); n += 2 {
			w.Header().Set(header[n], header[n+1])
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
}

// accepts is the answer to a request that was accepted.
func accepts() http.HandlerFunc {
	return answers(http.StatusAccepted, Operation{ID: "o", TenantID: "t", Kind: KindProvision, State: StatePending}, "Retry-After", "1")
}

func refuses(status int, code Code, header ...string) http.HandlerFunc {
	return answers(status, Problem{Status: status, Code: code, Title: "No", RequestID: "r"}, header...)
}

// breaks ends the connection without an answer.
func breaks(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// breaksOff ends it within the body.
func breaksOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, `{"id":`)
}
