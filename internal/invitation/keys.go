package invitation

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"

	"tenant-provisioning/internal/tenant"
)

// Secrets are what the keys of links come from.
type Secrets struct {
	// Own are the installation's own secrets for links, the one for new links
	// first. Without any Kept gives the key for new links.
	Own []string
	// Tokens is the secret that signs the api's tokens. Versions before this one
	// have derived links from it: mails under way keep them, and new links never
	// come from it. It may be empty.
	Tokens string
	// Kept reads the random key that the database keeps.
	Kept func(context.Context) ([]byte, error)
}

// Keys are the keys of links. It is safe for concurrent use.
type Keys struct {
	own    tenant.InvitationKeys
	tokens []byte // nil without a secret for tokens
	read   func(context.Context) ([]byte, error)

	mu   sync.Mutex
	kept []byte // nil until it was read
}

// NewKeys derives the keys. The database is asked when the first link is made.
func NewKeys(s Secrets) (*Keys, error) {
	k := &Keys{read: s.Kept}
	for _, secret := range s.Own {
		key, err := derive(secret)
		if err != nil {
			return nil, err
		}
		k.own = append(k.own, key)
	}
	if s.Tokens == "" {
		return k, nil
	}
	var err error
	k.tokens, err = derive(s.Tokens)
	return k, err
}

// derive makes a key of a secret, so that neither a link nor anything else made
// with the secret says something about the other.
func derive(secret string) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "tenant-provisioning invitation links", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive the key of invitation links: %w", err)
	}
	return key, nil
}

// All are the keys, the one for new links first. The error is that of Kept.
func (k *Keys) All(ctx context.Context) (tenant.InvitationKeys, error) {
	kept, err := k.fromDatabase(ctx)
	if err != nil {
		return nil, err
	}
	all := append(slices.Clone(k.own), kept)
	if k.tokens != nil {
		all = append(all, k.tokens)
	}
	return all, nil
}

func (k *Keys) fromDatabase(ctx context.Context) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kept == nil {
		kept, err := k.read(ctx)
		if err != nil {
			return nil, err
		}
		k.kept = kept
	}
	return k.kept, nil
}
