package client

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func suspend(t *testing.T, c *Client) error {
	t.Helper()
	_, err := c.SuspendTenant(t.Context(), "t", SuspendTenantParams{Reason: "unpaid"})
	return err
}

// TestARequestIsRepeatedWhole: the same key and the same body, until it is taken.
func TestARequestIsRepeatedWhole(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]http.HandlerFunc{
		"busy":              refuses(http.StatusTooManyRequests, CodeTooManyRequests),
		"a slow body":       refuses(http.StatusRequestTimeout, CodeRequestTimeout),
		"unavailable":       refuses(http.StatusServiceUnavailable, CodeUnavailable),
		"a proxy's gateway": answers(http.StatusBadGateway, "<html>"),
		"a proxy's timeout": answers(http.StatusGatewayTimeout, "<html>"),
		"no answer":         breaks,
		"half an answer":    breaksOff,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, fails, fails, accepts())
			c, clock := connect(t, s.url)
			require.NoError(t, suspend(t, c))
			got := s.requests()
			require.Len(t, got, 3)
			require.Len(t, clock.pauses, 2)
			require.NotEmpty(t, got[0].header.Get("Idempotency-Key"))
			for _, r := range got {
				require.Equal(t, "POST /v1/tenants/t/suspend", r.method+" "+r.path)
				require.JSONEq(t, `{"reason":"unpaid"}`, r.body)
				require.Equal(t, got[0].header.Get("Idempotency-Key"), r.header.Get("Idempotency-Key"))
				require.Equal(t, "Bearer secret", r.header.Get("Authorization"))
				require.Equal(t, "application/json", r.header.Get("Content-Type"))
			}
		})
	}
}

func TestWhatIsForGoodIsNotRepeated(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"refused":  refuses(http.StatusConflict, CodeNameTaken),
		"a fault":  refuses(http.StatusInternalServerError, CodeInternal),
		"not ours": answers(http.StatusOK, "no operation"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, answer)
			c, _ := connect(t, s.url)
			require.Error(t, suspend(t, c))
			require.Len(t, s.requests(), 1)
		})
	}
}

// TestOnlyWhatIsSafeIsRepeated after an answer that leaves open what was done.
func TestOnlyWhatIsSafeIsRepeated(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		call func(context.Context, *Client) error
		safe bool
	}{
		"read": {func(ctx context.Context, c *Client) error { _, err := c.GetTenant(ctx, "t"); return err }, true},
		"put": {func(ctx context.Context, c *Client) error {
			_, err := c.SetLegalHold(ctx, "t", SetLegalHoldParams{})
			return err
		}, true},
		"delete": {func(ctx context.Context, c *Client) error {
			_, err := c.ArchiveTenant(ctx, "t", ArchiveTenantParams{})
			return err
		}, true},
		"action": {func(ctx context.Context, c *Client) error {
			_, err := c.RetryOperation(ctx, "o", RetryOperationParams{})
			return err
		}, true},
		"plan": {func(ctx context.Context, c *Client) error { _, err := c.PlanRollback(ctx, "o"); return err }, true},
		"change": {func(ctx context.Context, c *Client) error {
			_, err := c.ChangeTenant(ctx, "t", ChangeTenantParams{})
			return err
		}, true},
		"change, IfMatch": {func(ctx context.Context, c *Client) error {
			_, err := c.ChangeTenant(ctx, "t", ChangeTenantParams{IfMatch: `"3"`})
			return err
		}, false},
		"no key": {func(ctx context.Context, c *Client) error {
			_, err := c.call(ctx, request{method: http.MethodPost, path: "/v1/things"}, &struct{}{})
			return err
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, fails := range []http.HandlerFunc{breaks, refuses(http.StatusServiceUnavailable, CodeUnavailable)} {
				s := serve(t, fails, answers(http.StatusOK, struct{}{}))
				client, _ := connect(t, s.url)
				err := c.call(t.Context(), client)
				if c.safe {
					require.NoError(t, err)
					require.Len(t, s.requests(), 2)
				} else {
					require.Error(t, err)
					require.Len(t, s.requests(), 1)
				}
			}
			s := serve(t, refuses(http.StatusTooManyRequests, CodeTooManyRequests), answers(http.StatusOK, struct{}{}))
			client, _ := connect(t, s.url)
			require.NoError(t, c.call(t.Context(), client), "of what was not looked at, everything may be sent again")
		})
	}
}

// TestAConnectionThatWasNeverMadeIsTriedAgain, whatever the request.
func TestAConnectionThatWasNeverMadeIsTriedAgain(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	c, clock := connect(t, "http://"+address)
	_, err = c.ChangeTenant(t.Context(), "t", ChangeTenantParams{IfMatch: `"3"`})
	require.ErrorContains(t, err, "no answer")
	require.Greater(t, len(clock.pauses), 10)
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	c, clock := connect(t, "http://127.0.0.1")
	for value, want := range map[string]time.Duration{
		"7": 7 * time.Second, " 0 ": 0, "-1": 0, "soon": 0, "": 0,
		clock.at.Add(90 * time.Second).Format(http.TimeFormat):  90 * time.Second,
		clock.at.Add(-90 * time.Second).Format(http.TimeFormat): 0,
	} {
		require.Equal(t, want, retryAfter(http.Header{"Retry-After": {value}}, c.now()), value)
	}
	for _, value := range []string{"30", clock.at.Add(30 * time.Second).Format(http.TimeFormat)} {
		s := serve(t, refuses(http.StatusServiceUnavailable, CodeUnavailable, "Retry-After", value), accepts())
		c, clock := connect(t, s.url)
		require.NoError(t, suspend(t, c))
		require.Len(t, clock.pauses, 1)
		require.GreaterOrEqual(t, clock.pauses[0], 30*time.Second)
		require.Less(t, clock.pauses[0], 35*time.Second)
	}
}

// TestPausesGrow to a bound, and differ between clients.
func TestPausesGrow(t *testing.T) {
	t.Parallel()
	c, _ := connect(t, "http://127.0.0.1")
	for attempt, want := range map[int]time.Duration{0: firstPause, 1: 2 * firstPause, 3: 8 * firstPause, 20: longestPause, 1000: longestPause} {
		different := map[time.Duration]bool{}
		for range 50 {
			d := c.pause(&noAnswerError{errors.New("gone")}, attempt)
			require.GreaterOrEqual(t, d, want/2)
			require.LessOrEqual(t, d, want)
			different[d] = true
		}
		require.Greater(t, len(different), 1)
	}
}

// TestPatienceEnds with the last error, and a pause that is longer is not begun.
func TestPatienceEnds(t *testing.T) {
	t.Parallel()
	s := serve(t, refuses(http.StatusServiceUnavailable, CodeUnavailable))
	c, clock := connect(t, s.url, func(c *Config) { c.Patience = time.Minute })
	begun := clock.at
	require.True(t, IsCode(suspend(t, c), CodeUnavailable))
	require.LessOrEqual(t, clock.at.Sub(begun), time.Minute)
	require.Greater(t, clock.at.Sub(begun), 45*time.Second)

	s = serve(t, refuses(http.StatusServiceUnavailable, CodeUnavailable, "Retry-After", "300"))
	c, clock = connect(t, s.url)
	err := suspend(t, c)
	p, ok := errors.AsType[*Problem](err)
	require.True(t, ok)
	require.Equal(t, 5*time.Minute, p.RetryAfter)
	require.Empty(t, clock.pauses)

	s = serve(t, refuses(http.StatusTooManyRequests, CodeTooManyRequests))
	c, _ = connect(t, s.url, func(c *Config) { c.Patience = -1 })
	require.True(t, IsCode(suspend(t, c), CodeTooManyRequests))
	require.Len(t, s.requests(), 1)
}

func TestContextEndsACall(t *testing.T) {
	t.Parallel()
	s := serve(t, refuses(http.StatusServiceUnavailable, CodeUnavailable))
	c, _ := connect(t, s.url)
	ctx, cancel := context.WithCancel(t.Context())
	c.sleep = func(ctx context.Context, _ time.Duration) error { cancel(); return sleep(ctx, time.Hour) }
	_, err := c.GetTenant(ctx, "t")
	require.ErrorIs(t, err, context.Canceled)
	require.True(t, IsCode(err, CodeUnavailable), "the last error is told too")
	require.Len(t, s.requests(), 1)
}

// TestAnAttemptIsBounded: a server that does not answer is asked again.
func TestAnAttemptIsBounded(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-done:
		}
	}, accepts())
	c, _ := connect(t, s.url, func(c *Config) { c.Timeout = 50 * time.Millisecond })
	require.NoError(t, suspend(t, c))
	require.Len(t, s.requests(), 2)
}
