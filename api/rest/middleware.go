package rest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"tenant-provisioning/internal/logging"
)

const headerRequestID = "X-Request-Id"

// requestID is the id of a request, for the answer and the log.
func requestID(c echo.Context) string { return requestIDOf(c.Request().Context()) }

type requestIDKey struct{}

func requestIDOf(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// identifyRequest takes the id that a proxy has given, or makes one.
func identifyRequest(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := c.Request().Header.Get(headerRequestID)
		if !isRequestID(id) {
			id = uuid.NewString()
		}
		c.Response().Header().Set(headerRequestID, id)
		ctx := logging.With(c.Request().Context(), slog.String(logging.KeyRequest, id))
		c.SetRequest(c.Request().WithContext(context.WithValue(ctx, requestIDKey{}, id)))
		return next(c)
	}
}

// isRequestID accepts what cannot disturb a log or a header.
func isRequestID(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, r := range []byte(s) {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", rune(r)) {
			return false
		}
	}
	return true
}

// observe counts, times and logs each answer, and turns errors into problems.
// Neither the log nor the metrics hold anything of the query, the body or a
// link: the route is its pattern.
func (s *Server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		started := s.now()
		s.metrics.InFlight.Inc()
		err := next(c)
		s.metrics.InFlight.Dec()
		if err != nil {
			c.Error(err)
		}
		took := s.now().Sub(started)
		observeAnswer(s.metrics, c, took)
		s.logAnswer(c, took)
		return nil
	}
}

func (s *Server) logAnswer(c echo.Context, took time.Duration) {
	level := slog.LevelInfo
	if quiet(c) && c.Response().Status < http.StatusInternalServerError {
		level = slog.LevelDebug
	}
	s.logger.LogAttrs(c.Request().Context(), level, "answered",
		slog.String("method", methodLabel(c.Request().Method)), slog.String("route", routeLabel(c)),
		slog.Int("status", c.Response().Status), slog.Float64("seconds", took.Seconds()), slog.Int64("bytes", c.Response().Size))
}

// quiet tells the routes that machines ask every few seconds.
func quiet(c echo.Context) bool {
	switch c.Path() {
	case "/health", "/livez", "/readyz", "/metrics":
		return true
	}
	return false
}

// recoverPanics answers 500 and logs where it happened.
func (s *Server) recoverPanics(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			r := recover()
			switch {
			case r == nil:
			case r == http.ErrAbortHandler: //nolint:errorlint // the server's own sentinel, compared as the server does
				panic(r) //nolint:forbidigo // it asks the server to drop the connection
			case c.Request().Context().Err() != nil:
				err = c.Request().Context().Err() // the answer failed because nobody waits for it
			default:
				s.logger.ErrorContext(c.Request().Context(), "a request handler panicked", "route", routeLabel(c),
					"panic", fmt.Sprint(r), "stack", string(debug.Stack()))
				err = newProblem(CodeInternal, "The request's id leads to the log.")
			}
		}()
		return next(c)
	}
}

// fail is Echo's error handler: every error that no handler has answered ends
// here, those of Echo's router too.
func (s *Server) fail(err error, c echo.Context) {
	s.refuse(c, s.problem(c.Request().Context(), err))
}

// problem makes an error an answer. It logs what is a fault of ours, and what
// keeps us from serving: the caller reads which system it is, the log has its
// error. A caller that has gone is neither.
func (s *Server) problem(ctx context.Context, err error) *Problem {
	p, unexpected := problemOf(err)
	switch {
	case unexpected:
		s.logger.ErrorContext(ctx, "a request failed", "error", err)
	case p.Code == CodeUnavailable && !errors.Is(err, context.Canceled):
		s.logger.WarnContext(ctx, "a request could not be served", "error", err)
	}
	return p
}

// refuse writes a problem: as a page where a person reads it.
func (s *Server) refuse(c echo.Context, p *Problem) {
	write := p.send
	if isPage(c) {
		write = func(c echo.Context) error { return s.pages.problem(c, p) }
	}
	if err := write(c); err != nil && c.Request().Context().Err() == nil {
		s.logger.ErrorContext(c.Request().Context(), "an answer could not be written", "error", err)
	}
}

// secure sets the headers that keep browsers from doing more with an answer
// than showing it. Pages set a policy of their own.
func (s *Server) secure(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cache-Control", "no-store")
		if strings.HasPrefix(s.publicURL, "https://") {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		return next(c)
	}
}

// checkQuery refuses a query that would be read in part or in two ways. Where
// nobody reads it, anything may stand there.
func checkQuery(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		raw := c.Request().URL.RawQuery
		if raw == "" || quiet(c) {
			return next(c)
		}
		values, err := url.ParseQuery(raw)
		if err != nil {
			return newProblem(CodeMalformed, "The query is not well-formed; encode it as a form is encoded.")
		}
		for name, given := range values {
			if len(given) > 1 {
				return newProblem(CodeMalformed, "A query parameter is given twice.")
			}
			if text := name + given[0]; !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
				return newProblem(CodeMalformed, "The query must be UTF-8 without NUL.")
			}
		}
		return next(c)
	}
}
