package postgres_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/tenant"
)

func (b backupBundle) maker() *backup.Maker {
	return &backup.Maker{Store: b.store, Database: b.backups, Recipients: []age.Recipient{b.operator.Recipient()}}
}

// files are those of the store that are a tenant's, but for its tombstone.
func (b backupBundle) files(t *testing.T, id tenant.ID) (found []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		if !d.IsDir() && strings.Contains(path, string(id)) && !strings.Contains(path, "/tombstones/") {
			found = append(found, path)
		}
		return nil
	}))
	return found
}

func TestABackupOfEveryTenantAndOfTheControlTables(t *testing.T) {
	t.Parallel()
	b := setupBackups(t)
	m := b.maker()
	operator := []age.Identity{b.operator}
	one, _ := b.active(t, "one")
	two, schema := b.active(t, "two")
	for _, f := range []tenant.Fence{one, two} {
		made, err := m.Tenant(b.ctx, tenant.FleetFence{Tenant: f.Tenant})
		require.NoError(t, err)
		verified, err := m.Verify(b.ctx, made.ID, operator)
		require.NoError(t, err)
		require.Equal(t, made.Tables, verified.Tables)
		_, err = b.store.Verify(b.ctx, made.Ref(), operator)
		require.ErrorIs(t, err, backup.ErrWrongKey, "it takes the tenant's key")
	}
	control, err := m.Control(b.ctx)
	require.NoError(t, err)
	_, err = m.Verify(b.ctx, control.ID, operator)
	require.NoError(t, err)
	all, err := b.backups.List(b.ctx, "", 10)
	require.NoError(t, err)
	require.Len(t, all, 3)
	for _, r := range all {
		require.Equal(t, backup.Good, r.State)
		require.Positive(t, r.Bytes)
		require.NotNil(t, r.VerifiedAt)
	}

	// Of a broken tenant nothing is left that counts, and the others are as they were.
	b.exec(t, `DROP SCHEMA `+pgx.Identifier{schema}.Sanitize()+` CASCADE`)
	none, err := m.Tenant(b.ctx, tenant.FleetFence{Tenant: two.Tenant})
	require.NoError(t, err)
	require.Empty(t, none.ID)
	all, err = b.backups.List(b.ctx, two.Tenant, 10)
	require.NoError(t, err)
	require.Equal(t, []backup.State{backup.Failed, backup.Good}, []backup.State{all[0].State, all[1].State})
	n, err := m.Sweep(b.ctx)
	require.NoError(t, err)
	require.Equal(t, 1, n)

	// One byte, and a verification says so for good.
	archive := filepath.Join(b.dir, "tenants", string(two.Tenant), string(all[1].ID), "archive")
	whole, err := os.ReadFile(archive)
	require.NoError(t, err)
	whole[len(whole)/2] ^= 1
	require.NoError(t, os.WriteFile(archive, whole, 0o600))
	_, err = m.Verify(b.ctx, all[1].ID, operator)
	require.ErrorIs(t, err, backup.ErrAltered)
	r, err := b.backups.Find(b.ctx, all[1].ID)
	require.NoError(t, err)
	require.Equal(t, backup.Broken, r.State)
}

func (b backupBundle) tombstones(t *testing.T) (of []tenant.ID) {
	t.Helper()
	installation, err := b.backups.Installation(b.ctx)
	require.NoError(t, err)
	for one, err := range b.store.Tombstones(b.ctx, installation) {
		require.NoError(t, err)
		of = append(of, one.Tenant)
	}
	return of
}

func TestDestroyLeavesNothingToRestore(t *testing.T) {
	t.Parallel()
	b := setupBackups(t)
	m := b.maker()
	f, _ := b.active(t, "to be purged")
	other, _ := b.active(t, "to stay")
	for range 2 {
		_, err := m.Tenant(b.ctx, tenant.FleetFence{Tenant: f.Tenant})
		require.NoError(t, err)
	}
	_, err := m.Tenant(b.ctx, tenant.FleetFence{Tenant: other.Tenant})
	require.NoError(t, err)
	require.Len(t, b.files(t, f.Tenant), 5, "a key, two archives, two manifests")
	late := f
	late.Run = "of an attempt that was taken over"
	require.ErrorIs(t, m.Destroy(b.ctx, late), tenant.ErrSuperseded)
	require.Empty(t, b.tombstones(t), "whoever may not destroy says nothing of it either")
	require.NoError(t, m.Destroy(b.ctx, f))
	require.Empty(t, b.files(t, f.Tenant))
	require.Equal(t, []tenant.ID{f.Tenant}, b.tombstones(t))
	require.Len(t, b.files(t, other.Tenant), 3)
	none, err := m.Tenant(b.ctx, tenant.FleetFence{Tenant: f.Tenant})
	require.NoError(t, err)
	require.Empty(t, none.ID, "its key was destroyed")
	require.Empty(t, b.files(t, f.Tenant))
	_, err = m.Sweep(b.ctx)
	require.NoError(t, err)
	require.NoError(t, m.Destroy(b.ctx, f), "a repetition")
	var removed string
	require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT removed->>'backups' || ' ' || (removed->>'backupKey') FROM operations WHERE id = $1`, string(f.Operation)).Scan(&removed))
	require.Equal(t, "2 true", removed)
}

// A database that was restored takes its tenants' keys from the store: with another one
// the archives from before could be opened, and those from now on not by the same.
func TestAKeyThatOnlyTheStoreHasIsTaken(t *testing.T) {
	t.Parallel()
	b := setupBackups(t)
	m := b.maker()
	f, _ := b.active(t, "restored")
	before, err := m.Tenant(b.ctx, tenant.FleetFence{Tenant: f.Tenant})
	require.NoError(t, err)
	b.exec(t, `DELETE FROM backup_keys`)
	after, err := m.Tenant(b.ctx, tenant.FleetFence{Tenant: f.Tenant})
	require.NoError(t, err)
	for _, made := range []backup.Manifest{before, after} {
		_, err = m.Verify(b.ctx, made.ID, []age.Identity{b.operator})
		require.NoError(t, err)
	}
}
