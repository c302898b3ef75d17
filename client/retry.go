package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The pauses of exponential back-off, before jitter. After the longest one, a
// server that is back is noticed soon enough, and one that is busy is not asked
// by everybody all the time.
const (
	firstPause   = 200 * time.Millisecond
	longestPause = 10 * time.Second
)

// call sends a request until it has an answer for good.
//
//   - 429 and 408 say that nothing was done: every request is repeated.
//   - After 502, 503, 504 and a broken connection nobody knows what was done:
//     repeated is what does no more the second time than the first.
//   - A connection that was never made is tried again.
//
// Retry-After says when; without, the pauses grow.
func (c *Client) call(ctx context.Context, r request, into any) (http.Header, error) {
	body, err := r.encode()
	if err != nil {
		return nil, err
	}
	begun := c.now()
	for attempt := 0; ; attempt++ {
		header, err := c.try(ctx, r, body, into)
		if err == nil {
			return header, nil
		}
		pause := c.pause(err, attempt)
		if !passes(err, r.again) || c.now().Add(pause).Sub(begun) > c.patience {
			return nil, err
		}
		if over := c.sleep(ctx, pause); over != nil {
			return nil, fmt.Errorf("%w, last: %w", over, err)
		}
	}
}

// passes reports whether the same request may succeed later, and may be sent.
func passes(err error, again bool) bool {
	if p, ok := errors.AsType[*Problem](err); ok {
		switch p.Status {
		case http.StatusTooManyRequests, http.StatusRequestTimeout:
			return true
		case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return again
		}
		return false
	}
	if _, ok := errors.AsType[*noAnswerError](err); !ok {
		return false
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return false // it will be no other one in a minute
	}
	dial, ok := errors.AsType[*net.OpError](err)
	return again || ok && dial.Op == "dial"
}

// pause is how long to wait after an attempt: what the API says, or ever longer.
// Callers that were refused together do not come back together.
func (c *Client) pause(err error, attempt int) time.Duration {
	if p, ok := errors.AsType[*Problem](err); ok && p.RetryAfter > 0 {
		return p.RetryAfter + jitter(p.RetryAfter/8)
	}
	d := min(firstPause<<min(attempt, 10), longestPause)
	return d/2 + jitter(d/2)
}

func jitter(most time.Duration) time.Duration {
	return rand.N(most + 1) //nolint:gosec // nobody has to be unable to guess it
}

// retryAfter reads the header: seconds, or a date. Anything else says nothing.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
