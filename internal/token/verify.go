package token

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

var (
	// ErrInvalid is a token that is not accepted. The error that wraps it says
	// why, in words that may be shown to whoever sent the token.
	ErrInvalid = errors.New("the token is not valid")
	// ErrNoKeys means that the identity provider has not given its keys yet, so
	// that nothing can be said about a token of its.
	ErrNoKeys = errors.New("the keys of the identity provider are not there yet")
)

// Bearer is who sent a token that was accepted.
type Bearer struct {
	// Subject is the caller's name.
	Subject string
	// Role is empty when the token names none that exists: such a caller is known
	// and may do nothing.
	Role Role
	// NoRole says why there is no role, in words that may be shown to the caller.
	NoRole string
	// Expires is when the token ends.
	Expires time.Time
}

// Config says which tokens are accepted.
type Config struct {
	// Secret checks tokens of our own (HS256). Empty: there are none.
	Secret string
	// JWKSURL is where an identity provider publishes its keys. Empty: there is
	// no provider.
	JWKSURL string
	// Transport fetches them; nil is Go's own.
	Transport http.RoundTripper
	// Audience must be among the token's; empty is DefaultAudience.
	Audience string
	// Issuer, when set, must be the token's.
	Issuer string
	// RoleClaim is the claim that has the role or a list of roles, or the path to
	// it with dots; empty is DefaultRoleClaim, which tokens of our own may have
	// in any case.
	RoleClaim string
	// Now is the clock.
	Now func() time.Time
	// Logger is told when the provider's keys cannot be fetched.
	Logger *slog.Logger

	pace pace // zero is usualPace
}

// leeway allows for the clocks of others: an identity provider's, and those of
// the machines where tokens of our own are made.
const leeway = 30 * time.Second

// Verifier checks tokens. It is safe for concurrent use.
type Verifier struct {
	secret                      []byte
	provider                    *provider // nil without an identity provider
	issuer, audience, roleClaim string
	own, provided               *jwt.Parser
	claims                      *jwt.Validator
}

// NewVerifier prepares the checks. With a JWKSURL it starts to fetch the keys,
// goes on without them when the provider is away, and keeps them fresh until
// ctx ends.
func NewVerifier(ctx context.Context, c Config) (*Verifier, error) {
	if c.Secret == "" && c.JWKSURL == "" {
		return nil, errors.New("check tokens: there is neither a secret nor an identity provider; set JWT_SECRET or JWT_JWKS_URL")
	}
	v := &Verifier{
		secret: []byte(c.Secret), issuer: c.Issuer,
		audience: cmp.Or(c.Audience, DefaultAudience), roleClaim: cmp.Or(c.RoleClaim, DefaultRoleClaim),
		own: signatures("HS256"), provided: signatures(providerMethods...),
	}
	v.claims = jwt.NewValidator(
		jwt.WithIssuedAt(), jwt.WithLeeway(leeway), jwt.WithTimeFunc(c.Now), jwt.WithExpirationRequired(),
		jwt.WithAudience(v.audience), jwt.WithIssuer(v.issuer),
	)
	if c.JWKSURL == "" {
		return v, nil
	}
	if _, err := url.ParseRequestURI(c.JWKSURL); err != nil {
		return nil, fmt.Errorf("prepare the identity provider's keys (JWT_JWKS_URL): %w", err)
	}
	v.provider = newProvider(ctx, c)
	return v, nil
}

// signatures checks signatures and no claims: those come after, so that nobody
// learns about them from a token that is not genuine.
func signatures(methods ...string) *jwt.Parser {
	return jwt.NewParser(jwt.WithValidMethods(methods), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())
}

// Verify checks a token and says who sent it. The error is ErrInvalid or
// ErrNoKeys, wrapped.
func (v *Verifier) Verify(ctx context.Context, raw string) (Bearer, error) {
	c, own, err := v.genuine(ctx, raw)
	if err != nil {
		return Bearer{}, err
	}
	if err := v.checkForm(c); err != nil {
		return Bearer{}, err
	}
	if err := v.claims.Validate(c); err != nil {
		return Bearer{}, v.explainClaims(err)
	}
	var b Bearer
	b.Subject, _ = c[claimSubject].(string) // its form was checked
	if ends, err := c.GetExpirationTime(); err == nil && ends != nil {
		b.Expires = ends.Add(leeway)
	}
	b.Role, b.NoRole = findRole(c, v.roleClaim)
	if _, there := find(c, v.roleClaim); !there && own && v.roleClaim != DefaultRoleClaim {
		b.Role, b.NoRole = findRole(c, DefaultRoleClaim)
	}
	return b, nil
}

// genuine checks the signature and gives the claims. It picks the kind of key
// by the token's algorithm and then accepts no other: a public key can never
// serve as a secret.
func (v *Verifier) genuine(ctx context.Context, raw string) (c jwt.MapClaims, own bool, err error) {
	unchecked, _, err := v.own.ParseUnverified(raw, jwt.MapClaims{})
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return nil, false, fmt.Errorf("%w: it is no JSON Web Token (three parts with dots between them, the first two of them JSON objects)", ErrInvalid)
	case err != nil:
		return nil, false, v.wrongAlgorithm()
	}
	if unchecked.Method.Alg() == "HS256" && len(v.secret) > 0 {
		c, err := against(v.own, raw, func(*jwt.Token) (any, error) { return v.secret, nil })
		return c, true, explainSignature(err)
	}
	if _, symmetric := unchecked.Method.(*jwt.SigningMethodHMAC); symmetric || v.provider == nil || unchecked.Method == jwt.SigningMethodNone {
		return nil, false, v.wrongAlgorithm()
	}
	c, err = v.fromProvider(ctx, raw)
	return c, false, err
}

// fromProvider checks a signature against the provider's keys, and looks for
// new ones when those that are known do not fit.
func (v *Verifier) fromProvider(ctx context.Context, raw string) (jwt.MapClaims, error) {
	keys := v.provider.known()
	c, err := against(v.provided, raw, keys.forToken)
	if err != nil {
		var others bool
		if keys, others = v.provider.look(ctx, keys); others {
			c, err = against(v.provided, raw, keys.forToken)
		}
	}
	if err != nil && len(*keys) == 0 {
		return nil, ErrNoKeys
	}
	return c, explainSignature(err)
}

func against(p *jwt.Parser, raw string, keys jwt.Keyfunc) (jwt.MapClaims, error) {
	c := jwt.MapClaims{}
	_, err := p.ParseWithClaims(raw, c, keys)
	return c, err
}
