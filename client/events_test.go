package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// eventLog is a server of events that ends each connection after some bytes, which are
// sent one at a time.
type eventLog struct {
	t      *testing.T
	events []string // as they are sent
	cut    func(connection int) int
	asked  []string
}

func threeEvents(newline string) []string {
	var all []string
	for n := range 3 {
		block := []string{": heartbeat", "", "retry: 50", fmt.Sprintf("id: %d", n+1), "event: operation.running", fmt.Sprintf(`data: {"id":"%d","type":"operation.running","state":"RUNNING"}`, n+1), "", ""}
		all = append(all, strings.Join(block, newline))
	}
	return all
}

func (l *eventLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	from := r.Header.Get("Last-Event-ID")
	l.asked = append(l.asked, r.URL.Query().Get("after")+"|"+from)
	if from == "" {
		from = r.URL.Query().Get("after")
	}
	after, err := strconv.Atoi(from)
	if err != nil {
		l.t.Errorf("asked for the events after %q", from)
	}
	if after == len(l.events) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	text := strings.Join(l.events[after:], "")
	if cut := l.cut(len(l.asked)); cut < len(text) {
		text = text[:cut]
	}
	for i := range len(text) {
		_, _ = io.WriteString(w, text[i:i+1])
		w.(http.Flusher).Flush()
	}
	panic(http.ErrAbortHandler)
}

func collect(t *testing.T, c *Client) []string {
	t.Helper()
	var ids []string
	for e, err := range c.OperationEvents(t.Context(), "o") {
		require.NoError(t, err)
		require.Equal(t, "operation.running", e.Type)
		require.Equal(t, StateRunning, e.State)
		ids = append(ids, e.ID)
	}
	return ids
}

// TestEventsSurviveEveryBreak: the first connection breaks after every number of
// bytes, and each event comes once.
func TestEventsSurviveEveryBreak(t *testing.T) {
	t.Parallel()
	for name, newline := range map[string]string{"LF": "\n", "CR": "\r", "CRLF": "\r\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			events := threeEvents(newline)[:2]
			whole := len(strings.Join(events, ""))
			for cut := range whole + 1 {
				l := &eventLog{t: t, events: events, cut: func(n int) int {
					if n == 1 {
						return cut
					}
					return whole
				}}
				s := serve(t, l.ServeHTTP)
				c, _ := connect(t, s.url)
				require.Equal(t, []string{"1", "2"}, collect(t, c), "cut after %d bytes", cut)
				require.Equal(t, "0|", l.asked[0])
			}
		})
	}
}

// TestEventsResumeAfterTheLastOne, waiting as long as the stream says.
func TestEventsResumeAfterTheLastOne(t *testing.T) {
	t.Parallel()
	events := threeEvents("\n")
	l := &eventLog{t: t, events: events, cut: func(int) int { return len(events[0]) }}
	s := serve(t, l.ServeHTTP)
	c, clock := connect(t, s.url)
	require.Equal(t, []string{"1", "2", "3"}, collect(t, c))
	require.Equal(t, []string{"0|", "|1", "|2", "|3"}, l.asked)
	require.Equal(t, "text/event-stream", s.requests()[0].header.Get("Accept"))
	require.Equal(t, "/v1/operations/o/events", s.requests()[0].path)
	require.Len(t, clock.pauses, 3)
	for _, p := range clock.pauses {
		require.Less(t, p, reconnectAfter, "retry: 50 says when")
	}
}

// TestEventsOutliveRestarts of the api, as long as there is patience.
func TestEventsOutliveRestarts(t *testing.T) {
	t.Parallel()
	events := threeEvents("\n")
	l := &eventLog{t: t, events: events, cut: func(int) int { return len(events[0]) }}
	away := refuses(http.StatusServiceUnavailable, CodeUnavailable, "Retry-After", "20")
	s := serve(t, away, breaks, l.ServeHTTP, away, refuses(http.StatusTooManyRequests, CodeTooManyRequests, "Retry-After", "60"), breaks, l.ServeHTTP)
	c, clock := connect(t, s.url)
	require.Equal(t, []string{"1", "2", "3"}, collect(t, c))
	require.GreaterOrEqual(t, clock.pauses[0], 20*time.Second)

	s = serve(t, away)
	c, clock = connect(t, s.url)
	begun := clock.at
	var last error
	for _, err := range c.Events(t.Context(), EventsParams{}) {
		last = err
	}
	require.True(t, IsCode(last, CodeUnavailable))
	require.LessOrEqual(t, clock.at.Sub(begun), 2*time.Minute)
	require.Greater(t, clock.at.Sub(begun), time.Minute)
}

// TestEventsEndWithWhatDoesNotPass.
func TestEventsEndWithWhatDoesNotPass(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		says   string
	}{
		"gone":         {refuses(http.StatusGone, "event-gone"), "410"},
		"not allowed":  {refuses(http.StatusForbidden, CodeForbidden), "403"},
		"not a stream": {answers(http.StatusOK, "a page", "Content-Type", "text/html"), "text/html"},
		"not JSON": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
			_, _ = io.WriteString(w, "id: 7\ndata: {\n\n")
		}, "read event 7"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, c.answer)
			client, _ := connect(t, s.url)
			n := 0
			for _, err := range client.Events(t.Context(), EventsParams{TenantID: "t", After: "5"}) {
				require.ErrorContains(t, err, c.says)
				n++
			}
			require.Equal(t, 1, n)
			require.Len(t, s.requests(), 1)
			require.Equal(t, "after=5&tenantId=t", s.requests()[0].query)
		})
	}
}

// streams sends a text and then nothing more, on an open connection.
func streams(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, text)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
}

// TestASilentConnectionIsLeft: nobody has closed it, and heartbeats would come.
func TestASilentConnectionIsLeft(t *testing.T) {
	t.Parallel()
	silent := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	s := serve(t, silent, streams("id: 1\ndata: {\"id\":\"1\"}\n\n"), streams("id: 2\ndata: {\"id\":\"2\"}\r\r"), answers(http.StatusNoContent, nil))
	c, _ := connect(t, s.url)
	c.idle = 100 * time.Millisecond
	var ids []string
	for e, err := range c.OperationEvents(t.Context(), "o") {
		require.NoError(t, err)
		ids = append(ids, e.ID)
	}
	require.Equal(t, []string{"1", "2"}, ids)
	require.Equal(t, "2", s.requests()[3].header.Get("Last-Event-ID"))
}

// TestHeartbeatsKeepAConnection.
func TestHeartbeatsKeepAConnection(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range 10 {
			_, _ = io.WriteString(w, ":\n\n")
			w.(http.Flusher).Flush()
			_ = sleep(r.Context(), 100*time.Millisecond)
		}
		_, _ = io.WriteString(w, "id: 1\ndata: {\"id\":\"1\"}\n\n")
	}, answers(http.StatusNoContent, nil))
	c, _ := connect(t, s.url)
	c.idle = 700 * time.Millisecond
	n := 0
	for _, err := range c.OperationEvents(t.Context(), "o") {
		require.NoError(t, err)
		n++
	}
	require.Equal(t, 1, n, "the event after the heartbeats")
	require.Len(t, s.requests(), 2, "only the end of the stream has ended the first connection")
}

// TestWhoeverReadsEventsMayStop, by leaving the loop or by the context.
func TestWhoeverReadsEventsMayStop(t *testing.T) {
	t.Parallel()
	s := serve(t, streams("id: 1\ndata: {\"id\":\"1\"}\n\n"))
	c, _ := connect(t, s.url)
	for e, err := range c.Events(t.Context(), EventsParams{}) {
		require.NoError(t, err)
		require.Equal(t, "1", e.ID)
		break
	}
	require.Empty(t, s.requests()[0].query, "without After the stream begins now")

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for e, err := range c.Events(ctx, EventsParams{}) {
		if cancel(); err == nil {
			require.Equal(t, "1", e.ID)
		}
		last = err
	}
	require.ErrorIs(t, last, context.Canceled)
}

// TestStreamsAreReadByTheStandard.
func TestStreamsAreReadByTheStandard(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]message{
		"data: a\n\n":                             {{"9", "a", -1}},
		"\ufeffdata: a\n\n":                       {{"9", "a", -1}},
		"data:a\ndata\ndata:  b\n\n":              {{"9", "a\n\n b", -1}},
		"id: 10\n\ndata: a\n\n":                   {{"10", "", -1}, {"10", "a", -1}},
		"id\ndata: a\n\n":                         {{"", "a", -1}},
		"id: 1\x002\ndata: a\n\n":                 {{"9", "a", -1}},
		"retry: 50\n\nretry: x\nretry: -1\n\n":    {{"9", "", 50 * time.Millisecond}, {"9", "", -1}},
		": data: no\nDATA: no\nevent: x\ndata: y": nil,
		"id: 10\ndata: lost\n":                    nil,
	} {
		var got []message
		require.NoError(t, readEvents(strings.NewReader(text), "9", func(m message) bool { got = append(got, m); return true }))
		require.Equal(t, want, got, "%q", text)
	}
	err := readEvents(strings.NewReader("data: "+strings.Repeat("a", maxLine)), "", func(message) bool { return true })
	require.Error(t, err, "a line without an end is not kept for ever")
}
