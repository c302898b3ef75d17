package config

import (
	"crypto/x509"
	"strings"
	"time"
	"unicode"
)

// minJWTSecret is the shortest accepted secret in characters, as the replaced
// application documents it; HS256 gains nothing beyond 64 bytes.
const minJWTSecret = 64

// JWT is how callers of the api prove who they are.
type JWT struct {
	// Secret signs and checks HS256 tokens (JWT_SECRET). Empty only when
	// JWKSURL is set: then nobody but the issuer can make tokens, and
	// "starter token" cannot either.
	Secret Secret
	// Expiration is how long a token of ours is valid (JWT_EXPIRATION, 24h).
	// There is no revocation, so this bounds what a stolen one is worth.
	Expiration time.Duration
	// JWKSURL has the public keys of an identity provider (JWT_JWKS_URL).
	JWKSURL string
	// JWKSRootCAs are the authorities that sign that server's certificate
	// (JWT_JWKS_SSLROOTCERT). Nil: the system's.
	JWKSRootCAs *x509.CertPool
	// Issuer, when set, must be the token's (JWT_ISSUER).
	Issuer string
	// Audience must be among the token's (JWT_AUDIENCE). Empty is the audience
	// that our own tokens have by default.
	Audience string
	// RoleClaim is the claim with the role or a list of roles, or the path to it
	// with dots, such as realm_access.roles (JWT_ROLE_CLAIM). Empty is the claim
	// that our own tokens have.
	RoleClaim string
}

// claimPath is a claim's name, or names with dots between them. A name may have
// dots of its own, so that hardly anything is no path.
var claimPath = kind[string]{want: `a claim such as "roles", or a path to one such as "realm_access.roles"`, parse: func(s string) (string, bool) {
	s = strings.TrimSpace(s)
	return s, s != "" && !strings.HasPrefix(s, ".") && !strings.HasSuffix(s, ".") && !strings.ContainsFunc(s, unicode.IsControl)
}}

func (r *reader) jwt() JWT {
	j := JWT{
		Expiration: read(r, setting{name: "JWT_EXPIRATION", def: "24h"}, duration(time.Second, 366*day)),
		JWKSURL:    read(r, setting{name: "JWT_JWKS_URL"}, absoluteURL),
		Issuer:     read(r, setting{name: "JWT_ISSUER"}, text("the iss claim")),
		Audience:   read(r, setting{name: "JWT_AUDIENCE"}, text("the aud claim")),
		RoleClaim:  read(r, setting{name: "JWT_ROLE_CLAIM"}, claimPath),
	}
	j.JWKSRootCAs = r.rootCertificatesFor("JWT_JWKS_URL", j.JWKSURL, "JWT_JWKS_SSLROOTCERT")
	j.Secret = r.tokenSecret(j.JWKSURL == "")
	if r.production && j.JWKSURL != "" && j.Audience == "" {
		r.problem(setting{name: "JWT_AUDIENCE"}, "missing; expected the audience that JWT_JWKS_URL's issuer puts into tokens for this api: what is assumed without it is the audience of \"starter token\"")
	}
	return j
}

// tokenSecret reads JWT_SECRET. More than one section may: what is wrong with it
// is said once.
func (r *reader) tokenSecret(required bool) Secret {
	set := setting{name: "JWT_SECRET", required: required, hint: "; \"openssl rand -hex 32\" prints one"}
	secret := readSecret(r, set, secretText("at least 64 characters", minJWTSecret))
	if r.production && !secret.Empty() && isRepetitive(secret.Reveal()) {
		r.problem(set, "the value (not shown) repeats itself; expected a random secret with NODE_ENV=production%s", set.hint)
	}
	return secret
}
