package token

import (
	"cmp"
	"errors"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
)

// maxSubject is the longest subject in characters: it becomes the actor of
// audit rows, which hold as much.
const maxSubject = 200

// DefaultAudience is whom tokens are for that nobody has given another
// audience.
const DefaultAudience = "tenant-provisioning"

// claims is what a token of our own says.
type claims struct {
	Role string `json:"role"`
	jwt.RegisteredClaims
}

// Signer makes tokens.
type Signer struct {
	// Secret is the JWT_SECRET of the api that is to accept the tokens.
	Secret string
	// Audience is whom the tokens are for; empty is DefaultAudience. An api
	// refuses tokens without its own.
	Audience string
	// Issuer goes into the tokens when set. An api that was told to ask for one
	// refuses tokens without it.
	Issuer string
}

// Issue makes a token for a subject, the name under which its bearer's acts are
// audited and its idempotency keys are kept. It is valid from now for ttl.
func (s Signer) Issue(subject string, role Role, ttl time.Duration, now time.Time) (string, error) {
	if s.Secret == "" {
		return "", errors.New("issue a token: there is no secret to sign with; set JWT_SECRET")
	}
	if !isSubject(subject) {
		return "", fmt.Errorf("issue a token: the subject must have 1 to %d characters and no control characters", maxSubject)
	}
	if _, err := ParseRole(string(role)); err != nil {
		return "", fmt.Errorf("issue a token: %w", err)
	}
	if ttl <= 0 {
		return "", errors.New("issue a token: it must be valid for some time; set JWT_EXPIRATION to a positive duration")
	}
	c := claims{Role: string(role), RegisteredClaims: jwt.RegisteredClaims{
		Issuer:    s.Issuer,
		Audience:  jwt.ClaimStrings{cmp.Or(s.Audience, DefaultAudience)},
		Subject:   subject,
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(now.Add(ttl)),
	}}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString([]byte(s.Secret))
	if err != nil {
		return "", fmt.Errorf("issue a token: %w", err)
	}
	return signed, nil
}

func isSubject(s string) bool {
	if !utf8.ValidString(s) || s == "" || utf8.RuneCountInString(s) > maxSubject {
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return false
		}
	}
	return true
}
