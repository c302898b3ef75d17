package tenant

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"
)

// Invitation is the one-time link of a welcome mail as the database keeps it:
// the hash of its token and how long it lasts.
type Invitation struct {
	TokenHash []byte
	// Earlier are the hashes of tokens that other keys give for the same mail. A
	// link with one of them that is still good, or was used, is the mail's.
	Earlier [][]byte
	TTL     time.Duration
}

// InvitationKeys derive the tokens of welcome links: the first those of new
// links, the others those of links that were mailed before the first one was
// used.
type InvitationKeys [][]byte

// Invitation is the link for a tenant's mail.
func (k InvitationKeys) Invitation(t Tenant, ttl time.Duration) Invitation {
	hashes := make([][]byte, len(k))
	for i, key := range k {
		hashes[i] = HashToken(InvitationToken(key, t))
	}
	return Invitation{TokenHash: hashes[0], Earlier: hashes[1:], TTL: ttl}
}

// Token is the one of the link that a mail has: of an earlier key, if that was
// there before.
func (k InvitationKeys) Token(w Email) string {
	for _, key := range k {
		if token := InvitationToken(key, w.Tenant); bytes.Equal(HashToken(token), w.TokenHash) {
			return token
		}
	}
	return InvitationToken(k[0], w.Tenant)
}

// InvitationToken derives the token of a tenant's welcome link. A mail that
// must be repeated carries the same token; one to a corrected address carries
// another. It is 256 bits of HMAC-SHA-256: without the key it cannot be
// guessed.
func InvitationToken(key []byte, t Tenant) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(EffectKey(t.ID, t.Generation, StepSendWelcomeEmail) + "/" + strings.ToLower(t.Administrator.Email)))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// HashToken is what the database keeps of a token.
func HashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
