package invitation

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"

	"golang.org/x/crypto/argon2"

	"tenant-provisioning/internal/tenant"
)

// Parameters of argon2id: the first that OWASP's Password Storage Cheat Sheet
// recommends for one lane with 19 MiB of memory. They stand in each hash, so
// that a later change keeps old ones readable.
const (
	argonMemory  = 19 * 1024 // KiB
	argonTime    = 2
	argonThreads = 1
	argonKey     = 32 // bytes
	argonSalt    = 16 // bytes
)

// Hasher makes the stored form of passwords and bounds the work of it: each
// hash takes 19 MiB and some 20 ms of a core.
type Hasher struct{ slots chan struct{} }

// NewHasher makes a hasher that does at most the given number of hashes at a
// time.
func NewHasher(atOnce int) *Hasher { return &Hasher{slots: make(chan struct{}, max(1, atOnce))} }

// Hash gives the password in the PHC string format, with argon2id. It hashes
// the password's UTF-8 as it was typed. The error is tenant.ErrUnavailable when
// ctx ends before there is room.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return "", &tenant.UnavailableError{Reason: "more passwords are set than this server can hash at a time", Err: ctx.Err()}
	}
	salt := make([]byte, argonSalt)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("make a salt: %w", err)
	}
	key := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, argonKey)
	text := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads, text(salt), text(key)), nil
}
