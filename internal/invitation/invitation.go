package invitation

import (
	"errors"
	"time"

	"tenant-provisioning/internal/tenant"
)

// What keeps a link from working. An unknown link is tenant.ErrNotFound.
var (
	// ErrUsed is a link by which a password was set already.
	ErrUsed = errors.New("the invitation was used")
	// ErrExpired is a link whose time is over.
	ErrExpired = errors.New("the invitation has expired")
	// ErrClosed is a link to a tenant that is not in use: suspended, archived
	// or deleted.
	ErrClosed = errors.New("the invitation's tenant is not in use")
)

// Invitation is one person's link to one tenant.
type Invitation struct {
	// TenantName is the name of the hospital or practice.
	TenantName string
	FirstName  string
	LastName   string
	// Email is what the invited person signs in with.
	Email     string
	ExpiresAt time.Time
}

// maxTokenLength bounds what is hashed: a token of ours has less than half of
// it.
const maxTokenLength = 128

// TokenHash is what the database keeps of a link's token. It is nil for text
// that is no token, which matches nothing.
func TokenHash(token string) []byte {
	if len(token) < 16 || len(token) > maxTokenLength {
		return nil
	}
	for _, c := range []byte(token) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return nil
		}
	}
	return tenant.HashToken(token)
}
