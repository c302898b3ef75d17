package rest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"

	"tenant-provisioning/internal/logging"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/token"
)

// Tokens checks bearer tokens. *token.Verifier does.
type Tokens interface {
	// Verify says who sent a token. The error is token.ErrInvalid or
	// token.ErrNoKeys.
	Verify(ctx context.Context, raw string) (token.Bearer, error)
}

// Keys of an Echo context.
const (
	keyBearer  = "bearer"
	keyRefusal = "refusal"
	// keyStream marks an answer that is a stream.
	keyStream = "stream"
)

var (
	errNoToken  = errors.New("there is no bearer token")
	errNoBearer = errors.New("the Authorization header is not of the form: Bearer TOKEN")
)

// identify finds out who calls. It refuses nobody: the rate limit between it
// and authenticate counts good and bad tokens alike.
func (s *Server) identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !guarded(c) {
			return next(c)
		}
		raw, err := bearerToken(c)
		var bearer token.Bearer
		if err == nil {
			bearer, err = s.tokens.Verify(c.Request().Context(), raw)
		}
		if err != nil {
			c.Set(keyRefusal, err)
		} else {
			c.Set(keyBearer, bearer)
			logging.Note(c.Request().Context(), logging.Actor(bearer.Subject))
		}
		return next(c)
	}
}

// authenticate lets nobody unknown to anything under /v1, whether there is a
// route or not.
func (s *Server) authenticate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		err, refused := c.Get(keyRefusal).(error)
		switch {
		case !refused:
			return next(c)
		case errors.Is(err, token.ErrNoKeys):
			return err
		}
		p := newProblem(CodeUnauthenticated, sentence(err.Error()))
		challenge := `Bearer realm="tenant-provisioning"`
		if errors.Is(err, token.ErrInvalid) {
			challenge += `, error="invalid_token"` // RFC 6750, 3.1
		}
		p.header.Set("WWW-Authenticate", challenge)
		return p
	}
}

// guarded tells the part of the API that needs a token, by the route and by
// the path, so that no spelling of a path gets around it.
func guarded(c echo.Context) bool {
	return strings.HasPrefix(c.Path(), "/v1") || strings.HasPrefix(c.Request().URL.Path, "/v1")
}

func bearerToken(c echo.Context) (string, error) {
	header := c.Request().Header.Values("Authorization")
	if len(header) == 0 {
		return "", errNoToken
	}
	parts := strings.Fields(header[0])
	if len(header) > 1 || len(parts) != 2 || !strings.EqualFold(parts[0], "Bearer") {
		return "", errNoBearer
	}
	return parts[1], nil
}

// sentence makes one of an error's text.
func sentence(text string) string {
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// require lets only callers with the endpoint's role to it.
func (s *Server) require(e endpoint) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		noteID(ctx.Context(), e.path, ctx.Param("id"))
		c := humaecho.Unwrap(ctx)
		if bearer, _ := c.Get(keyBearer).(token.Bearer); !bearer.Role.Includes(e.role) {
			s.fail(s.refusal(ctx.Context(), e, ctx.Param("id"), bearer), c)
			return
		}
		if e.pauses {
			if err := s.refuseInMaintenance(ctx.Context()); err != nil {
				s.fail(err, c)
				return
			}
		}
		next(ctx)
	}
}

// refusal tells whoever lacks a role, and has it audited where it would have
// changed something.
func (s *Server) refusal(ctx context.Context, e endpoint, id string, bearer token.Bearer) error {
	refused := newProblem(CodeForbidden, forbidden(e.role, bearer))
	if e.refused == nil {
		return refused
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if err := e.refused(ctx, id, callerOf(bearer), "needs the role "+needed(e.role)); err != nil {
		return err // what cannot be audited is not answered either
	}
	return refused
}

// forbidden says which role is needed, and why a caller without any role has none.
func forbidden(role token.Role, bearer token.Bearer) string {
	why := fmt.Sprintf("This needs a token with the role %s", needed(role))
	if bearer.NoRole != "" {
		why += "; " + bearer.NoRole
	}
	return why + "."
}

// needed lists the roles that include one.
func needed(role token.Role) string {
	var names []string
	for _, r := range token.Roles() {
		if r.Includes(role) {
			names = append(names, string(r))
		}
	}
	return strings.Join(names, " or ")
}

type callerKey struct{}

// withCaller tells the handler who calls.
func withCaller(ctx huma.Context, next func(huma.Context)) {
	bearer, _ := humaecho.Unwrap(ctx).Get(keyBearer).(token.Bearer)
	next(huma.WithValue(ctx, callerKey{}, callerOf(bearer)))
}

func callerOf(bearer token.Bearer) tenant.Caller {
	return tenant.Caller{Client: bearer.Subject, Actor: bearer.Subject, Admin: bearer.Role.Includes(token.RoleAdmin)}
}

func caller(ctx context.Context) tenant.Caller {
	who, _ := ctx.Value(callerKey{}).(tenant.Caller)
	return who
}
