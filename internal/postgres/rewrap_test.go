package postgres_test

import (
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/backup"
)

// TestKeysAreRewrapped: whoever has the new private key alone opens the backups from
// before, and whoever has the old one alone opens none. Nobody's key is encrypted to a
// recipient whose private half nobody has.
func TestKeysAreRewrapped(t *testing.T) {
	t.Parallel()
	b := setupBackups(t)
	x, m := b.backedUp(t, "rewrapped")
	_, _ = b.backedUp(t, "foreign")
	newer, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	r := &backup.Rewrapper{
		Store: b.store, Database: b.backups, Recipients: []age.Recipient{newer.Recipient()}, Operator: []age.Identity{b.operator},
	}
	rewrap := func() backup.Rewrapped {
		t.Helper()
		looked := 0
		done, err := r.Rewrap(b.ctx, func(done, of int) {
			looked++
			require.Equal(t, looked, done)
			require.Equal(t, 2, of)
		})
		require.NoError(t, err)
		return done
	}
	opens := func(identity age.Identity) error {
		_, archive, err := b.store.OpenAs(b.ctx, m.Ref(), []age.Identity{identity})
		if err != nil {
			return err
		}
		return archive.Close()
	}
	_, err = r.Rewrap(b.ctx, nil)
	require.ErrorIs(t, err, backup.ErrUnopened)
	require.NoError(t, opens(b.operator), "nothing was changed")

	r.Operator = []age.Identity{b.operator, newer}
	for range 2 { // it may be repeated
		require.Equal(t, 2, rewrap().Done)
		require.NoError(t, opens(newer))
		require.ErrorIs(t, opens(b.operator), backup.ErrWrongKey)
	}
	var sealed []byte
	require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT sealed FROM backup_keys WHERE tenant_id = $1`, string(x.ID)).Scan(&sealed))
	stored, err := b.store.Key(b.ctx, m.Installation, x.ID)
	require.NoError(t, err)
	require.Equal(t, stored.Sealed, sealed, "the database has what the store has")

	b.exec(t, `DELETE FROM backup_keys WHERE tenant_id = '`+string(x.ID)+`'`) // as after a restore
	r.Recipients = []age.Recipient{b.operator.Recipient()}
	require.Equal(t, 2, rewrap().Done)
	require.NoError(t, opens(b.operator))

	b.exec(t, `UPDATE backup_keys SET recipient = NULL, sealed = NULL, destroyed_at = now() WHERE tenant_id <> '`+string(x.ID)+`'`) // as by a purge
	r.Operator = []age.Identity{newer}
	r.Recipients = []age.Recipient{newer.Recipient()}
	done, err := r.Rewrap(b.ctx, func(int, int) {})
	require.NoError(t, err)
	require.Zero(t, done.Done)
	require.Len(t, done.Failed, 1)
	require.Contains(t, done.Failed[x.ID], backup.ErrWrongKey.Error())
	require.NoError(t, opens(b.operator), "what was not opened is as it was")
}
