package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
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

// stream is an answer that goes on.
type stream struct {
	c       echo.Context
	control *http.ResponseController
	metrics *metrics
	times   streamTimes
	last    func(tenant.ChangeEvent) bool
	// starting cancels the stream unless it has begun in time; living ends it.
	starting, living *time.Timer
}

// stream answers with the events that a filter picks. It ends after the one that is
// the last.
func (s *Server) stream(ctx context.Context, f tenant.EventFilter, start tenant.EventStart, last func(tenant.ChangeEvent) bool) (*huma.StreamResponse, error) {
	leave, err := s.streams.enter(caller(ctx).Client)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		defer leave()
		st := s.newStream(ctx, last)
		st.follow(s, func(following context.Context) error {
			return s.events.Follow(following, tenant.Following{
				EventFilter: f, EventStart: start, Ready: st.begin, Deliver: st.send, Heartbeat: st.times.beat,
			})
		})
	}}, nil
}

// replay answers with the events of an operation that has ended.
func (s *Server) replay(ctx context.Context, f tenant.EventFilter, after tenant.EventID) (*huma.StreamResponse, error) {
	first, err := s.events.Page(ctx, f, after, maxPageOfEvents)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		if len(first) == 0 {
			ctx.SetStatus(http.StatusNoContent)
			return
		}
		st := s.newStream(ctx, closes)
		st.follow(s, func(following context.Context) error {
			if err := st.begin(after); err != nil {
				return err
			}
			events, err := first, error(nil)
			for ; len(events) > 0 && err == nil; events, err = s.events.Page(following, f, events[len(events)-1].ID, maxPageOfEvents) {
				if err := st.send(events); err != nil && !errors.Is(err, errFinished) {
					return err
				}
			}
			return errors.Join(err, errFinished)
		})
	}}, nil
}

func (s *Server) newStream(ctx huma.Context, last func(tenant.ChangeEvent) bool) *stream {
	c := humaecho.Unwrap(ctx)
	c.Set(keyStream, true)
	// Echo's own writer keeps errors of flushing to itself.
	return &stream{c: c, control: http.NewResponseController(c.Response().Writer), metrics: s.metrics, times: s.times, last: last}
}

// follow runs a stream until its end, whatever that is, and answers with a problem
// where it has not begun.
func (st *stream) follow(s *Server, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(st.c.Request().Context())
	defer cancel()
	defer context.AfterFunc(s.draining, cancel)()
	st.starting = time.AfterFunc(answerWithin, cancel)
	st.living = time.AfterFunc(st.lasts(s.now()), cancel)
	defer st.living.Stop()
	st.metrics.streams.Inc()
	defer st.metrics.streams.Dec()
	err := run(ctx)
	if !st.c.Response().Committed {
		if !st.starting.Stop() {
			err = context.DeadlineExceeded
		}
		st.c.Set(keyStream, nil)
		s.fail(err, st.c)
		return
	}
	st.metrics.ended.WithLabelValues(st.reason(ctx, s, err)).Inc()
	// The connection may serve other requests.
	_ = st.control.SetWriteDeadline(time.Time{}) // one that knows no deadlines needs none
}

// lasts is how long a stream may go on.
func (st *stream) lasts(now time.Time) time.Duration {
	bearer, _ := st.c.Get(keyBearer).(token.Bearer)
	if left := bearer.Expires.Sub(now); !bearer.Expires.IsZero() && left < st.times.life {
		return left
	}
	return st.times.life
}

// reason is why a stream has ended.
func (st *stream) reason(ctx context.Context, s *Server, err error) string {
	switch {
	case errors.Is(err, errFinished):
		return "finished"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "unread"
	case st.c.Request().Context().Err() != nil:
		return "left"
	case s.draining.Err() != nil:
		return "stopping"
	case ctx.Err() != nil:
		return "expired"
	}
	s.logger.WarnContext(ctx, "a stream of events was interrupted", "requestId", requestID(st.c), "error", err)
	return "interrupted"
}

// begin sends the head, and the event after which the stream begins: a client that is
// cut off before the first event goes on from there. What a HEAD asks for ends with it.
func (st *stream) begin(after tenant.EventID) error {
	if !st.starting.Stop() {
		return context.DeadlineExceeded
	}
	h := st.c.Response().Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // of nginx, which would hold events back
	st.c.Response().WriteHeader(http.StatusOK)
	if st.c.Request().Context().Value(headKey{}) != nil {
		return errFinished
	}
	return st.write(fmt.Appendf(nil, "retry: %d\nid: %d\n\n", streamRetry.Milliseconds(), after))
}

// send sends events, or a comment where there are none.
func (st *stream) send(events []tenant.ChangeEvent) error {
	if len(events) == 0 {
		return st.write([]byte(": still here\n\n"))
	}
	var b bytes.Buffer
	var over error
	for _, e := range events {
		data, err := json.Marshal(viewEvent(e))
		if err != nil {
			return fmt.Errorf("encode an event: %w", err)
		}
		fmt.Fprintf(&b, "id: %d\nevent: %s\ndata: %s\n\n", e.ID, e.Type, data)
		if st.last(e) {
			over = errFinished
		}
	}
	if err := st.write(b.Bytes()); err != nil {
		return err
	}
	st.metrics.sent.Add(float64(len(events)))
	return over
}

func (st *stream) write(text []byte) error {
	if err := st.control.SetWriteDeadline(time.Now().Add(st.times.patience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := st.c.Response().Write(text); err != nil {
		return err
	}
	return st.control.Flush()
}
