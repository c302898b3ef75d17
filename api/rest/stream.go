package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/token"
)

// streamTimes are the times of streams.
type streamTimes struct {
	// beat is how often a stream shows that it is there: more often than a proxy
	// gives up a connection on which nothing comes.
	beat time.Duration
	// patience is how long a client may leave what was sent unread, once its
	// connection takes no more.
	patience time.Duration
	// life is how long a stream lasts, so that load finds its way to other processes.
	life time.Duration
}

// usual are the times that the document and docs/API.md promise.
var usual = streamTimes{beat: 15 * time.Second, patience: 10 * time.Second, life: time.Hour}

// streamRetry is what clients wait for before they connect again.
const streamRetry = 2 * time.Second

// errFinished ends a stream that has told all there is to tell.
var errFinished = errors.New("the operation has ended")

// stream is an answer that goes on, on a connection that was taken from the HTTP
// server: what that keeps for a request in progress, two goroutines with deep stacks
// and three buffers, would be four times what the stream needs.
type stream struct {
	server    *Server
	requestID string
	conn      net.Conn
	events    tenant.EventStream
	last      func(*tenant.ChangeEvent) bool
	// left is set when the client has closed the connection.
	left atomic.Bool
}

// stream answers with the events that a filter picks. It ends after the one that is
// the last.
func (s *Server) stream(ctx context.Context, f tenant.EventFilter, start tenant.EventStart, last func(*tenant.ChangeEvent) bool) (*huma.StreamResponse, error) {
	leave, err := s.streams.enter(caller(ctx).Client)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	events, err := s.events.Join(ctx, f, start)
	if err != nil {
		leave()
		return nil, err
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		c := humaecho.Unwrap(ctx)
		st := &stream{server: s, requestID: requestID(c), events: events, last: last}
		bearer, _ := c.Get(keyBearer).(token.Bearer)
		if err := st.begin(c); err != nil || st.conn == nil {
			events.Leave()
			leave()
			if err != nil {
				s.fail(err, c)
			}
			return
		}
		go func() {
			defer leave()
			st.run(s.lasts(bearer))
		}()
	}}, nil
}

// lasts is how long a stream may go on.
func (s *Server) lasts(bearer token.Bearer) time.Duration {
	if left := bearer.Expires.Sub(s.now()); !bearer.Expires.IsZero() && left < s.times.life {
		return left
	}
	return s.times.life
}

// begin takes the connection over, and sends the head and the event after which the
// stream begins: a client that is cut off before the first event goes on from there. A
// HEAD is answered with the head.
func (st *stream) begin(c echo.Context) (err error) {
	c.Set(keyStream, true)
	h := c.Response().Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // of nginx, which would hold events back
	if c.Request().Context().Value(headKey{}) != nil {
		c.Response().WriteHeader(http.StatusOK)
		return nil
	}
	h.Set("Connection", "close") // the end of the connection is that of the body
	h.Set("Date", st.server.now().UTC().Format(http.TimeFormat))
	if st.conn, _, err = c.Response().Hijack(); err != nil {
		return fmt.Errorf("take the connection over: %w", err)
	}
	c.Response().Committed, c.Response().Status = true, http.StatusOK
	head := bytes.NewBufferString("HTTP/1.1 200 OK\r\n")
	if err := h.Write(head); err != nil {
		return err
	}
	fmt.Fprintf(head, "\r\nretry: %d\nid: %d\n\n", streamRetry.Milliseconds(), st.events.Begins())
	// The server's deadline for a request is none for a stream. Whether the client is
	// still there shows with the first event.
	_ = st.conn.SetDeadline(time.Time{})
	_ = st.write(head.Bytes())
	return nil
}

// run sends events until the end, whatever that is.
func (st *stream) run(lasts time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), lasts)
	defer cancel()
	defer context.AfterFunc(st.server.draining, cancel)()
	go st.await(cancel)
	m := st.server.metrics
	m.Streams.Inc()
	err := st.events.Follow(ctx, st.server.times.beat, st.send)
	m.Streams.Dec()
	st.events.Leave()
	m.Ended.WithLabelValues(st.reason(ctx, err)).Inc()
	_ = st.conn.Close() // what was not read is asked for again
}

// await waits for the client to leave; it has nothing more to say.
func (st *stream) await(cancel func()) {
	var nothing [1]byte
	for {
		if _, err := st.conn.Read(nothing[:]); err != nil {
			st.left.Store(true)
			cancel()
			return
		}
	}
}

// reason is why a stream has ended.
func (st *stream) reason(ctx context.Context, err error) string {
	_, network := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(err, errFinished):
		return "finished"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "unread"
	case st.left.Load(), network:
		return "left"
	case st.server.draining.Err() != nil:
		return "stopping"
	case ctx.Err() != nil:
		return "expired"
	}
	st.server.logger.WarnContext(ctx, "a stream of events was interrupted", "requestId", st.requestID, "error", err)
	return "interrupted"
}

// send sends events, or a comment where there are none.
func (st *stream) send(events []*tenant.ChangeEvent) error {
	if len(events) == 0 {
		return st.write([]byte(": still here\n\n"))
	}
	var over error
	texts := make([][]byte, len(events))
	for i, e := range events {
		var err error
		if texts[i], err = st.server.wire.of(e); err != nil {
			return err
		}
		if st.last(e) {
			over = errFinished
		}
	}
	if err := st.write(texts...); err != nil {
		return err
	}
	st.server.metrics.Sent.Add(float64(len(events)))
	return over
}

func (st *stream) write(texts ...[]byte) error {
	if err := st.conn.SetWriteDeadline(time.Now().Add(st.server.times.patience)); err != nil {
		return err
	}
	all := net.Buffers(texts)
	_, err := all.WriteTo(st.conn)
	return err
}
