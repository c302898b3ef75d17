// Package token makes and checks the bearer tokens of the API: JSON Web Tokens
// that say who calls and which of three roles the caller has.
//
// Tokens of our own are signed with HS256 and one shared secret; those of an
// identity provider are checked against the keys that it publishes. Nothing
// else is accepted, whatever a token's header asks for.
package token
