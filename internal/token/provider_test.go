package token_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/token"
)

// patience is the end of a wait for something that does not come.
const patience = 2 * time.Minute

// provider is an identity provider with one key, whose answers can be anything.
type provider struct {
	*httptest.Server
	key    *ecdsa.PrivateKey
	answer atomic.Pointer[http.HandlerFunc]
	asked  atomic.Int64
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	p := &provider{key: key}
	p.publish(t, p.jwk(t, "k1"))
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer p.asked.Add(1)
		(*p.answer.Load())(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func text(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

// jwk is the provider's key as it is published.
func (p *provider) jwk(t *testing.T, id string) map[string]any {
	t.Helper()
	public, err := p.key.PublicKey.Bytes() // 0x04, then x and y
	require.NoError(t, err)
	return map[string]any{"kty": "EC", "crv": "P-256", "kid": id, "alg": "ES256", "use": "sig", "x": text(public[1:33]), "y": text(public[33:])}
}

func (p *provider) answers(h http.HandlerFunc) { p.answer.Store(&h) }

func (p *provider) says(status int, body string) {
	p.answers(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
}

func (p *provider) publish(t *testing.T, entries ...any) {
	t.Helper()
	set, err := json.Marshal(map[string]any{"keys": entries})
	require.NoError(t, err)
	p.says(http.StatusOK, string(set))
}

func (p *provider) token(t *testing.T, kid string, c jwt.MapClaims) string {
	t.Helper()
	unsigned := jwt.NewWithClaims(jwt.SigningMethodES256, c)
	if kid != "" {
		unsigned.Header["kid"] = kid
	}
	raw, err := unsigned.SignedString(p.key)
	require.NoError(t, err)
	return raw
}

func TestIdentityProvider(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	v := verifier(t, token.Config{Secret: secret, JWKSURL: p.URL, Issuer: "us", Audience: "them"})
	bearer, err := v.Verify(t.Context(), p.token(t, "k1", good(nil)))
	require.NoError(t, err)
	requireBearer(t, token.Bearer{Subject: "ada", Role: token.RoleAdmin, Expires: now.Add(time.Hour + leeway)}, bearer)
	_, err = v.Verify(t.Context(), p.token(t, "", good(nil)))
	require.NoError(t, err, "a token need not name its key")
	_, err = v.Verify(t.Context(), hs256(t, nil))
	require.NoError(t, err, "our own tokens go on working beside the provider's")

	other := newProvider(t)
	public, err := p.key.PublicKey.Bytes()
	require.NoError(t, err)
	for name, raw := range map[string]string{
		"another's key":            other.token(t, "k1", good(nil)),
		"another's unnamed key":    other.token(t, "", good(nil)),
		"unknown key id":           p.token(t, "k9", good(nil)),
		"expired":                  p.token(t, "k1", good(jwt.MapClaims{"exp": now.Add(-time.Minute).Unix()})),
		"another audience":         p.token(t, "k1", good(jwt.MapClaims{"aud": "others"})),
		"public key as a secret":   sign(t, jwt.SigningMethodHS256, public, good(nil)),
		"none, with the public id": sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good(nil)),
	} {
		_, err := v.Verify(t.Context(), raw)
		require.ErrorIs(t, err, token.ErrInvalid, name)
	}
}

func TestIdentityProviderAloneTakesNoSharedSecret(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	v := verifier(t, token.Config{JWKSURL: p.URL})
	for _, key := range [][]byte{{}, []byte(secret)} {
		_, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodHS256, key, good(nil)))
		require.ErrorIs(t, err, token.ErrInvalid)
	}
}

// TestOneMalformedKeyEndsNoToken: the others are used, whichever stands first.
func TestOneMalformedKeyEndsNoToken(t *testing.T) {
	t.Parallel()
	changed := func(name string, value any) func(map[string]any) any {
		return func(k map[string]any) any { k[name] = value; return k }
	}
	for name, spoil := range map[string]func(map[string]any) any{
		"unknown kty":             changed("kty", "LATTICE"),
		"kty is a number":         changed("kty", 5),
		"no kty":                  changed("kty", nil),
		"unknown curve":           changed("crv", "P-12"),
		"not on the curve":        changed("x", text(make([]byte, 32))),
		"not base64":              changed("y", "!!"),
		"no coordinates":          changed("x", nil),
		"for encryption":          changed("use", "enc"),
		"another operation":       changed("key_ops", []string{"deriveBits"}),
		"operations are a number": changed("key_ops", 5),
		"algorithm of encryption": changed("alg", "ECDH-ES"),
		"unknown algorithm":       changed("alg", "ES1024"),
		"a shared secret":         func(map[string]any) any { return map[string]any{"kty": "oct", "kid": "s", "k": text([]byte(secret))} },
		"X25519": func(map[string]any) any {
			return map[string]any{"kty": "OKP", "crv": "X25519", "x": text(make([]byte, 32))}
		},
		"RSA without a modulus": func(map[string]any) any { return map[string]any{"kty": "RSA", "kid": "r", "e": "AQAB"} },
		"text":                  func(map[string]any) any { return "key" },
		"null":                  func(map[string]any) any { return nil },
		"a list":                func(map[string]any) any { return []int{1} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t)
			for _, entries := range [][]any{
				{spoil(newProvider(t).jwk(t, "k0")), p.jwk(t, "k1")},
				{p.jwk(t, "k1"), spoil(newProvider(t).jwk(t, "k0"))},
			} {
				p.publish(t, entries...)
				v := verifier(t, token.Config{JWKSURL: p.URL})
				_, err := v.Verify(t.Context(), p.token(t, "k1", good(nil)))
				require.NoError(t, err)
				_, err = v.Verify(t.Context(), p.token(t, "", good(nil)))
				require.NoError(t, err)
			}
		})
	}
}

// TestKeysAreTakenAsTheyComePublished: what stands beside a key cannot spoil it.
func TestKeysAreTakenAsTheyComePublished(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(map[string]any){
		"no id":                   func(k map[string]any) { delete(k, "kid") },
		"no algorithm":            func(k map[string]any) { delete(k, "alg") },
		"no use":                  func(k map[string]any) { delete(k, "use") },
		"use in capitals":         func(k map[string]any) { k["use"] = "SIG" },
		"a bad certificate":       func(k map[string]any) { k["x5c"] = []string{"MIIB!"} },
		"a certificate as text":   func(k map[string]any) { k["x5c"] = "MIIB" },
		"a thumbprint of another": func(k map[string]any) { k["x5t"], k["x5t#S256"] = "AAAA", "AAAA" },
		"a certificate elsewhere": func(k map[string]any) { k["x5u"] = "http://127.0.0.1/cert" },
		"members of its own":      func(k map[string]any) { k["issuer"], k["exp"] = "us", 5 },
		"padding":                 func(k map[string]any) { k["x"] = k["x"].(string) + "=" },
		"the other alphabet": func(k map[string]any) {
			k["y"] = strings.NewReplacer("-", "+", "_", "/").Replace(k["y"].(string))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t)
			published := p.jwk(t, "k1")
			change(published)
			p.publish(t, published)
			v := verifier(t, token.Config{JWKSURL: p.URL})
			_, err := v.Verify(t.Context(), p.token(t, "k1", good(nil)))
			require.NoError(t, err)
		})
	}
}

// TestTwoKeysUnderOneID: RFC 7517 allows that for keys of different algorithms.
func TestTwoKeysUnderOneID(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	p.publish(t, map[string]any{
		"kty": "RSA", "kid": "k1", "n": text(rsaKey.N.Bytes()), "e": text(big.NewInt(int64(rsaKey.E)).Bytes()),
	}, p.jwk(t, "k1"))
	v := verifier(t, token.Config{JWKSURL: p.URL})
	_, err = v.Verify(t.Context(), p.token(t, "k1", good(nil)))
	require.NoError(t, err)
	unsigned := jwt.NewWithClaims(jwt.SigningMethodRS256, good(nil))
	unsigned.Header["kid"] = "k1"
	raw, err := unsigned.SignedString(rsaKey)
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), raw)
	require.NoError(t, err)
}

// misbehaviour is what a provider may answer instead of its keys.
func misbehaviour(t *testing.T) map[string]http.HandlerFunc {
	t.Helper()
	says := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	return map[string]http.HandlerFunc{
		"no keys":          says(200, `{"keys":[]}`),
		"keys null":        says(200, `{"keys":null}`),
		"nothing":          says(200, `{}`),
		"empty":            says(200, ""),
		"no content":       says(204, ""),
		"a web page":       says(200, "<html><body>Maintenance</body></html>"),
		"only garbage":     says(200, `{"keys":[{"kty":"LATTICE"},5,null,{"kty":"EC"}]}`),
		"only encryption":  says(200, `{"keys":[{"kty":"EC","crv":"P-256","use":"enc","x":"AA","y":"AA"}]}`),
		"keys as an entry": says(200, `{"keys":{"kty":"EC"}}`),
		"half of it":       says(200, `{"keys":[{"kty":"EC","crv":"P-`),
		"a fault":          says(500, "boom"),
		"gone":             says(404, `{"keys":[]}`),
		"too large":        says(200, `{"keys":[]`+strings.Repeat(" ", 2<<20)+`}`),
		"a ring": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/", http.StatusFound)
		},
		"no end": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"drops": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("{"))
		},
	}
}

// TestTheLastGoodKeysAreKept whatever the provider answers, by itself and when
// a token with an unknown key has it asked; its next good answer counts at once.
func TestTheLastGoodKeysAreKept(t *testing.T) {
	t.Parallel()
	for name, answer := range misbehaviour(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t)
			v := verifier(t, token.Config{JWKSURL: p.URL}.Paced(500*time.Millisecond, 5*time.Millisecond, 5*time.Millisecond))
			p.answers(answer)
			before := p.asked.Load()
			require.Eventually(t, func() bool {
				_, err := v.Verify(t.Context(), p.token(t, "k9", good(nil)))
				require.ErrorIs(t, err, token.ErrInvalid, "an unknown key is refused as such")
				return p.asked.Load() >= before+3
			}, patience, time.Millisecond)
			_, err := v.Verify(t.Context(), p.token(t, "k1", good(nil)))
			require.NoError(t, err)

			next := newProvider(t)
			next.publish(t, next.jwk(t, "k2"))
			p.answers(*next.answer.Load())
			require.Eventually(t, func() bool {
				_, err := v.Verify(t.Context(), next.token(t, "k2", good(nil)))
				return err == nil
			}, patience, time.Millisecond)
			_, err = v.Verify(t.Context(), p.token(t, "k1", good(nil)))
			require.ErrorIs(t, err, token.ErrInvalid, "a good answer withdraws what it does not have")
		})
	}
}

// TestNoKeysYetIsNoFaultOfTheToken, and they are found as soon as the provider
// has them.
func TestNoKeysYetIsNoFaultOfTheToken(t *testing.T) {
	t.Parallel()
	for name, answer := range misbehaviour(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t)
			good1 := *p.answer.Load()
			p.answers(answer)
			v := verifier(t, token.Config{JWKSURL: p.URL}.Paced(500*time.Millisecond, time.Hour, 5*time.Millisecond))
			raw := p.token(t, "k1", good(nil))
			_, err := v.Verify(context.Background(), raw)
			require.ErrorIs(t, err, token.ErrNoKeys)
			p.answers(good1)
			require.Eventually(t, func() bool { _, err := v.Verify(t.Context(), raw); return err == nil }, patience, time.Millisecond)
		})
	}
}

// TestANewKeyIsFoundAtItsFirstToken: all tokens that come with it at once wait
// for one and the same look.
func TestANewKeyIsFoundAtItsFirstToken(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	v := verifier(t, token.Config{JWKSURL: p.URL}.Paced(patience, time.Hour, time.Hour))
	before := p.asked.Load()
	next := newProvider(t)
	next.publish(t, next.jwk(t, "k2"))
	waiting := make(chan struct{})
	p.answers(func(w http.ResponseWriter, r *http.Request) {
		<-waiting
		(*next.answer.Load())(w, r)
	})
	const tokens = 20
	var begun, all sync.WaitGroup
	begun.Add(tokens)
	errs := make([]error, tokens)
	for i := range tokens {
		all.Go(func() {
			begun.Done()
			_, errs[i] = v.Verify(t.Context(), next.token(t, "k2", good(nil)))
		})
	}
	begun.Wait()
	close(waiting)
	all.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.Equal(t, before+1, p.asked.Load())

	for range 50 {
		_, err := v.Verify(t.Context(), next.token(t, "made up", good(nil)))
		require.ErrorIs(t, err, token.ErrInvalid)
	}
	require.Equal(t, before+1, p.asked.Load(), "made-up keys cost the provider nothing")
}

// TestAnUnnamedKeyThatChangedIsFound too: nothing but the signature tells.
func TestAnUnnamedKeyThatChangedIsFound(t *testing.T) {
	t.Parallel()
	p, next := newProvider(t), newProvider(t)
	unnamed := p.jwk(t, "")
	delete(unnamed, "kid")
	p.publish(t, unnamed)
	v := verifier(t, token.Config{JWKSURL: p.URL}.Paced(patience, time.Hour, time.Hour))
	next.publish(t, next.jwk(t, ""))
	p.answers(*next.answer.Load())
	_, err := v.Verify(t.Context(), next.token(t, "", good(nil)))
	require.NoError(t, err)
}
