package rest

import (
	"context"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"tenant-provisioning/internal/token"
)

// Limiter counts requests.
type Limiter interface {
	// Allow takes one request of a client and says whether there was room. It
	// answers soon, whatever happens to where it counts: where the count that all
	// processes share is away, that of this process goes on.
	Allow(ctx context.Context, client string) Allowance
}

// Allowance is what a client may do.
type Allowance struct {
	Allowed bool
	// Limit is how many requests may come at once after a pause, Remaining how
	// many of them are left.
	Limit, Remaining int
	// RetryAfter is when a refused request will be allowed.
	RetryAfter time.Duration
	// ResetAfter is when all of Limit is there again.
	ResetAfter time.Duration
}

// limit refuses clients that ask too often.
func (s *Server) limit(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if s.limiter == nil || quiet(c) {
			return next(c)
		}
		a := s.limiter.Allow(c.Request().Context(), client(c))
		// draft-ietf-httpapi-ratelimit-headers-06, 5: the last with one field
		// for each number, which is what clients read.
		h := c.Response().Header()
		h.Set("RateLimit-Limit", strconv.Itoa(a.Limit))
		h.Set("RateLimit-Remaining", strconv.Itoa(a.Remaining))
		h.Set("RateLimit-Reset", strconv.FormatInt(int64((a.ResetAfter+time.Second-1)/time.Second), 10))
		if a.Allowed {
			return next(c)
		}
		p := newProblem(CodeTooManyRequests, "This client sends requests faster than it may.")
		p.retryAfter(a.RetryAfter)
		return p
	}
}

// client is who is counted: the subject of a token, else an address.
func client(c echo.Context) string {
	if bearer, ok := c.Get(keyBearer).(token.Bearer); ok {
		return "subject:" + bearer.Subject
	}
	return "address:" + c.RealIP()
}
