package token

import (
	"errors"
	"fmt"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// reason is what one of the library's errors is to whoever sent the token.
// Nothing in it is of the token.
type reason struct {
	is   error
	text string
}

// wrongAlgorithm says which algorithms are accepted.
func (v *Verifier) wrongAlgorithm() error {
	var methods []string
	if len(v.secret) > 0 {
		methods = append(methods, "HS256, with the installation's secret")
	}
	if v.provider != nil {
		methods = append(methods, strings.Join(providerMethods, ", ")+", with a key of the identity provider")
	}
	return fmt.Errorf("%w: its algorithm is not accepted; accepted are %s", ErrInvalid, strings.Join(methods, ", and "))
}

func explainSignature(err error) error {
	return explain(err, []reason{
		{errUnknownKey, "the key that it was signed with is not known: the identity provider publishes no such key for this algorithm"},
		{jwt.ErrTokenMalformed, "it is no JSON Web Token"},
		{jwt.ErrTokenSignatureInvalid, "its signature is wrong: it was changed, or signed with another key"},
	})
}

// explainClaims may say what is expected here: it is told of genuine tokens
// only.
func (v *Verifier) explainClaims(err error) error {
	return explain(err, []reason{
		{jwt.ErrTokenExpired, "it has expired"},
		{jwt.ErrTokenNotValidYet, "it is not valid yet (nbf)"},
		{jwt.ErrTokenUsedBeforeIssued, "it is issued in the future (iat)"},
		{jwt.ErrTokenInvalidIssuer, fmt.Sprintf("it is not from the issuer that is expected here; iss must be %q", v.issuer)},
		{jwt.ErrTokenInvalidAudience, fmt.Sprintf("it is for another audience; aud must have %q", v.audience)},
		{jwt.ErrTokenRequiredClaimMissing, fmt.Sprintf("a claim that is required here is empty (exp, aud with %q, and iss where JWT_ISSUER is set)", v.audience)},
	})
}

// explain puts all that is wrong into words.
func explain(err error, reasons []reason) error {
	if err == nil {
		return nil
	}
	var found []string
	for _, r := range reasons {
		if errors.Is(err, r.is) {
			found = append(found, r.text)
		}
	}
	if len(found) == 0 {
		found = []string{"it is malformed"}
	}
	return fmt.Errorf("%w: %s", ErrInvalid, strings.Join(found, "; "))
}
