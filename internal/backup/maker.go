package backup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"filippo.io/age"

	"tenant-provisioning/internal/tenant"
)

// Database is what a Maker reads, and where it writes down what it does.
type Database interface {
	Installation(ctx context.Context) (string, error)
	ReadTenant(ctx context.Context, id tenant.ID, w *ArchiveWriter) (Manifest, error)
	ReadControl(ctx context.Context, w *ArchiveWriter) (Manifest, error)
	// WithKey gives use a tenant's key, which create makes if there is none, and has a
	// purge wait until use is done with it. ErrKeyDestroyed after a purge.
	WithKey(ctx context.Context, id tenant.ID, create func() (Key, error), use func(Key) error) error
	// DestroyKey destroys that key, and makes the tenant's backups nobody's, once before
	// has returned nil. It is called while the purge holds its operation.
	DestroyKey(ctx context.Context, f tenant.Fence, before func() error) error
	Begin(ctx context.Context, ref Ref) error
	// Good is ErrLost where the backup is nobody's any more. In the same commit it marks
	// the tenant done in the fleet run of f, if there is one; so does Nothing, where
	// there is nothing to back up.
	Good(ctx context.Context, f tenant.FleetFence, m Manifest) error
	Nothing(ctx context.Context, f tenant.FleetFence) error
	Failed(ctx context.Context, id ID, reason string) error
	Find(ctx context.Context, id ID) (Record, error)
	Verified(ctx context.Context, id ID, refusal error) error
	// Expire picks backups that the store is to lose, Gone forgets them.
	Expire(ctx context.Context, limit int) ([]Record, error)
	Gone(ctx context.Context, id ID) error
}

// Maker makes backups, verifies them and removes them: what is in the store and what
// the database says of it, in the order in which neither ever promises too much.
type Maker struct {
	Store    *Store
	Database Database
	// Recipients can open tenants' keys and the control tables' archives.
	Recipients []age.Recipient
}

// Tenant makes a backup of a tenant of a fleet run, or of none. A tenant of which there
// is nothing to back up (any more) is passed over: the manifest is empty then. It may
// be repeated at any time: each attempt is a backup of its own.
func (m *Maker) Tenant(ctx context.Context, f tenant.FleetFence) (Manifest, error) {
	made, err := m.tenant(ctx, f)
	if errors.Is(err, tenant.ErrNotFound) || errors.Is(err, ErrKeyDestroyed) || errors.Is(err, ErrLost) {
		return Manifest{}, m.Database.Nothing(ctx, f)
	}
	return made, Explain(err)
}

func (m *Maker) tenant(ctx context.Context, f tenant.FleetFence) (Manifest, error) {
	installation, err := m.Database.Installation(ctx)
	if err != nil {
		return Manifest{}, err
	}
	recipients, err := m.recipients(ctx, installation, f.Tenant)
	if err != nil {
		return Manifest{}, err
	}
	return m.make(ctx, Ref{Installation: installation, Tenant: f.Tenant}, f, recipients, func(w *ArchiveWriter) (Manifest, error) {
		return m.Database.ReadTenant(ctx, f.Tenant, w)
	})
}

// Control makes a backup of the control tables.
func (m *Maker) Control(ctx context.Context) (Manifest, error) {
	installation, err := m.Database.Installation(ctx)
	if err != nil {
		return Manifest{}, err
	}
	made, err := m.make(ctx, Ref{Installation: installation}, tenant.FleetFence{}, m.Recipients, func(w *ArchiveWriter) (Manifest, error) {
		return m.Database.ReadControl(ctx, w)
	})
	return made, Explain(err)
}

// recipients is the public half of the tenant's key, once both halves are where they
// must be. A key that only the store has comes from before the database was restored.
func (m *Maker) recipients(ctx context.Context, installation string, id tenant.ID) (recipients []age.Recipient, err error) {
	create := func() (Key, error) {
		key, err := m.Store.Key(ctx, installation, id)
		if !errors.Is(err, ErrNoKey) {
			return key, err
		}
		return NewKey(installation, id, m.Recipients)
	}
	err = m.Database.WithKey(ctx, id, create, func(key Key) error {
		stored, err := m.Store.Key(ctx, installation, id)
		switch {
		case errors.Is(err, ErrNoKey):
			err = m.Store.PutKey(ctx, key)
		case err == nil && stored.Recipient != key.Recipient:
			err = fmt.Errorf("the store has another key of tenant %s than the database: %w", id, ErrAltered)
		}
		if err != nil {
			return err
		}
		recipients, err = key.Recipients()
		return err
	})
	return recipients, err
}

func (m *Maker) make(ctx context.Context, ref Ref, f tenant.FleetFence, recipients []age.Recipient, fill func(*ArchiveWriter) (Manifest, error)) (made Manifest, err error) {
	if ref.ID, err = NewID(); err != nil {
		return Manifest{}, err
	}
	if err := m.Database.Begin(ctx, ref); err != nil {
		return Manifest{}, err
	}
	made, err = m.Store.Write(ctx, ref, recipients, fill)
	if err == nil {
		err = m.Database.Good(ctx, f, made)
	}
	if err != nil {
		return Manifest{}, m.giveUp(ctx, ref, err)
	}
	return made, nil
}

// giveUp says why a backup came to nothing. What the store has of it the next sweep
// removes, but for what is nobody's: no row leads to it any more.
func (m *Maker) giveUp(ctx context.Context, ref Ref, err error) error {
	ctx = context.WithoutCancel(ctx)
	if errors.Is(err, ErrLost) {
		return errors.Join(err, m.Store.Delete(ctx, ref))
	}
	return errors.Join(err, m.Database.Failed(ctx, ref.ID, err.Error()))
}

// sweepPage is how many backups are picked at a time.
const sweepPage = 100

// Sweep deletes what is too old, what failed and what a purge has left, and tells how
// many backups that were. Repeated after an error it goes on.
func (m *Maker) Sweep(ctx context.Context) (int, error) {
	n, err := m.sweep(ctx)
	return n, Explain(err)
}

func (m *Maker) sweep(ctx context.Context) (int, error) {
	installation, err := m.Database.Installation(ctx)
	if err != nil {
		return 0, err
	}
	for n := 0; ; {
		old, err := m.Database.Expire(ctx, sweepPage)
		if err != nil || len(old) == 0 {
			return n, err
		}
		for _, r := range old {
			if err := m.Store.Delete(ctx, Ref{r.ID, installation, r.Tenant}); err != nil {
				return n, err
			}
			if err := m.Database.Gone(ctx, r.ID); err != nil {
				return n, err
			}
			n++
		}
	}
}

// Destroy has nothing bring a tenant's data back: its key goes, in the database and in
// the store, and then its backups. Before anything of it goes the store has the tenant's
// tombstone.
func (m *Maker) Destroy(ctx context.Context, f tenant.Fence) error {
	installation, err := m.Database.Installation(ctx)
	if err != nil {
		return err
	}
	err = m.Database.DestroyKey(ctx, f, func() error {
		return Explain(m.Store.PutTombstone(ctx, Tombstone{Installation: installation, Tenant: f.Tenant, Operation: f.Operation, At: time.Now().UTC()}))
	})
	if err != nil {
		return err
	}
	_, err = m.Store.DeleteTenant(ctx, f.Tenant)
	return Explain(err)
}

// Verify reads a backup whole, as whoever restores it would, and writes down what it
// finds. The error of a backup that is refused is Refused.
func (m *Maker) Verify(ctx context.Context, id ID, operator []age.Identity) (Manifest, error) {
	record, err := m.Database.Find(ctx, id)
	if err != nil {
		return Manifest{}, err
	}
	installation, err := m.Database.Installation(ctx)
	if err != nil {
		return Manifest{}, err
	}
	made, err := m.verify(ctx, Ref{id, installation, record.Tenant}, operator)
	if err != nil && !Spoiled(err) {
		return Manifest{}, Explain(err) // it says nothing of the backup
	}
	return made, errors.Join(err, m.Database.Verified(ctx, id, err))
}

func (m *Maker) verify(ctx context.Context, ref Ref, operator []age.Identity) (Manifest, error) {
	identities, err := m.Store.identities(ctx, ref.Installation, ref.Tenant, operator)
	if err != nil {
		return Manifest{}, err
	}
	return m.Store.Verify(ctx, ref, identities)
}
