package mailtest

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Fault is what happens to a request for sending instead of a 202.
type Fault struct {
	// Status is the answer. Ignored if Drop is set.
	Status int
	// Body is the answer's; empty is an error document with the status in words.
	Body string
	// Header goes with the answer, such as X-RateLimit-Reset.
	Header http.Header
	// Drop closes the connection without an answer.
	Drop bool
	// Taken says that the mail is accepted before the fault shows.
	Taken bool
	// Times is how many requests it strikes; 0 is all until Recover.
	Times int
}

func (f *Fault) answer(w http.ResponseWriter) {
	if f.Drop {
		// The documented way to end a response so that the client sees a
		// connection that broke.
		panic(http.ErrAbortHandler)
	}
	for name, values := range f.Header {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	if f.Body != "" {
		w.WriteHeader(f.Status)
		_, _ = io.WriteString(w, f.Body) // a sender that went away gets no answer anyway
		return
	}
	writeErrors(w, f.Status, apiError{Message: http.StatusText(f.Status)})
}

// moment is where in a request a hold takes effect.
type moment int

const (
	before moment = iota // nothing was read
	after                // the mail is taken, the answer has not left
)

// faults is the state that Server's methods set.
type faults struct {
	mu       sync.Mutex
	fault    *Fault
	refusals []string
	holds    [2]chan struct{}
	waiting  int
	requests int
	denied   bool // the key lacks the permission to send
	activity int  // the status that Email Activity fails with; 0: it works
	delay    time.Duration
}

// next counts a request and returns the fault that strikes it, if any.
func (f *faults) next() *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests++
	if f.denied {
		return &Fault{Status: http.StatusForbidden}
	}
	if f.fault == nil {
		return nil
	}
	struck := *f.fault
	if f.fault.Times == 1 {
		f.fault = nil
	} else if f.fault.Times > 1 {
		f.fault.Times--
	}
	return &struck
}

// pass blocks while requests are held at that moment. It is false when the
// sender went away meanwhile.
func (f *faults) pass(r *http.Request, at moment) bool {
	f.mu.Lock()
	hold := f.holds[at]
	if hold == nil {
		f.mu.Unlock()
		return true
	}
	f.waiting++
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.waiting--
		f.mu.Unlock()
	}()
	select {
	case <-hold:
		return true
	case <-r.Context().Done():
		return false
	}
}

func (f *faults) hold(at moment) (release func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.holds[at] == nil {
		f.holds[at] = make(chan struct{})
	}
	held := f.holds[at]
	return sync.OnceFunc(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.holds[at] == held {
			f.holds[at] = nil
			close(held)
		}
	})
}

// refused refuses the addresses that a test has named, and for programs that cannot
// name any, those of the reserved domain .invalid (RFC 2606).
func (f *faults) refused(request sendRequest) []apiError {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range request.Personalizations {
		for _, to := range p.To {
			if slices.Contains(f.refusals, to.Email) || strings.HasSuffix(to.Email, ".invalid") {
				return []apiError{fieldError("personalizations.0.to.0.email",
					"message.personalizations.to", "Does not contain a valid address.")}
			}
		}
	}
	return nil
}

func (f *faults) sendingDenied() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.denied
}

func (f *faults) activityStatus() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.activity
}

func (f *faults) activityDelay() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.delay
}
