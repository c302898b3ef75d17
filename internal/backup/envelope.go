package backup

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// Keyring signs what goes into the store, and tells what of it to believe.
type Keyring struct {
	// Signing is nil in a process that makes no backups.
	Signing ed25519.PrivateKey
	// Trusted are the keys whose signature counts, beside that of Signing.
	Trusted []ed25519.PublicKey
}

// ParseSigningKey reads a signing key: 32 bytes in base64.
func ParseSigningKey(s string) (ed25519.PrivateKey, error) {
	seed, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, errors.New("must be 32 random bytes in base64, as `openssl rand -base64 32` prints them")
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// ParseVerifyKey reads the public half of a signing key: 32 bytes in base64.
func ParseVerifyKey(s string) (ed25519.PublicKey, error) {
	key, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, errors.New("must be the public half of a signing key: 32 bytes in base64")
	}
	return key, nil
}

// envelope is DSSE's (github.com/secure-systems-lab/dsse), with one signature.
type envelope struct {
	Payload     []byte      `json:"payload"`
	PayloadType string      `json:"payloadType"`
	Signatures  []signature `json:"signatures"`
}

type signature struct {
	KeyID string `json:"keyid"`
	Sig   []byte `json:"sig"`
}

func keyID(k ed25519.PublicKey) string {
	sum := sha256.Sum256(k)
	return hex.EncodeToString(sum[:8])
}

// signed is what DSSE signs: the type too, so that no document passes for one of
// another kind.
func signed(payloadType string, payload []byte) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(payload), payload)
}

// seal signs a document.
func (k Keyring) seal(payloadType string, document any) ([]byte, error) {
	if k.Signing == nil {
		return nil, errors.New("sign a backup: there is no BACKUP_SIGNING_KEY")
	}
	payload, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("sign a backup: %w", err)
	}
	return json.Marshal(envelope{payload, payloadType, []signature{{
		KeyID: keyID(k.Signing.Public().(ed25519.PublicKey)), // never another type
		Sig:   ed25519.Sign(k.Signing, signed(payloadType, payload)),
	}}})
}

// open returns a document as it was signed.
func (k Keyring) open(payloadType string, data []byte) ([]byte, error) {
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil || len(e.Signatures) != 1 {
		return nil, fmt.Errorf("%w: it is not in the form in which it was signed", ErrAltered)
	}
	// The decoder takes other cases and spaces for the same: a byte was changed all
	// the same.
	if again, err := json.Marshal(e); err != nil || !bytes.Equal(again, data) || e.PayloadType != payloadType {
		return nil, fmt.Errorf("%w: it is not in the form in which it was signed", ErrAltered)
	}
	s := e.Signatures[0]
	key := k.find(s.KeyID)
	if key == nil {
		return nil, fmt.Errorf("%w: %s", ErrUnknownSigner, s.KeyID)
	}
	if !ed25519.Verify(key, signed(payloadType, e.Payload), s.Sig) {
		return nil, fmt.Errorf("%w: its signature does not fit", ErrAltered)
	}
	return e.Payload, nil
}

func (k Keyring) find(id string) ed25519.PublicKey {
	if k.Signing != nil {
		if own, ok := k.Signing.Public().(ed25519.PublicKey); ok && keyID(own) == id {
			return own
		}
	}
	for _, key := range k.Trusted {
		if keyID(key) == id {
			return key
		}
	}
	return nil
}
