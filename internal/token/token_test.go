package token_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/token"
)

const secret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

var now = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

func verifier(t testing.TB, c token.Config) *token.Verifier {
	t.Helper()
	c.Now = func() time.Time { return now }
	c.Logger = slog.New(slog.DiscardHandler)
	v, err := token.NewVerifier(t.Context(), c)
	require.NoError(t, err)
	return v
}

// leeway is how far another's clock may be off.
const leeway = 30 * time.Second

// requireBearer compares the instants at which tokens end, not their locations.
func requireBearer(t *testing.T, want, got token.Bearer) {
	t.Helper()
	got.Expires = got.Expires.UTC()
	require.Equal(t, want, got)
}

func TestIssuedTokenIsAccepted(t *testing.T) {
	t.Parallel()
	v := verifier(t, token.Config{Secret: secret})
	for _, role := range token.Roles() {
		raw, err := token.Signer{Secret: secret}.Issue("Dr. Ada Überall", role, time.Hour, now)
		require.NoError(t, err)
		bearer, err := v.Verify(t.Context(), raw)
		require.NoError(t, err)
		requireBearer(t, token.Bearer{Subject: "Dr. Ada Überall", Role: role, Expires: now.Add(time.Hour + leeway)}, bearer)
	}
}

func TestIssueRefusesWhatNoApiWouldAccept(t *testing.T) {
	t.Parallel()
	for name, issue := range map[string]func() (string, error){
		"no secret": func() (string, error) { return token.Signer{Secret: ""}.Issue("ada", token.RoleViewer, time.Hour, now) },
		"no subject": func() (string, error) {
			return token.Signer{Secret: secret}.Issue("", token.RoleViewer, time.Hour, now)
		},
		"long subject": func() (string, error) {
			return token.Signer{Secret: secret}.Issue(strings.Repeat("a", 201), token.RoleViewer, time.Hour, now)
		},
		"line break": func() (string, error) {
			return token.Signer{Secret: secret}.Issue("a\nb", token.RoleViewer, time.Hour, now)
		},
		"unknown role": func() (string, error) { return token.Signer{Secret: secret}.Issue("ada", "root", time.Hour, now) },
		"no time":      func() (string, error) { return token.Signer{Secret: secret}.Issue("ada", token.RoleViewer, 0, now) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := issue()
			require.Error(t, err)
		})
	}
}

// sign makes a token as a stranger would, with anything in it.
func sign(t *testing.T, method jwt.SigningMethod, key any, c jwt.MapClaims) string {
	t.Helper()
	raw, err := jwt.NewWithClaims(method, c).SignedString(key)
	require.NoError(t, err)
	return raw
}

func good(change jwt.MapClaims) jwt.MapClaims {
	c := jwt.MapClaims{"sub": "ada", "role": "admin", "iss": "us", "aud": []string{"them", token.DefaultAudience}, "exp": now.Add(time.Hour).Unix()}
	for k, v := range change {
		if v == nil {
			delete(c, k)
		} else {
			c[k] = v
		}
	}
	return c
}

func TestRefusedTokens(t *testing.T) {
	t.Parallel()
	v := verifier(t, token.Config{Secret: secret, Issuer: "us", Audience: "them"})
	hs := func(change jwt.MapClaims) string {
		return sign(t, jwt.SigningMethodHS256, []byte(secret), good(change))
	}
	_, err := v.Verify(t.Context(), hs(nil))
	require.NoError(t, err, "the token that the others differ from must be good")
	_, err = v.Verify(t.Context(), hs(jwt.MapClaims{"aud": []string{"others", "them"}}))
	require.NoError(t, err)

	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	parts := strings.Split(hs(nil), ".")
	payload := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for name, raw := range map[string]string{
		"empty":              "",
		"not a token":        "abc",
		"two parts":          parts[0] + "." + parts[1],
		"no signature":       parts[0] + "." + parts[1] + ".",
		"changed payload":    parts[0] + "." + payload(`{"sub":"eve","role":"admin","exp":99999999999}`) + "." + parts[2],
		"alg none":           sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good(nil)),
		"alg None, by hand":  payload(`{"alg":"None"}`) + "." + parts[1] + ".",
		"HS384":              sign(t, jwt.SigningMethodHS384, []byte(secret), good(nil)),
		"HS512":              sign(t, jwt.SigningMethodHS512, []byte(secret), good(nil)),
		"ES256":              sign(t, jwt.SigningMethodES256, ec, good(nil)),
		"other secret":       sign(t, jwt.SigningMethodHS256, []byte(secret+"x"), good(nil)),
		"expired":            hs(jwt.MapClaims{"exp": now.Add(-31 * time.Second).Unix()}),
		"no expiry":          hs(jwt.MapClaims{"exp": nil}),
		"expiry as text":     hs(jwt.MapClaims{"exp": "tomorrow"}),
		"not yet valid":      hs(jwt.MapClaims{"nbf": now.Add(time.Minute).Unix()}),
		"issued later":       hs(jwt.MapClaims{"iat": now.Add(time.Minute).Unix()}),
		"wrong issuer":       hs(jwt.MapClaims{"iss": "others"}),
		"no issuer":          hs(jwt.MapClaims{"iss": nil}),
		"wrong audience":     hs(jwt.MapClaims{"aud": "others"}),
		"no audience":        hs(jwt.MapClaims{"aud": nil}),
		"no subject":         hs(jwt.MapClaims{"sub": nil}),
		"subject with break": hs(jwt.MapClaims{"sub": "a\nb"}),
		"subject no text":    hs(jwt.MapClaims{"sub": 5}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := v.Verify(t.Context(), raw)
			require.ErrorIs(t, err, token.ErrInvalid)
			require.NotContains(t, err.Error(), "eve")
		})
	}
}
