package rest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/api/rest"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/token"
)

// patience is the end of a wait for something that does not come.
const patience = 2 * time.Minute

// subscription is a stream as a client reads it.
type subscription struct {
	res   *http.Response
	lines *bufio.Scanner
	leave context.CancelFunc
}

// subscribe opens a stream; last is the Last-Event-ID, empty for none.
func (b *testBundle) subscribe(t *testing.T, path, last string) *subscription {
	t.Helper()
	ctx, leave := context.WithTimeout(t.Context(), patience)
	t.Cleanup(leave)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+path, nil)
	require.NoError(t, err)
	r.Header = viewer(t)
	r.Header.Set("Accept", "text/event-stream")
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	res, err := transport.RoundTrip(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	return &subscription{res: res, lines: bufio.NewScanner(res.Body), leave: leave}
}

// next reads the next event; false at the end of the stream.
func (s *subscription) next(t *testing.T) (e rest.Event, more bool) {
	t.Helper()
	var id, kind, data string
	for s.lines.Scan() {
		name, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch name {
		case "id":
			id = value
		case "event":
			kind = value
		case "data":
			data = value
		case "": // the end of an event: what was cut off before it is none
			if data == "" {
				continue
			}
			require.NoError(t, json.Unmarshal([]byte(data), &e))
			require.Equal(t, id, e.ID)
			require.Equal(t, kind, e.Type)
			return e, true
		}
	}
	return e, false
}

// rest reads until the stream ends.
func (s *subscription) rest(t *testing.T) (types []string, last string) {
	t.Helper()
	for {
		e, more := s.next(t)
		if !more {
			return types, last
		}
		types, last = append(types, e.Type), e.ID
	}
}

// end writes that an operation has ended, with its event.
func (b *testBundle) end(t *testing.T, o map[string]any) {
	t.Helper()
	b.exec(t, `WITH ended AS (UPDATE operations SET state = 'SUCCEEDED', finished_at = now() WHERE id = $1 RETURNING id, tenant_id)
		INSERT INTO events (tenant_id, operation_id, type, data) SELECT tenant_id, id, 'operation.succeeded', '{"kind": "provision", "state": "SUCCEEDED", "status": "ACTIVE"}' FROM ended`, o["id"])
}

// TestAnOperationsStreamEndsWithIt, and a client that reconnects gets 204.
func TestAnOperationsStreamEndsWithIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	o := b.create(t, "Charité")
	path := "/v1/operations/" + o["id"].(string) + "/events"
	s := b.subscribe(t, path, "")
	require.Equal(t, http.StatusOK, s.res.StatusCode)
	require.Equal(t, "text/event-stream", s.res.Header.Get("Content-Type"))
	require.Equal(t, "no-store", s.res.Header.Get("Cache-Control"))
	first, more := s.next(t)
	require.True(t, more)
	require.Equal(t, "operation.pending", first.Type)
	require.Equal(t, o["tenantId"], string(first.TenantID))
	step, _ := s.next(t)
	require.Equal(t, "step.completed", step.Type)
	require.Equal(t, "CREATE_TENANT_RECORD", string(step.Step))
	b.create(t, "Another") // whose events are not among these
	b.end(t, o)
	types, last := s.rest(t)
	require.Equal(t, []string{"operation.succeeded"}, types)

	all, again := b.subscribe(t, path, "").rest(t)
	require.Equal(t, []string{"operation.pending", "step.completed", "operation.succeeded"}, all, "afterwards too")
	require.Equal(t, last, again)
	since, _ := b.subscribe(t, path, step.ID).rest(t)
	require.Equal(t, []string{"operation.succeeded"}, since)
	require.Equal(t, http.StatusNoContent, b.subscribe(t, path, last).res.StatusCode)
}

// TestTheInstallationsEvents: from now on, after an event, of one tenant; and as pages.
func TestTheInstallationsEvents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := b.create(t, "Before")
	header := with(viewer(t), "Accept", "application/json")
	require.Eventually(t, func() bool { // another test's open transaction may delay them
		a := b.send(t, http.MethodGet, "/v1/events?after=0&tenantId="+before["tenantId"].(string), header, "")
		require.Equal(t, http.StatusOK, a.status, string(a.body))
		return len(a.json(t)["items"].([]any)) == 2
	}, time.Minute, 10*time.Millisecond)
	s := b.subscribe(t, "/v1/events", "")
	for s.lines.Scan() && !strings.HasPrefix(s.lines.Text(), "id: ") {
		require.Regexp(t, "^retry: ", s.lines.Text())
	}
	begins := strings.TrimPrefix(s.lines.Text(), "id: ")
	o := b.create(t, "Charité")
	pending, _ := s.next(t)
	require.Equal(t, o["id"], string(pending.OperationID), "what was before is not told")
	s.leave()
	again, _ := b.subscribe(t, "/v1/events", begins).next(t)
	require.Equal(t, pending.ID, again.ID, "who is cut off before the first event goes on where it began")
	one := b.subscribe(t, "/v1/events?after=0&tenantId="+before["tenantId"].(string), "")
	e, _ := one.next(t)
	require.Equal(t, before["id"], string(e.OperationID))

	var page struct {
		Items      []rest.Event
		NextCursor string
	}
	var types []string
	last := "0"
	require.Eventually(t, func() bool { // another test's open transaction may delay them
		a := b.send(t, http.MethodGet, "/v1/events?limit=1&after="+last, header, "")
		require.Equal(t, http.StatusOK, a.status, string(a.body))
		page.NextCursor = ""
		require.NoError(t, json.Unmarshal(a.body, &page))
		for _, e := range page.Items {
			types, last = append(types, e.Type), e.ID
		}
		require.Equal(t, page.NextCursor != "", page.NextCursor == last)
		return len(types) == 4
	}, patience, time.Millisecond)
	require.Equal(t, []string{"operation.pending", "step.completed", "operation.pending", "step.completed"}, types)
}

// TestWhatIsShortIsAnEvent, which names it.
func TestWhatIsShortIsAnEvent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.subscribe(t, "/v1/events", "")
	bound := int64(100)
	_, err := postgres.NewCapacities(b.pool).Save(t.Context(), []tenant.CapacityReading{{Resource: tenant.ResourceDisk, Used: 99, Bound: &bound}})
	require.NoError(t, err)
	e, _ := s.next(t)
	require.Equal(t, "capacity.short", e.Type)
	require.Equal(t, tenant.ResourceDisk, e.Capacity)
	require.NotEmpty(t, e.Cause)
}

// TestStreamsThatCannotBegin are answered like anything else that is wrong.
func TestStreamsThatCannotBegin(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *rest.Config) { c.Streams = 1 })
	id := b.create(t, "Charité")["id"].(string)
	for path, want := range map[string]rest.Code{
		"/v1/events?after=x":                                            rest.CodeInvalid,
		"/v1/events?after=-1":                                           rest.CodeInvalid,
		"/v1/events?after=99999999999999999999":                         rest.CodeInvalid,
		"/v1/events?tenantId=x":                                         rest.CodeInvalid,
		"/v1/events?after=987654321":                                    rest.CodeEventGone,
		"/v1/operations/" + id + "/events?after=987654321":              rest.CodeEventGone,
		"/v1/operations/x/events":                                       rest.CodeInvalid,
		"/v1/operations/0198f4a0-0000-7000-8000-000000000000/events":    rest.CodeNotFound,
		"/v1/operations/" + id + "/events?after=987654321&unknown=true": rest.CodeInvalid,
	} {
		a := b.get(t, path)
		a.problem(t, a.status, want)
	}
	require.Equal(t, http.StatusUnauthorized, b.send(t, http.MethodGet, "/v1/events", nil, "").status)
	a := b.send(t, http.MethodHead, "/v1/events", viewer(t), "")
	require.Equal(t, http.StatusOK, a.status, "a HEAD does not wait for events")

	s := b.subscribe(t, "/v1/events", "")
	b.get(t, "/v1/events").problem(t, http.StatusTooManyRequests, rest.CodeTooManyRequests)
	s.leave()
	require.Eventually(t, func() bool {
		again := b.subscribe(t, "/v1/events", "")
		defer again.leave()
		return again.res.StatusCode == http.StatusOK
	}, patience, 10*time.Millisecond, "the place is given back")
}

// TestAStreamEndsWithTheProcess, and is alive until then.
func TestAStreamEndsWithTheProcess(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rest.Times(b.server, time.Millisecond, 0, 0)
	s := b.subscribe(t, "/v1/events", "")
	require.Equal(t, http.StatusOK, s.res.StatusCode)
	require.True(t, s.lines.Scan())
	require.Equal(t, "retry: 2000", s.lines.Text())
	for s.lines.Text() != ": still here" {
		require.True(t, s.lines.Scan())
	}
	b.server.Drain()
	for s.lines.Scan() {
		t.Log(s.lines.Text())
	}
	require.NoError(t, s.lines.Err(), "it ends well, so that a client knows that nothing is cut off")
}

// TestAStreamDoesNotLastForEver: after its time, a client comes again, maybe elsewhere.
func TestAStreamDoesNotLastForEver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rest.Times(b.server, 0, 0, 2*time.Second)
	require.Eventually(t, func() bool { // on a slow machine its time may be over before it begins
		s := b.subscribe(t, "/v1/events", "")
		_, err := io.ReadAll(s.res.Body)
		return err == nil && s.res.StatusCode == http.StatusOK
	}, patience, time.Millisecond)
	require.Contains(t, string(b.send(t, http.MethodGet, "/metrics", nil, "").body), `event_streams_ended_total{reason="expired"} 1`)
}

// expiring verifies tokens that end in an instant.
type expiring struct{ rest.Tokens }

func (e expiring) Verify(ctx context.Context, raw string) (token.Bearer, error) {
	bearer, err := e.Tokens.Verify(ctx, raw)
	bearer.Expires = time.Now().Add(2 * time.Second)
	return bearer, err
}

func TestAStreamEndsWithItsToken(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *rest.Config) { c.Tokens = expiring{c.Tokens} })
	_, err := io.ReadAll(b.subscribe(t, "/v1/events", "").res.Body)
	require.NoError(t, err) // without an end, the test's patience would be
}

// TestAThousandLeaveAtOnce, and leave nothing behind.
func TestAThousandLeaveAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const many = 1000
	before := runtime.NumGoroutine()
	all := make([]*subscription, many)
	var opening sync.WaitGroup
	for i := range all {
		opening.Go(func() { all[i] = b.subscribe(t, "/v1/events", "") })
		if i%100 == 99 {
			opening.Wait() // the backlog of a listener is short
		}
	}
	opening.Wait()
	o := b.create(t, "Charité")
	for _, s := range all {
		e, more := s.next(t)
		require.True(t, more)
		require.Equal(t, o["id"], string(e.OperationID))
	}
	for _, s := range all {
		s.leave()
	}
	require.Eventually(t, func() bool { return runtime.NumGoroutine() < before+many/10 }, patience, 10*time.Millisecond)
	require.Eventually(t, func() bool {
		return strings.Contains(string(b.send(t, http.MethodGet, "/metrics", nil, "").body), "event_streams 0")
	}, patience, 10*time.Millisecond)
}

// TestWhoDoesNotReadIsCutOff, and holds up nobody: another reads on. It comes
// back where it was if a slow machine had it cut off too.
func TestWhoDoesNotReadIsCutOff(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rest.Times(b.server, 0, time.Second, 0)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(b.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET /v1/events?after=0 HTTP/1.1\r\nHost: api\r\nAuthorization: "+viewer(t).Get("Authorization")+"\r\n\r\n")
	require.NoError(t, err)
	reads := b.subscribe(t, "/v1/events", "")
	const batches, batch = 15, 200 // 30 MB: more than any buffer between them takes
	for range batches {
		_, err := b.pool.Exec(t.Context(), `INSERT INTO events (type, data) SELECT 'test', jsonb_build_object('cause', repeat('x', 10000)) FROM generate_series(1, $1)`, batch)
		require.NoError(t, err)
	}
	last := ""
	for seen := 0; seen < batches*batch; {
		e, more := reads.next(t)
		if !more {
			reads = b.subscribe(t, "/v1/events", last)
			continue
		}
		last = e.ID
		seen++
	}
	require.Eventually(t, func() bool {
		return strings.Contains(string(b.send(t, http.MethodGet, "/metrics", nil, "").body), `event_streams_ended_total{reason="unread"}`)
	}, patience, time.Millisecond)
}

// interrupted tells that the events cannot be read on, after the first.
type interrupted struct{ rest.Events }

type brokenOff struct{ tenant.EventStream }

func (i interrupted) Join(ctx context.Context, f tenant.EventFilter, start tenant.EventStart) (tenant.EventStream, error) {
	s, err := i.Events.Join(ctx, f, start)
	return brokenOff{s}, err
}

func (brokenOff) Follow(context.Context, time.Duration, func([]*tenant.ChangeEvent) error) error {
	return tenant.ErrEventsInterrupted
}

func TestAnInterruptedStreamEnds(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *rest.Config) { c.Events = interrupted{c.Events} })
	_, err := io.ReadAll(b.subscribe(t, "/v1/events", "").res.Body)
	require.NoError(t, err)
	require.Contains(t, b.logs.String(), "a stream of events was interrupted")
}
