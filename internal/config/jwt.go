package config

import "time"

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
	// Issuer and Audience, when set, must be those of the token (JWT_ISSUER,
	// JWT_AUDIENCE).
	Issuer, Audience string
}

func (r *reader) jwt() JWT {
	j := JWT{
		Expiration: read(r, setting{name: "JWT_EXPIRATION", def: "24h"}, duration(time.Second, 366*day)),
		JWKSURL:    read(r, setting{name: "JWT_JWKS_URL"}, absoluteURL),
		Issuer:     read(r, setting{name: "JWT_ISSUER"}, text("the iss claim")),
		Audience:   read(r, setting{name: "JWT_AUDIENCE"}, text("the aud claim")),
	}
	set := setting{
		name: "JWT_SECRET", required: j.JWKSURL == "",
		hint: "; \"openssl rand -hex 32\" prints one",
	}
	j.Secret = readSecret(r, set, secretText("at least 64 characters", minJWTSecret))
	if r.production && !j.Secret.Empty() && isRepetitive(j.Secret.Reveal()) {
		r.problem(set, "the value (not shown) repeats itself; expected a random secret with NODE_ENV=production%s", set.hint)
	}
	if r.production && j.JWKSURL != "" && j.Audience == "" {
		r.problem(setting{name: "JWT_AUDIENCE"}, "missing; expected the audience that JWT_JWKS_URL's issuer puts into tokens for this api: without it a token for any other service is accepted")
	}
	return j
}
