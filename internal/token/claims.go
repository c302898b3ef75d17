package token

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// The claims that this package reads by name.
const (
	claimSubject  = "sub"
	claimAudience = "aud"
	claimIssuer   = "iss"
	claimExpires  = "exp"
)

// DefaultRoleClaim has the role of tokens of our own, and of a provider's unless
// another claim is configured.
const DefaultRoleClaim = "role"

// checkForm says which claim is missing or of a wrong form, so that whoever has
// made the token knows what to change.
func (v *Verifier) checkForm(c jwt.MapClaims) error {
	maps.DeleteFunc(c, func(_ string, value any) bool { return value == nil })
	for _, f := range []struct {
		claim  string
		needed bool
		isOne  func(any) bool
		want   string
	}{
		{claimExpires, true, isNumber, "a number of seconds since 1970"},
		{"nbf", false, isNumber, "a number of seconds since 1970"},
		{"iat", false, isNumber, "a number of seconds since 1970"},
		{claimAudience, true, isTexts, fmt.Sprintf("%q, or a list that has it", v.audience)},
		{claimIssuer, v.issuer != "", isText, fmt.Sprintf("%q", v.issuer)},
		{claimSubject, true, isSubjectClaim, fmt.Sprintf("1 to %d printable characters", maxSubject)},
	} {
		value, there := c[f.claim]
		switch {
		case !there && f.needed:
			return fmt.Errorf("%w: it lacks the claim %s, which must be %s", ErrInvalid, f.claim, f.want)
		case there && !f.isOne(value):
			return fmt.Errorf("%w: its claim %s is %s; it must be %s", ErrInvalid, f.claim, formOf(value), f.want)
		}
	}
	return nil
}

func isNumber(value any) bool { _, ok := value.(float64); return ok }

func isText(value any) bool { _, ok := value.(string); return ok }

func isSubjectClaim(value any) bool { text, ok := value.(string); return ok && isSubject(text) }

func isTexts(value any) bool {
	_, ok := texts(value)
	return ok
}

// texts are those of a claim that is text or a list of texts.
func texts(value any) ([]string, bool) {
	if text, ok := value.(string); ok {
		return []string{text}, true
	}
	list, ok := value.([]any)
	if !ok {
		return nil, false
	}
	all := make([]string, len(list))
	for i, element := range list {
		if all[i], ok = element.(string); !ok {
			return nil, false
		}
	}
	return all, true
}

// formOf tells the form of a value without telling the value.
func formOf(value any) string {
	switch v := value.(type) {
	case string:
		return "another text"
	case float64:
		return "a number"
	case bool:
		return "true or false"
	case []any:
		if len(v) == 0 {
			return "an empty list"
		}
		return "a list of something else than texts"
	}
	return "an object"
}

// findRole reads a role out of a claim: the highest that it names. Without one
// the second result says why.
func findRole(c jwt.MapClaims, claim string) (Role, string) {
	value, there := find(c, claim)
	named, ok := texts(value)
	switch {
	case !there || value == nil:
		return "", fmt.Sprintf("the token has no claim %q", claim)
	case !ok || len(named) == 0:
		return "", fmt.Sprintf("the token's claim %q is %s; it must be a role or a list of roles", claim, formOf(value))
	}
	for _, role := range slices.Backward(Roles()) {
		if slices.Contains(named, string(role)) {
			return role, ""
		}
	}
	return "", fmt.Sprintf("the token's claim %q names none of the roles %s", claim, roleNames())
}

// find follows a path of claims with dots between their names. Names may have
// dots of their own, as URLs do: at each step the longest name that is there
// counts.
func find(c map[string]any, path string) (any, bool) {
	if value, ok := c[path]; ok {
		return value, true
	}
	for end := strings.LastIndexByte(path, '.'); end > 0; end = strings.LastIndexByte(path[:end], '.') {
		inner, ok := c[path[:end]].(map[string]any)
		if !ok {
			continue
		}
		if value, ok := find(inner, path[end+1:]); ok {
			return value, true
		}
	}
	return nil, false
}
