package rest_test

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/api/rest"
	"tenant-provisioning/internal/token"
)

const someID = "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11"

// guardedRoutes are all routes of the document that ask for a token.
func guardedRoutes(doc *openapi3.T) map[string]*openapi3.Operation {
	routes := map[string]*openapi3.Operation{}
	for path, item := range doc.Paths.Map() {
		id := someID
		if strings.HasPrefix(path, "/v1/incidents/") {
			id = "INC-000012"
		}
		for method, op := range item.Operations() {
			if op.Security != nil && len(*op.Security) > 0 {
				routes[method+" "+strings.ReplaceAll(path, "{id}", id)] = op
			}
		}
	}
	return routes
}

func TestNothingUnderV1WithoutAToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	routes := guardedRoutes(document(t, b.server))
	require.Len(t, routes, 49)
	for route := range routes {
		method, path, _ := strings.Cut(route, " ")
		a := b.send(t, method, path, nil, "not even JSON")
		a.problem(t, http.StatusUnauthorized, rest.CodeUnauthenticated)
		require.Equal(t, `Bearer realm="tenant-provisioning"`, a.header.Get("WWW-Authenticate"))
	}
	for _, path := range []string{"/v1", "/v1/", "/v1/nothing", "/v1/tenants/", "/v1/%74enants"} {
		b.send(t, http.MethodGet, path, nil, "").problem(t, http.StatusUnauthorized, rest.CodeUnauthenticated)
	}
	require.Zero(t, b.count(t, "tenants"))
}

func TestRefusedTokens(t *testing.T) {
	t.Parallel()
	b := setup(t)
	good := operator(t).Get("Authorization")
	sign := func(method jwt.SigningMethod, key any, expires time.Time) string {
		raw, err := jwt.NewWithClaims(method, jwt.MapClaims{"sub": "eve", "role": "admin", "aud": token.DefaultAudience, "exp": expires.Unix()}).SignedString(key)
		require.NoError(t, err)
		return "Bearer " + raw
	}
	later := time.Now().Add(time.Hour)
	for name, header := range map[string]string{
		"empty":          "",
		"basic":          "Basic YTpi",
		"no scheme":      strings.TrimPrefix(good, "Bearer "),
		"nothing behind": "Bearer ",
		"garbage":        "Bearer garbage",
		"two tokens":     good + ", " + good,
		"expired":        sign(jwt.SigningMethodHS256, []byte(secret), time.Now().Add(-time.Minute)),
		"alg none":       sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, later),
		"HS512":          sign(jwt.SigningMethodHS512, []byte(secret), later),
		"other secret":   sign(jwt.SigningMethodHS256, []byte("other"), later),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := b.send(t, http.MethodGet, "/v1/tenants", http.Header{"Authorization": {header}}, "")
			p := a.problem(t, http.StatusUnauthorized, rest.CodeUnauthenticated)
			require.True(t, strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer "))
			require.NotContains(t, p.Detail, "eve")
		})
	}
	a := b.send(t, http.MethodGet, "/v1/tenants", http.Header{"Authorization": {good, good}}, "")
	a.problem(t, http.StatusUnauthorized, rest.CodeUnauthenticated)
	for _, scheme := range []string{"bearer ", "BEARER ", "Bearer   ", "bearer\t", "  Bearer "} {
		a := b.send(t, http.MethodGet, "/v1/tenants", http.Header{"Authorization": {scheme + strings.TrimPrefix(good, "Bearer ") + " "}}, "")
		require.Equal(t, http.StatusOK, a.status, "the scheme is read in any case, with any white space: %q", scheme)
	}
}

// TestTokensForAnotherServiceAreRefused although their signature is good, and
// the refusal says which audience is needed.
func TestTokensForAnotherServiceAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, aud := range []any{nil, "another-service"} {
		p := b.send(t, http.MethodGet, "/v1/tenants", bearer(t, jwt.MapClaims{"role": "admin", "aud": aud}), "").
			problem(t, http.StatusUnauthorized, rest.CodeUnauthenticated)
		require.Contains(t, p.Detail, token.DefaultAudience)
	}
}

// TestARoleThatIsNoneIsSaidAsWhatItIs: the caller is known, so that it is no
// matter of authentication.
func TestARoleThatIsNoneIsSaidAsWhatItIs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	list := b.send(t, http.MethodGet, "/v1/tenants", bearer(t, jwt.MapClaims{"role": []string{"offline_access", "viewer"}}), "")
	require.Equal(t, http.StatusOK, list.status, string(list.body))
	for want, role := range map[string]any{
		`no claim "role"`: nil, "a number": 5, "an object": map[string]any{"a": 1}, "an empty list": []string{}, "none of the roles": []string{"root"},
	} {
		p := b.send(t, http.MethodGet, "/v1/tenants", bearer(t, jwt.MapClaims{"role": role}), "").problem(t, http.StatusForbidden, rest.CodeForbidden)
		require.Contains(t, p.Detail, want)
		require.Contains(t, p.Detail, "viewer or operator or admin")
		require.NotContains(t, p.Detail, "root")
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for route := range guardedRoutes(document(t, b.server)) {
		method, path, _ := strings.Cut(route, " ")
		writes := method != http.MethodGet || path == "/v1/logs" || strings.HasSuffix(path, "/timeline") || // which name people
			path == "/v1/capacity" // which tells of all tenants together
		none := with(nil, "Authorization", "Bearer "+roleless(t))
		b.send(t, method, path, none, "").problem(t, http.StatusForbidden, rest.CodeForbidden)
		if writes {
			p := b.send(t, method, path, viewer(t), "").problem(t, http.StatusForbidden, rest.CodeForbidden)
			if forAdmins(path) {
				require.Contains(t, p.Detail, "the role admin")
				b.send(t, method, path, operator(t), "").problem(t, http.StatusForbidden, rest.CodeForbidden)
				require.NotEqual(t, http.StatusForbidden, b.send(t, method, path, as(t, token.RoleAdmin), "").status)
				continue
			}
			require.Contains(t, p.Detail, "operator or admin")
		} else {
			require.NotEqual(t, http.StatusForbidden, b.send(t, method, path, with(viewer(t), "Accept", "application/json"), "").status)
		}
		for _, role := range []token.Role{token.RoleOperator, token.RoleAdmin} {
			require.NotEqual(t, http.StatusForbidden, b.send(t, method, path, with(as(t, role), "Accept", "application/json"), "").status)
		}
	}
}

// forAdmins tells the routes that lead to, or away from, what nobody takes back.
func forAdmins(path string) bool {
	return strings.HasSuffix(path, "/purge") || strings.HasSuffix(path, "/legal-hold")
}

func roleless(t *testing.T) string {
	t.Helper()
	return strings.TrimPrefix(bearer(t, jwt.MapClaims{"role": "root"}).Get("Authorization"), "Bearer ")
}

// bearer is the Authorization header of a token with these claims on top of good
// ones.
func bearer(t *testing.T, claims jwt.MapClaims) http.Header {
	t.Helper()
	all := jwt.MapClaims{"sub": "ada", "aud": token.DefaultAudience, "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(all, claims)
	raw, err := jwt.NewWithClaims(jwt.SigningMethodHS256, all).SignedString([]byte(secret))
	require.NoError(t, err)
	return http.Header{"Authorization": {"Bearer " + raw}}
}

// keyless is a verifier whose identity provider is away.
type keyless struct{}

func (keyless) Verify(context.Context, string) (token.Bearer, error) {
	return token.Bearer{}, token.ErrNoKeys
}

func TestTokensThatNobodyCanCheckAreNotCalledWrong(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *rest.Config) { c.Tokens = keyless{} })
	a := b.get(t, "/v1/tenants")
	a.problem(t, http.StatusServiceUnavailable, rest.CodeUnavailable)
	require.NotEmpty(t, a.header.Get("Retry-After"))
}
