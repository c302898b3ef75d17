package backup_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/backup"
)

func tombstones(t *testing.T, s *backup.Store) (all []backup.Tombstone, err error) {
	t.Helper()
	for one, err := range s.Tombstones(t.Context(), installation) {
		if err != nil {
			return all, err
		}
		all = append(all, one)
	}
	return all, nil
}

// TestATombstoneIsWrittenOnceAndBelievedOnlyAsItWasSigned: one that somebody has altered,
// or put in another's place, ends the list, so that nobody goes live past it.
func TestATombstoneIsWrittenOnceAndBelievedOnlyAsItWasSigned(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := backup.Tombstone{Format: backup.Format, Installation: installation, Tenant: b.key.Tenant, Operation: "op-1", At: time.Date(2026, 11, 30, 2, 0, 0, 0, time.UTC)}
	require.NoError(t, b.store.PutTombstone(t.Context(), first))
	later := first
	later.Operation, later.At = "op-2", first.At.Add(time.Hour)
	require.NoError(t, b.store.PutTombstone(t.Context(), later), "a repetition")
	elsewhere := backup.Tombstone{Installation: "another", Tenant: newTenant(t), At: first.At}
	require.NoError(t, b.store.PutTombstone(t.Context(), elsewhere))
	got, err := tombstones(t, b.store)
	require.NoError(t, err)
	require.Equal(t, []backup.Tombstone{first}, got)

	_, err = b.store.DeleteTenant(t.Context(), b.key.Tenant)
	require.NoError(t, err)
	got, err = tombstones(t, b.store)
	require.NoError(t, err)
	require.Len(t, got, 1, "it outlives what it is about")

	_, other, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	_, err = tombstones(t, b.open(t, backup.Keyring{Signing: other}))
	require.ErrorIs(t, err, backup.ErrUnknownSigner)

	path := b.dir + "/tombstones/" + string(b.key.Tenant)
	signed, err := os.ReadFile(path)
	require.NoError(t, err)
	moved := b.dir + "/tombstones/" + string(newTenant(t))
	require.NoError(t, os.WriteFile(moved, signed, 0o600))
	_, err = tombstones(t, b.store)
	require.ErrorIs(t, err, backup.ErrOtherTenant)
	require.NoError(t, os.Remove(moved))

	signed[len(signed)/2] ^= 1
	require.NoError(t, os.WriteFile(path, signed, 0o600))
	_, err = tombstones(t, b.store)
	require.ErrorIs(t, err, backup.ErrAltered)
}
