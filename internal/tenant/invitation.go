package tenant

import (
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
	TTL       time.Duration
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
