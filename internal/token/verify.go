package token

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"
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
	// Role is empty when the token names none, or one that does not exist: such
	// a caller is known and may do nothing.
	Role Role
}

// Config says which tokens are accepted.
type Config struct {
	// Secret checks tokens of our own (HS256). Empty: there are none.
	Secret string
	// JWKSURL is where an identity provider publishes its keys. Empty: there is
	// no provider.
	JWKSURL string
	// Issuer and Audience, when set, must be those of the token.
	Issuer   string
	Audience string
	// Now is the clock.
	Now func() time.Time
	// Logger is told when the provider's keys cannot be fetched.
	Logger *slog.Logger
}

// Limits for an identity provider: how long one fetch of its keys may take, how
// often they are fetched anyway, how long lies between two looks for a key id
// that is not known (made-up ones must cost the provider nothing, and a new or
// returned provider must soon be found), and how long a request waits for its
// turn to look.
const (
	fetchTimeout       = 3 * time.Second
	refreshInterval    = time.Hour
	unknownKeyCooldown = 30 * time.Second
	unknownKeyWait     = 100 * time.Millisecond
)

// providerLeeway allows for an identity provider's clock; our own tokens are
// made and checked by machines that share one.
const providerLeeway = 30 * time.Second

// Verifier checks tokens. It is safe for concurrent use.
type Verifier struct {
	secret   []byte
	keys     keyfunc.Keyfunc // nil without an identity provider
	own      *jwt.Parser
	provider *jwt.Parser
}

// NewVerifier prepares the checks. With a JWKSURL it starts to fetch the keys,
// goes on without them when the provider is away, and keeps them fresh until
// ctx ends.
func NewVerifier(ctx context.Context, c Config) (*Verifier, error) {
	if c.Secret == "" && c.JWKSURL == "" {
		return nil, errors.New("check tokens: there is neither a secret nor an identity provider; set JWT_SECRET or JWT_JWKS_URL")
	}
	v := &Verifier{
		secret: []byte(c.Secret),
		own:    c.parser(0, "HS256"),
		provider: c.parser(providerLeeway,
			"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"),
	}
	if c.JWKSURL == "" {
		return v, nil
	}
	keys, err := keyfunc.NewDefaultOverrideCtx(ctx, []string{c.JWKSURL}, keyfunc.Override{
		Client:            &http.Client{Timeout: fetchTimeout},
		HTTPTimeout:       fetchTimeout,
		RefreshInterval:   refreshInterval,
		RefreshUnknownKID: rate.NewLimiter(rate.Every(unknownKeyCooldown), 1),
		RateLimitWaitMax:  unknownKeyWait,
		RefreshErrorHandlerFunc: func(url string) func(context.Context, error) {
			return func(ctx context.Context, err error) {
				c.Logger.WarnContext(ctx, "the identity provider's keys could not be fetched; check JWT_JWKS_URL", "url", url, "error", err)
			}
		},
	})
	if err != nil {
		return nil, fmt.Errorf("prepare the identity provider's keys (JWT_JWKS_URL): %w", err)
	}
	v.keys = keys
	return v, nil
}

func (c Config) parser(leeway time.Duration, methods ...string) *jwt.Parser {
	options := []jwt.ParserOption{
		jwt.WithValidMethods(methods), jwt.WithExpirationRequired(), jwt.WithStrictDecoding(),
		jwt.WithIssuedAt(), jwt.WithLeeway(leeway), jwt.WithTimeFunc(c.Now),
	}
	if c.Issuer != "" {
		options = append(options, jwt.WithIssuer(c.Issuer))
	}
	if c.Audience != "" {
		options = append(options, jwt.WithAudience(c.Audience))
	}
	return jwt.NewParser(options...)
}

// Verify checks a token and says who sent it. The error is ErrInvalid or
// ErrNoKeys, wrapped.
func (v *Verifier) Verify(ctx context.Context, raw string) (Bearer, error) {
	var c claims
	if err := v.parse(ctx, raw, &c); err != nil {
		return Bearer{}, err
	}
	if !isSubject(c.Subject) {
		return Bearer{}, fmt.Errorf("%w: it has no subject of 1 to %d printable characters", ErrInvalid, maxSubject)
	}
	role, err := ParseRole(c.Role)
	if err != nil {
		role = ""
	}
	return Bearer{Subject: c.Subject, Role: role}, nil
}

// parse picks the kind of key by the token's algorithm and then accepts no
// other: a public key can never serve as a secret.
func (v *Verifier) parse(ctx context.Context, raw string, c *claims) error {
	unchecked, _, err := v.own.ParseUnverified(raw, &claims{})
	if err != nil {
		return fmt.Errorf("%w: it is no JSON Web Token with a known algorithm", ErrInvalid)
	}
	if _, symmetric := unchecked.Method.(*jwt.SigningMethodHMAC); symmetric {
		if len(v.secret) == 0 {
			return fmt.Errorf("%w: tokens signed with a shared secret are not accepted here", ErrInvalid)
		}
		_, err := v.own.ParseWithClaims(raw, c, func(*jwt.Token) (any, error) { return v.secret, nil })
		return explain(err)
	}
	if v.keys == nil {
		return fmt.Errorf("%w: it must be signed with HS256", ErrInvalid)
	}
	_, err = v.provider.ParseWithClaims(raw, c, v.keys.KeyfuncCtx(ctx))
	if errors.Is(err, jwt.ErrTokenUnverifiable) {
		if known, readErr := v.keys.Storage().KeyReadAll(ctx); readErr != nil || len(known) == 0 {
			return ErrNoKeys
		}
	}
	return explain(err)
}

// explain puts the reason in words without repeating anything of the token.
func explain(err error) error {
	if err == nil {
		return nil
	}
	for _, reason := range []struct {
		is   error
		text string
	}{
		{jwt.ErrTokenSignatureInvalid, "its signature is wrong or its algorithm is not accepted"},
		{jwt.ErrTokenUnverifiable, "the key that it was signed with is not known"},
		{jwt.ErrTokenExpired, "it has expired"},
		{jwt.ErrTokenNotValidYet, "it is not valid yet"},
		{jwt.ErrTokenUsedBeforeIssued, "it is issued in the future"},
		{jwt.ErrTokenInvalidIssuer, "it is not from the issuer that is expected here"},
		{jwt.ErrTokenInvalidAudience, "it is for another audience"},
		{jwt.ErrTokenRequiredClaimMissing, "it lacks a claim that is required here (exp, and iss or aud where configured)"},
	} {
		if errors.Is(err, reason.is) {
			return fmt.Errorf("%w: %s", ErrInvalid, reason.text)
		}
	}
	return fmt.Errorf("%w: it is malformed", ErrInvalid)
}
