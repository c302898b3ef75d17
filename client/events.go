package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/http"
	"net/url"
	"time"
)

const (
	// idleTimeout is three heartbeats of the API: a connection on which nothing
	// comes for as long is dead, even if nobody has closed it.
	idleTimeout = 45 * time.Second
	// reconnectAfter is the pause before another connection, until the API names one.
	reconnectAfter = time.Second
)

// EventsParams is what Events takes.
type EventsParams struct {
	// Only events of this tenant.
	TenantID string
	// The event after which to begin: the ID of the last one that was dealt with.
	// "0" begins with the first one that is kept. Empty begins now.
	After string
}

// Events reads what happens to tenants and operations, as it happens, without an
// end. A broken connection is made again, and nothing is missed or told twice.
// It ends with ctx, whose error it then gives, and with an error that will not
// pass: IsCode(err, "event-gone") tells that the events after this one are not
// kept any more.
func (c *Client) Events(ctx context.Context, params EventsParams) iter.Seq2[Event, error] {
	r := request{method: http.MethodGet, path: "/v1/events", again: true}
	r.ask("tenantId", params.TenantID)
	return c.follow(ctx, r, params.After)
}

// OperationEvents reads what happened and happens to an operation, from its
// acceptance to its end, as Events does.
func (c *Client) OperationEvents(ctx context.Context, operationID string) iter.Seq2[Event, error] {
	r := request{method: http.MethodGet, path: "/v1/operations/" + url.PathEscape(operationID) + "/events", again: true}
	return c.follow(ctx, r, "0")
}

// follow reads a stream, by as many connections as it takes.
func (c *Client) follow(ctx context.Context, r request, after string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		s := stream{Client: c, request: r, after: after, pause: reconnectAfter, yield: yield, alive: c.now()}
		for attempt := 0; ; attempt++ {
			connected := s.alive
			err := s.connect(ctx)
			if s.over {
				return
			}
			if s.alive != connected {
				attempt = 0
			}
			pause := max(s.pause, c.pause(err, attempt))
			if ctx.Err() == nil && passes(err, true) && c.now().Add(pause).Sub(s.alive) <= c.patience {
				if err = c.sleep(ctx, pause); err == nil {
					continue
				}
			}
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			yield(Event{}, err)
			return
		}
	}
}

// stream is the events of one call.
type stream struct {
	*Client
	request request
	// after is the event with which the stream begins, and last the one that was
	// read last.
	after, last string
	pause       time.Duration
	// alive is when a connection last brought something.
	alive time.Time
	yield func(Event, error) bool
	over  bool
}

// connect reads events from one connection until it breaks.
func (s *stream) connect(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	quiet := time.AfterFunc(s.idle, func() { cancel(errors.New("nothing came for longer than the API is ever silent")) })
	defer quiet.Stop()

	r := s.request
	r.set("Accept", "text/event-stream")
	if s.last != "" {
		r.set("Last-Event-ID", s.last)
	} else {
		r.query = url.Values(http.Header(r.query).Clone())
		r.ask("after", s.after)
	}
	resp, err := s.send(ctx, s.streams, r, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	s.alive = s.now()
	if resp.StatusCode == http.StatusNoContent {
		s.over = true
		return nil
	}
	if t, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || t != "text/event-stream" {
		return fmt.Errorf("%s answers with %q instead of events", r.path, resp.Header.Get("Content-Type"))
	}
	err = s.read(heard{resp.Body, func() { s.alive = s.now(); quiet.Reset(s.idle) }})
	if cause := context.Cause(ctx); cause != nil {
		err = &noAnswerError{cause}
	}
	return err
}

// read gives on the events of a connection. An error for good is given on too.
func (s *stream) read(from io.Reader) error {
	var wrong error
	err := readEvents(from, s.last, func(m message) bool {
		s.last, s.pause = m.id, m.retry(s.pause)
		if m.data == "" { // it says where the stream is
			return true
		}
		var e Event
		if err := json.Unmarshal([]byte(m.data), &e); err != nil {
			wrong = fmt.Errorf("read event %s: %w", m.id, err)
			return false
		}
		s.over = !s.yield(e, nil)
		return !s.over
	})
	if wrong != nil {
		return wrong
	}
	if err == nil {
		err = io.EOF
	}
	return &noAnswerError{err}
}

// heard tells of everything that is read.
type heard struct {
	io.Reader
	tell func()
}

func (h heard) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if n > 0 {
		h.tell()
	}
	return n, err
}
