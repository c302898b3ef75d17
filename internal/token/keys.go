package token

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
)

// providerMethods are the algorithms of an identity provider's tokens. None of
// them takes a shared secret.
var providerMethods = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// key is one public key that an identity provider signs with.
type key struct {
	id, algorithm string // either may be empty
	public        jwt.VerificationKey
}

// keySet is what one answer of the identity provider has published.
type keySet []key

// published is what counts of an entry of a JSON Web Key Set. The rest, its
// certificates among it, is not looked at: the keys are trusted for where they
// come from.
type published struct {
	Type       string   `json:"kty"`
	ID         string   `json:"kid"`
	Algorithm  string   `json:"alg"`
	Use        string   `json:"use"`
	Operations []string `json:"key_ops"`

	Curve    string `json:"crv"`
	X        string `json:"x"`
	Y        string `json:"y"`
	Modulus  string `json:"n"`
	Exponent string `json:"e"`
}

// parseKeys reads the keys for signatures out of a JSON Web Key Set. An entry
// that cannot be read costs no other one; skipped says why each of them was
// left out. Without a single key there is an error.
func parseKeys(body []byte) (keys keySet, skipped, err error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(bytes.TrimPrefix(body, []byte("\ufeff")), &set); err != nil {
		return nil, nil, errors.New("the answer is no JSON Web Key Set")
	}
	var left []error
	for i, entry := range set.Keys {
		k, ok, err := parseKey(entry)
		switch {
		case err != nil:
			left = append(left, fmt.Errorf("entry %d: %w", i+1, err))
		case ok:
			keys = append(keys, k)
		}
	}
	if skipped = errors.Join(left...); len(keys) == 0 {
		return nil, skipped, fmt.Errorf("the answer has %d entries and no key for signatures among them", len(set.Keys))
	}
	return keys, skipped, nil
}

// urlAlphabet mends numbers in the other alphabet of base64.
var urlAlphabet = strings.NewReplacer("+", "-", "/", "_")

// parseKey reads one entry. It is not ok when the key is not one to check
// signatures with.
func parseKey(entry json.RawMessage) (k key, ok bool, err error) {
	var p published
	if err := json.Unmarshal(entry, &p); err != nil {
		return key{}, false, errors.New("it is no JSON Web Key")
	}
	if !p.signs() {
		return key{}, false, nil
	}
	parsed, err := jwkset.NewJWKFromMarshal(jwkset.JWKMarshal{
		KTY: jwkset.KTY(p.Type), CRV: jwkset.CRV(p.Curve),
		X: urlAlphabet.Replace(p.X), Y: urlAlphabet.Replace(p.Y), N: urlAlphabet.Replace(p.Modulus), E: urlAlphabet.Replace(p.Exponent),
	}, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{SkipAll: true})
	if err != nil {
		return key{}, false, err
	}
	switch public := parsed.Key().(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
		return key{id: p.ID, algorithm: p.Algorithm, public: public}, true, nil
	}
	return key{}, false, nil
}

// signs tells keys for signatures from those for encryption, and from
// algorithms that no token may have.
func (p published) signs() bool {
	return (p.Use == "" || strings.EqualFold(p.Use, "sig")) &&
		(len(p.Operations) == 0 || slices.Contains(p.Operations, "verify") || slices.Contains(p.Operations, "sign")) &&
		(p.Algorithm == "" || slices.Contains(providerMethods, p.Algorithm))
}

// errUnknownKey is a token whose key the provider has not published.
var errUnknownKey = errors.New("the key is not known")

// forToken picks the keys that may have signed a token. A key without an id may
// have signed any, and a token that names none is checked against all.
func (s keySet) forToken(t *jwt.Token) (any, error) {
	id, _ := t.Header["kid"].(string)
	var fit jwt.VerificationKeySet
	for _, k := range s {
		if (id == "" || k.id == "" || k.id == id) && (k.algorithm == "" || k.algorithm == t.Method.Alg()) {
			fit.Keys = append(fit.Keys, k.public)
		}
	}
	if len(fit.Keys) == 0 {
		return nil, errUnknownKey
	}
	return fit, nil
}
