package backup

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"tenant-provisioning/internal/tenant"
)

// Tombstone says that a tenant is purged. It is written before anything of the tenant is
// destroyed and never deleted, so that whoever restores an older state of the control
// tables knows whom they must not bring back.
type Tombstone struct {
	Format       int                `json:"format"`
	Installation string             `json:"installation"`
	Tenant       tenant.ID          `json:"tenantId"`
	Operation    tenant.OperationID `json:"operationId"`
	At           time.Time          `json:"at"`
}

const (
	tombstoneType = "application/vnd.tenant-provisioning.tombstone+json"
	tombstones    = "tombstones/"
)

// PutTombstone writes a tenant's tombstone. One that is there stays: it says when the
// purge began.
func (s *Store) PutTombstone(ctx context.Context, t Tombstone) error {
	key := tombstones + string(t.Tenant)
	data, err := s.document(ctx, key)
	if err == nil {
		_, err = s.readTombstone(t.Tenant, data)
		return err
	}
	if !absent(err) {
		return err
	}
	t.Format = Format
	if data, err = s.ring.seal(tombstoneType, t); err != nil {
		return err
	}
	return s.putDocument(ctx, key, data)
}

// Tombstones are those of an installation. One that is refused ends the list with an
// error: without it a purged tenant would come back.
func (s *Store) Tombstones(ctx context.Context, installation string) iter.Seq2[Tombstone, error] {
	return func(yield func(Tombstone, error) bool) {
		for key, err := range s.keys(ctx, tombstones) {
			var t Tombstone
			if err == nil {
				t, err = s.tombstone(ctx, key)
			}
			if err == nil && t.Installation != installation {
				continue
			}
			if !yield(t, err) || err != nil {
				return
			}
		}
	}
}

func (s *Store) tombstone(ctx context.Context, key string) (Tombstone, error) {
	id, err := tenant.ParseID(strings.TrimPrefix(key, tombstones))
	if err != nil {
		return Tombstone{}, fmt.Errorf("read %s from the backup store: it is no tenant's: %w", key, errors.Join(ErrAltered, err))
	}
	data, err := s.document(ctx, key)
	if err != nil {
		return Tombstone{}, err
	}
	t, err := s.readTombstone(id, data)
	if err != nil {
		return Tombstone{}, fmt.Errorf("read %s from the backup store: %w", key, err)
	}
	return t, nil
}

func (s *Store) readTombstone(of tenant.ID, data []byte) (t Tombstone, err error) {
	payload, err := s.ring.open(tombstoneType, data)
	if err != nil {
		return Tombstone{}, err
	}
	if err := decode(payload, &t); err != nil {
		return Tombstone{}, err
	}
	return t, checkOwner(Ref{Installation: t.Installation, Tenant: of}, Ref{Installation: t.Installation, Tenant: t.Tenant})
}
