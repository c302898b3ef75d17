package token_test

import (
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/token"
)

// hs256 is a token signed with the secret that our own have.
func hs256(t *testing.T, change jwt.MapClaims) string {
	t.Helper()
	return sign(t, jwt.SigningMethodHS256, []byte(secret), good(change))
}

// TestRolesAsProvidersSendThem: text or a list, under the name or the path that
// is configured, and the highest role counts.
func TestRolesAsProvidersSendThem(t *testing.T) {
	t.Parallel()
	object := func(name string, value any) map[string]any { return map[string]any{name: value} }
	for name, tt := range map[string]struct {
		claim  string
		claims jwt.MapClaims
		want   token.Role
	}{
		"text":                        {"", jwt.MapClaims{"role": "operator"}, token.RoleOperator},
		"a list with one":             {"", jwt.MapClaims{"role": []string{"admin"}}, token.RoleAdmin},
		"the highest of a list":       {"", jwt.MapClaims{"role": []string{"viewer", "admin", "operator"}}, token.RoleAdmin},
		"others beside it":            {"", jwt.MapClaims{"role": []string{"offline_access", "operator", "uma_authorization"}}, token.RoleOperator},
		"Entra":                       {"roles", jwt.MapClaims{"role": nil, "roles": []string{"viewer"}}, token.RoleViewer},
		"Keycloak's realm":            {"realm_access.roles", jwt.MapClaims{"role": nil, "realm_access": object("roles", []string{"default-roles-x", "admin"})}, token.RoleAdmin},
		"Keycloak's client":           {"resource_access.my-app.roles", jwt.MapClaims{"role": nil, "resource_access": object("my-app", object("roles", []string{"operator"}))}, token.RoleOperator},
		"a client with dots":          {"resource_access.my.app.roles", jwt.MapClaims{"resource_access": object("my.app", object("roles", []string{"operator"}))}, token.RoleOperator},
		"Auth0":                       {"https://x.example/roles", jwt.MapClaims{"role": nil, "https://x.example/roles": []string{"viewer"}}, token.RoleViewer},
		"a path that begins as a URL": {"https://x.example/app.roles", jwt.MapClaims{"https://x.example/app": object("roles", "viewer")}, token.RoleViewer},
		"Okta":                        {"groups", jwt.MapClaims{"role": nil, "groups": []string{"Everyone", "operator"}}, token.RoleOperator},
		"the whole name goes before":  {"a.b", jwt.MapClaims{"a.b": "viewer", "a": object("b", "admin")}, token.RoleViewer},
		"configured, of our own":      {"realm_access.roles", jwt.MapClaims{"role": "operator"}, token.RoleOperator},
		"configured, and both":        {"roles", jwt.MapClaims{"role": "admin", "roles": "viewer"}, token.RoleViewer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := verifier(t, token.Config{Secret: secret, RoleClaim: tt.claim})
			bearer, err := v.Verify(t.Context(), hs256(t, tt.claims))
			require.NoError(t, err)
			require.Equal(t, tt.want, bearer.Role, bearer.NoRole)
			require.Empty(t, bearer.NoRole)
		})
	}
}

// TestNoRoleIsSaidAsWhatItIs: the caller is known, may do nothing, and hears why.
func TestNoRoleIsSaidAsWhatItIs(t *testing.T) {
	t.Parallel()
	v := verifier(t, token.Config{Secret: secret})
	for name, tt := range map[string]struct {
		role any
		want string
	}{
		"none":                 {nil, `no claim "role"`},
		"empty":                {"", "none of the roles viewer, operator, admin"},
		"unknown":              {"root", "none of the roles"},
		"another case":         {"Admin", "none of the roles"},
		"a space":              {"admin ", "none of the roles"},
		"two in one text":      {"viewer admin", "none of the roles"},
		"unknown ones":         {[]string{"root", "owner"}, "none of the roles"},
		"an empty list":        {[]string{}, "an empty list"},
		"a number":             {5, "a number"},
		"true":                 {true, "true or false"},
		"an object":            {map[string]any{"admin": true}, "an object"},
		"a list of others":     {[]any{"admin", 5}, "a list of something else than texts"},
		"a list within a list": {[]any{[]string{"admin"}}, "a list of something else than texts"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bearer, err := v.Verify(t.Context(), hs256(t, jwt.MapClaims{"role": tt.role}))
			require.NoError(t, err)
			for _, needed := range token.Roles() {
				require.False(t, bearer.Role.Includes(needed))
			}
			require.Contains(t, bearer.NoRole, tt.want)
			require.NotContains(t, bearer.NoRole, "root")
		})
	}
}

func TestHigherRolesIncludeLowerOnes(t *testing.T) {
	t.Parallel()
	require.True(t, token.RoleAdmin.Includes(token.RoleViewer))
	require.True(t, token.RoleOperator.Includes(token.RoleOperator))
	require.False(t, token.RoleViewer.Includes(token.RoleOperator))
	require.False(t, token.RoleAdmin.Includes("owner"))
}

// TestAProvidersOwnRoleClaimIsNotOurs: what a provider calls "role" means
// nothing where another claim is configured.
func TestAProvidersOwnRoleClaimIsNotOurs(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	v := verifier(t, token.Config{JWKSURL: p.URL, RoleClaim: "roles"})
	bearer, err := v.Verify(t.Context(), p.token(t, "k1", good(jwt.MapClaims{"role": "admin"})))
	require.NoError(t, err)
	require.Empty(t, bearer.Role)
	require.Contains(t, bearer.NoRole, `no claim "roles"`)
}

// TestARefusalNamesItsCause, and the claim to correct.
func TestARefusalNamesItsCause(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	v := verifier(t, token.Config{Secret: secret, JWKSURL: p.URL, Issuer: "us", Audience: "them"})
	for name, tt := range map[string]struct{ raw, want string }{
		"no token":           {"abc", "no JSON Web Token"},
		"not JSON":           {"YWJj.YWJj.YWJj", "no JSON Web Token"},
		"encrypted":          {"a.b.c.d.e", "no JSON Web Token"},
		"algorithm":          {sign(t, jwt.SigningMethodHS512, []byte(secret), good(nil)), "algorithm is not accepted; accepted are HS256"},
		"unknown algorithm":  {"eyJhbGciOiJIUzEifQ.e30.YWJj", "algorithm is not accepted"},
		"none":               {sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good(nil)), "algorithm is not accepted"},
		"secret":             {sign(t, jwt.SigningMethodHS256, []byte(secret+"x"), good(nil)), "signature is wrong"},
		"unknown key":        {p.token(t, "k9", good(nil)), "the key that it was signed with is not known"},
		"expired":            {hs256(t, jwt.MapClaims{"exp": now.Add(-time.Hour).Unix()}), "it has expired"},
		"not yet":            {hs256(t, jwt.MapClaims{"nbf": now.Add(time.Hour).Unix()}), "not valid yet"},
		"in the future":      {hs256(t, jwt.MapClaims{"iat": now.Add(time.Hour).Unix()}), "issued in the future"},
		"no end":             {hs256(t, jwt.MapClaims{"exp": nil}), "lacks the claim exp"},
		"end as text":        {hs256(t, jwt.MapClaims{"exp": "1893456000"}), "claim exp is another text; it must be a number"},
		"audience":           {hs256(t, jwt.MapClaims{"aud": "others"}), `another audience; aud must have "them"`},
		"no audience":        {hs256(t, jwt.MapClaims{"aud": nil}), `lacks the claim aud, which must be "them"`},
		"empty audience":     {hs256(t, jwt.MapClaims{"aud": []string{}}), `aud with "them"`},
		"audience as number": {hs256(t, jwt.MapClaims{"aud": 5}), "claim aud is a number"},
		"issuer":             {hs256(t, jwt.MapClaims{"iss": "us/"}), `iss must be "us"`},
		"no issuer":          {hs256(t, jwt.MapClaims{"iss": nil}), "lacks the claim iss"},
		"subject as number":  {hs256(t, jwt.MapClaims{"sub": 5}), "claim sub is a number"},
		"two things at once": {hs256(t, jwt.MapClaims{"aud": "others", "exp": 5}), "it has expired; it is for another audience"},
		"forged and expired": {sign(t, jwt.SigningMethodHS256, []byte(secret+"x"), good(jwt.MapClaims{"exp": 5, "aud": "x"})), "signature is wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := v.Verify(t.Context(), tt.raw)
			require.ErrorIs(t, err, token.ErrInvalid)
			require.ErrorContains(t, err, tt.want)
			for _, ofTheToken := range []string{"others", "ada", "us/", tt.raw} {
				require.NotContains(t, err.Error(), ofTheToken)
			}
		})
	}
}

// TestATokenOfAForgerLearnsNothing: what is expected here is told of genuine
// tokens only.
func TestATokenOfAForgerLearnsNothing(t *testing.T) {
	t.Parallel()
	v := verifier(t, token.Config{Secret: secret, Issuer: "our-issuer", Audience: "our-audience"})
	_, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodHS256, []byte("forged"), good(nil)))
	require.ErrorIs(t, err, token.ErrInvalid)
	require.NotContains(t, err.Error(), "our-")
}

// TestClocksMayDiffer: those of a provider and those of machines of our own
// alike, by half a minute.
func TestClocksMayDiffer(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	v := verifier(t, token.Config{Secret: secret, JWKSURL: p.URL})
	for issuer, issue := range map[string]func(jwt.MapClaims) string{
		"our own":    func(c jwt.MapClaims) string { return hs256(t, c) },
		"a provider": func(c jwt.MapClaims) string { return p.token(t, "k1", good(c)) },
	} {
		for claim, sign := range map[string]int{"exp": -1, "nbf": 1, "iat": 1} {
			_, err := v.Verify(t.Context(), issue(jwt.MapClaims{claim: now.Add(time.Duration(29*sign) * time.Second).Unix()}))
			require.NoError(t, err, "%s, %s", issuer, claim)
			_, err = v.Verify(t.Context(), issue(jwt.MapClaims{claim: now.Add(time.Duration(31*sign) * time.Second).Unix()}))
			require.ErrorIs(t, err, token.ErrInvalid, "%s, %s", issuer, claim)
		}
	}
}

// TestTokensHaveAnAudience, also where nobody has configured one.
func TestTokensHaveAnAudience(t *testing.T) {
	t.Parallel()
	v := verifier(t, token.Config{Secret: secret})
	for _, aud := range []any{nil, "", "another-service", []string{"another-service"}} {
		_, err := v.Verify(t.Context(), hs256(t, jwt.MapClaims{"aud": aud}))
		require.ErrorIs(t, err, token.ErrInvalid)
		require.ErrorContains(t, err, token.DefaultAudience, "the refusal says which audience is needed")
	}
	_, err := v.Verify(t.Context(), hs256(t, jwt.MapClaims{"aud": token.DefaultAudience}))
	require.NoError(t, err)

	elsewhere, err := token.Signer{Secret: secret, Audience: "another-service"}.Issue("ada", token.RoleAdmin, time.Hour, now)
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), elsewhere)
	require.ErrorIs(t, err, token.ErrInvalid)
}
