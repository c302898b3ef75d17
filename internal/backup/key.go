package backup

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"

	"tenant-provisioning/internal/tenant"
)

// Key is a tenant's pair of keys: whoever has it can encrypt archives of the tenant,
// and only who has BACKUP_IDENTITY can open them. Without the key nobody can.
type Key struct {
	Format       int       `json:"format"`
	Installation string    `json:"installation"`
	Tenant       tenant.ID `json:"tenantId"`
	// Recipient is the public half.
	Recipient string `json:"recipient"`
	// Sealed is the private half, encrypted to BACKUP_RECIPIENTS.
	Sealed []byte `json:"sealed"`
}

const keyType = "application/vnd.tenant-provisioning.backup-key+json"

// NewKey makes a tenant's pair. The private half is not kept but in what it returns.
func NewKey(installation string, t tenant.ID, recipients []age.Recipient) (Key, error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return Key{}, fmt.Errorf("make a tenant's backup key: %w", err)
	}
	sealed, err := seal(identity, recipients)
	if err != nil {
		return Key{}, err
	}
	return Key{Format, installation, t, identity.Recipient().String(), sealed}, nil
}

// seal encrypts a private half.
func seal(private *age.X25519Identity, recipients []age.Recipient) ([]byte, error) {
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, recipients...)
	if err == nil {
		_, err = io.WriteString(w, private.String())
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("encrypt a tenant's backup key: %w", err)
	}
	return sealed.Bytes(), nil
}

// Rewrap is the same pair with its private half encrypted to recipients, and to nobody
// else. operator opens it as it is.
func (k Key) Rewrap(operator []age.Identity, recipients []age.Recipient) (Key, error) {
	private, err := k.private(operator)
	if err != nil {
		return Key{}, err
	}
	k.Sealed, err = seal(private, recipients)
	return k, err
}

// public is the half that archives are encrypted to.
func (k Key) public() (age.Recipient, error) {
	r, err := age.ParseX25519Recipient(k.Recipient)
	if err != nil {
		return nil, fmt.Errorf("read the public half of a tenant's backup key: %w", err)
	}
	return r, nil
}

// Recipients is what archives of the tenant are encrypted to.
func (k Key) Recipients() ([]age.Recipient, error) {
	r, err := k.public()
	return []age.Recipient{r}, err
}

// Open decrypts the private half, which opens the tenant's archives.
func (k Key) Open(identities []age.Identity) ([]age.Identity, error) {
	private, err := k.private(identities)
	if err != nil {
		return nil, err
	}
	return []age.Identity{private}, nil
}

func (k Key) private(identities []age.Identity) (*age.X25519Identity, error) {
	r, err := age.Decrypt(bytes.NewReader(k.Sealed), identities...)
	if err != nil {
		if _, wrong := errors.AsType[*age.NoIdentityMatchError](err); wrong {
			return nil, fmt.Errorf("open the tenant's key: %w", ErrWrongKey)
		}
		return nil, fmt.Errorf("open the tenant's key: %w: %w", ErrAltered, err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("open the tenant's key: %w: %w", ErrAltered, err)
	}
	identity, err := age.ParseX25519Identity(string(text))
	if err != nil {
		return nil, fmt.Errorf("open the tenant's key: %w", ErrAltered)
	}
	if identity.Recipient().String() != k.Recipient {
		return nil, fmt.Errorf("open the tenant's key: its halves do not belong together: %w", ErrAltered)
	}
	return identity, nil
}

// marshal signs it for the store.
func (k Key) marshal(ring Keyring) ([]byte, error) { return ring.seal(keyType, k) }

func readKey(ring Keyring, installation string, t tenant.ID, data []byte) (Key, error) {
	payload, err := ring.open(keyType, data)
	if err != nil {
		return Key{}, err
	}
	var k Key
	if err := decode(payload, &k); err != nil {
		return Key{}, err
	}
	return k, checkOwner(Ref{Installation: installation, Tenant: t}, Ref{Installation: k.Installation, Tenant: k.Tenant})
}
