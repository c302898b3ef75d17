package backup

import (
	"context"
	"errors"
	"fmt"

	"filippo.io/age"

	"tenant-provisioning/internal/tenant"
)

// KeyDatabase is where the database has the tenants' keys.
type KeyDatabase interface {
	Installation(ctx context.Context) (string, error)
	// KeyHolders are the tenants that may have a key.
	KeyHolders(ctx context.Context) ([]tenant.ID, error)
	// ReplaceKey has a tenant's key be what replace makes of it, which is told nil where the
	// database has none, and returns nil where there is none to be had. A purge waits for
	// it; after one the error is ErrKeyDestroyed.
	ReplaceKey(ctx context.Context, id tenant.ID, replace func(*Key) (*Key, error)) error
}

// Rewrapper encrypts the tenants' private keys anew when BACKUP_RECIPIENTS has changed.
// Archives stay as they are: they are encrypted to the tenants' public keys.
type Rewrapper struct {
	Store    *Store
	Database KeyDatabase
	// Recipients can open the keys afterwards, and nobody else can.
	Recipients []age.Recipient
	// Operator opens them as they are, and as they will be (BACKUP_IDENTITY).
	Operator []age.Identity
}

// Rewrapped is what has become of the keys.
type Rewrapped struct {
	Done int
	// Failed are the tenants whose key is as it was, and why.
	Failed map[tenant.ID]string
}

// ErrUnopened is a BACKUP_RECIPIENTS whose private half nobody has shown to have.
var ErrUnopened = errors.New("BACKUP_IDENTITY does not open what is encrypted to BACKUP_RECIPIENTS, and the keys would be lost; give it the new private key beside the one before, comma-separated")

// Rewrap does so with every key, in the store and in the database. A key that cannot be
// opened does not keep the others from it; interrupted, it may be repeated at any time.
// report is told of each tenant that was looked at.
func (r *Rewrapper) Rewrap(ctx context.Context, report func(done, of int)) (out Rewrapped, err error) {
	if err := r.try(); err != nil {
		return out, err
	}
	installation, err := r.Database.Installation(ctx)
	if err != nil {
		return out, err
	}
	holders, err := r.Database.KeyHolders(ctx)
	if err != nil {
		return out, err
	}
	out.Failed = map[tenant.ID]string{}
	for n, id := range holders {
		done, err := r.rewrap(ctx, installation, id)
		switch {
		case err == nil && done:
			out.Done++
		case err == nil || errors.Is(err, ErrKeyDestroyed): // it has none, or none any more
		case Refused(err):
			out.Failed[id] = err.Error()
		default:
			return out, err
		}
		report(n+1, len(holders))
	}
	return out, nil
}

// try makes a key that nobody uses, which Operator must be able to open.
func (r *Rewrapper) try() error {
	key, err := NewKey("", "", r.Recipients)
	if err != nil {
		return fmt.Errorf("encrypt to BACKUP_RECIPIENTS: %w", err)
	}
	if _, err := key.Open(r.Operator); err != nil {
		return ErrUnopened
	}
	return nil
}

// rewrap changes the store before the database. Whichever a crash leaves as it was is the
// same pair, and the next attempt changes both.
func (r *Rewrapper) rewrap(ctx context.Context, installation string, id tenant.ID) (done bool, err error) {
	err = r.Database.ReplaceKey(ctx, id, func(row *Key) (*Key, error) {
		stored, err := r.Store.Key(ctx, installation, id)
		switch {
		case err != nil && !errors.Is(err, ErrNoKey):
			return nil, err
		case err != nil && row == nil:
			return nil, nil //nolint:nilnil // there is no key, which is no error
		case err == nil && row != nil && stored.Recipient != row.Recipient:
			return nil, fmt.Errorf("the store has another key of tenant %s than the database: %w", id, ErrAltered)
		case row != nil:
			stored = *row
		}
		key, err := stored.Rewrap(r.Operator, r.Recipients)
		if err != nil {
			return nil, err
		}
		done = true
		return &key, r.Store.PutKey(ctx, key)
	})
	return done && err == nil, err
}
