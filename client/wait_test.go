package client

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func is(state State, header ...string) http.HandlerFunc {
	return answers(http.StatusOK, Operation{ID: "o", Kind: KindProvision, State: state, FailedStep: "SEND_WELCOME_EMAIL", FailureReason: "refused"}, header...)
}

// TestWaitGoesOn over answers that come too early and an api that is away, until
// the operation has ended or needs a person.
func TestWaitGoesOn(t *testing.T) {
	t.Parallel()
	for _, last := range []State{StateSucceeded, StateRolledBack, StateNeedsAttention, StateRollbackBlocked} {
		s := serve(t, is(StatePending, "Retry-After", "1"), breaks, refuses(http.StatusServiceUnavailable, CodeUnavailable), is("NEW", "Retry-After", "1"), is(last))
		c, clock := connect(t, s.url)
		o, err := c.Wait(t.Context(), "o")
		require.NoError(t, err)
		require.Equal(t, last, o.State)
		require.Equal(t, last == StateSucceeded, o.Err() == nil)
		require.Len(t, s.requests(), 5)
		require.Equal(t, time.Second, clock.pauses[0], "a server that drains answers at once")
		for _, r := range s.requests() {
			require.Equal(t, "GET /v1/operations/o?wait=30s", r.method+" "+r.path+"?"+r.query)
		}
	}
	require.EqualError(t, Operation{ID: "o", Kind: KindProvision, State: StateNeedsAttention, FailedStep: "SEND_WELCOME_EMAIL", FailureReason: "refused"}.Err(),
		"provision: operation o is NEEDS_ATTENTION at SEND_WELCOME_EMAIL: refused")
}

// TestALongPollHasItsTime beside that of an answer.
func TestALongPollHasItsTime(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if deadline, ok := r.Context().Deadline(); ok {
			w.Header().Set("X-Deadline", deadline.String())
		}
		is(StateSucceeded)(w, r)
	})
	c, _ := connect(t, s.url, func(c *Config) {
		c.HTTP.Transport = asking{t, c.HTTP.Transport, longPoll + time.Second}
		c.Timeout = time.Second
	})
	_, err := c.Wait(t.Context(), "o")
	require.NoError(t, err)
}

// asking looks at how long a request may take.
type asking struct {
	t    *testing.T
	next http.RoundTripper
	want time.Duration
}

func (a asking) RoundTrip(r *http.Request) (*http.Response, error) {
	deadline, ok := r.Context().Deadline()
	require.True(a.t, ok)
	require.InDelta(a.t, a.want.Seconds(), time.Until(deadline).Seconds(), 5)
	return a.next.RoundTrip(r)
}

// TestWaitForAPersonAsksSeldom: the answer comes at once, and decides nothing.
func TestWaitForAPersonAsksSeldom(t *testing.T) {
	t.Parallel()
	s := serve(t, is(StateNeedsAttention, "Retry-After", "1"), is(StateSucceeded))
	c, clock := connect(t, s.url)
	o, err := c.WaitFor(t.Context(), "o", func(o Operation) bool { return o.State == StateRollingBack })
	require.NoError(t, err)
	require.Equal(t, StateSucceeded, o.State, "what has ended is waited for no longer")
	require.Equal(t, []time.Duration{time.Minute}, clock.pauses)
}

func TestWaitEnds(t *testing.T) {
	t.Parallel()
	s := serve(t, is(StateRunning, "Retry-After", "1"))
	c, _ := connect(t, s.url)
	ctx, cancel := context.WithCancel(t.Context())
	c.sleep = func(ctx context.Context, _ time.Duration) error { cancel(); return ctx.Err() }
	o, err := c.Wait(ctx, "o")
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "RUNNING")
	require.Equal(t, StateRunning, o.State)

	s = serve(t, refuses(http.StatusNotFound, CodeNotFound))
	c, _ = connect(t, s.url)
	_, err = c.Wait(t.Context(), "o")
	require.True(t, IsCode(err, CodeNotFound))
}
