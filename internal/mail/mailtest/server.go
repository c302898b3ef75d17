package mailtest

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// Server is a Catcher on a port of its own whose behaviour a test can break.
// Its faults concern mail/send unless they say otherwise.
type Server struct {
	*Catcher

	// URL is what SENDGRID_BASE_URL is set to.
	URL string

	http *httptest.Server
}

// APIKey is the key that a Server from NewServer asks for.
const APIKey = "SG.mailtest-key"

// NewServer starts a Server that keeps its mail in memory and ends with the
// test.
func NewServer(t testing.TB) *Server {
	t.Helper()
	return NewServerWith(t, CatcherConfig{APIKey: APIKey})
}

// NewServerWith starts a Server with another key, clock or data file.
func NewServerWith(t testing.TB, config CatcherConfig) *Server {
	t.Helper()
	catcher, err := NewCatcher(config)
	if err != nil {
		t.Fatalf("start mail server: %v", err)
	}
	listening := httptest.NewServer(catcher)
	s := &Server{Catcher: catcher, URL: listening.URL, http: listening}
	t.Cleanup(func() {
		listening.CloseClientConnections() // ends what is still held
		listening.Close()
		if err := catcher.Close(); err != nil {
			t.Errorf("close mail server: %v", err)
		}
	})
	return s
}

// Stop ends the server as an outage does: its port refuses connections.
func (s *Server) Stop() {
	s.http.CloseClientConnections()
	s.http.Close()
}

// Fail strikes coming requests with the fault, until Recover or for
// fault.Times requests.
func (s *Server) Fail(fault Fault) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.fault = &fault
}

// Recover ends a fault that Fail started.
func (s *Server) Recover() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.fault = nil
}

// RejectAddress makes every mail to the address fail with a 400, as an address
// that SendGrid cannot parse does.
func (s *Server) RejectAddress(address string) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.refusals = append(s.faults.refusals, address)
}

// Hold lets coming requests hang before anything is taken, until release is
// called. A sender that goes away meanwhile has sent nothing.
func (s *Server) Hold() (release func()) { return s.faults.hold(before) }

// HoldAnswers takes coming mails but lets their answers hang until release is
// called.
func (s *Server) HoldAnswers() (release func()) { return s.faults.hold(after) }

// Waiting is the number of requests that hang now.
func (s *Server) Waiting() int {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	return s.faults.waiting
}

// Requests is the number of authorised requests for sending so far, whatever
// became of them.
func (s *Server) Requests() int {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	return s.faults.requests
}

// DenySending takes the permission "Mail Send" from the key: sending ends in a
// 403.
func (s *Server) DenySending() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.denied = true
}

// DenyActivity answers Email Activity with 403, as on a plan without it.
func (s *Server) DenyActivity() { s.FailActivity(http.StatusForbidden) }

// FailActivity answers Email Activity with a status; 0 lets it work again.
func (s *Server) FailActivity(status int) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.activity = status
}

// DelayActivity hides a mail from Email Activity for this long after it was
// taken.
func (s *Server) DelayActivity(delay time.Duration) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.delay = delay
}
