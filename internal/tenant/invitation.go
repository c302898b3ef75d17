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

// Invitation is the link for a tenant's mail. effect is the key of the step that
// sends it.
func (k InvitationKeys) Invitation(effect string, t Tenant, ttl time.Duration) Invitation {
	hashes := make([][]byte, len(k))
	for i, key := range k {
		hashes[i] = HashToken(InvitationToken(key, effect, t.Administrator.Email))
	}
	return Invitation{TokenHash: hashes[0], Earlier: hashes[1:], TTL: ttl}
}

// Token is the one of the link that a mail has: of an earlier key, if that was
// there before.
func (k InvitationKeys) Token(effect string, w Email) string {
	address := w.Tenant.Administrator.Email
	for _, key := range k {
		if token := InvitationToken(key, effect, address); bytes.Equal(HashToken(token), w.TokenHash) {
			return token
		}
	}
	return InvitationToken(k[0], effect, address)
}

// InvitationToken derives the token of a link from the key of the step that mails
// it (Fence.Key) and the address. A mail that must be repeated carries the same
// token; one to a corrected address, or of a later invitation, carries another. It
// is 256 bits of HMAC-SHA-256: without the key it cannot be guessed.
func InvitationToken(key []byte, effect, address string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(effect + "/" + strings.ToLower(address)))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// HashToken is what the database keeps of a token.
func HashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
