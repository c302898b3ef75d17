package postgres_test

import (
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/tenant"
)

func (b backupBundle) newKey(t *testing.T, id tenant.ID) func() (backup.Key, error) {
	t.Helper()
	return func() (backup.Key, error) {
		installation, err := b.backups.Installation(b.ctx)
		require.NoError(t, err)
		return backup.NewKey(installation, id, []age.Recipient{b.operator.Recipient()})
	}
}

func nothingBefore() error { return nil }

func TestAKeyIsMadeOnceAndDestroyedForGood(t *testing.T) {
	t.Parallel()
	b := setupBackups(t)
	f, _ := b.active(t, "keyed")
	take := func() (k backup.Key, err error) {
		err = b.backups.WithKey(b.ctx, f.Tenant, b.newKey(t, f.Tenant), func(got backup.Key) error { k = got; return nil })
		return k, err
	}
	first, err := take()
	require.NoError(t, err)
	again, err := take()
	require.NoError(t, err)
	require.Equal(t, first, again)
	_, err = again.Open([]age.Identity{b.operator})
	require.NoError(t, err)

	// A purge waits for whoever uses the key.
	destroyed := make(chan error, 1)
	require.NoError(t, b.backups.WithKey(b.ctx, f.Tenant, nil, func(backup.Key) error {
		go func() { destroyed <- b.backups.DestroyKey(b.ctx, f, nothingBefore) }()
		require.Eventually(t, func() bool {
			var waits bool
			require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database()))`).Scan(&waits))
			return waits
		}, time.Minute, 10*time.Millisecond)
		return nil
	}))
	require.NoError(t, <-destroyed)
	_, err = take()
	require.ErrorIs(t, err, backup.ErrKeyDestroyed)
	require.NoError(t, b.backups.DestroyKey(b.ctx, f, nothingBefore), "a repetition")

	never, _ := b.active(t, "never backed up")
	require.NoError(t, b.backups.DestroyKey(b.ctx, never, nothingBefore))
	require.ErrorIs(t, b.backups.WithKey(b.ctx, never.Tenant, b.newKey(t, never.Tenant), func(backup.Key) error { return nil }), backup.ErrKeyDestroyed)
}

// record writes down a good backup of some age.
func (b backupBundle) record(t *testing.T, id tenant.ID, old time.Duration) backup.ID {
	t.Helper()
	made, err := backup.NewID()
	require.NoError(t, err)
	ref := backup.Ref{ID: made, Tenant: id}
	require.NoError(t, b.backups.Begin(b.ctx, ref))
	require.NoError(t, b.backups.Good(b.ctx, tenant.FleetFence{}, backup.Manifest{ID: made, Tenant: id, TakenAt: time.Now().Add(-old)}))
	return made
}

func TestRetentionLeavesTheLastGoodOne(t *testing.T) {
	t.Parallel()
	b := setupBackups(t)
	const old = backup.Retention + time.Hour
	living, _ := b.active(t, "living")
	dead, _ := b.active(t, "dead")
	held, _ := b.active(t, "held")
	want := map[backup.ID]string{}
	expire := func(id backup.ID, why string) { want[id] = why }
	expire(b.record(t, living.Tenant, old+2*time.Hour), "older than the last one")
	b.record(t, living.Tenant, old) // the last good one
	broken := b.record(t, living.Tenant, time.Hour)
	require.NoError(t, b.backups.Verified(b.ctx, broken, backup.ErrAltered))
	expire(b.record(t, dead.Tenant, old), "purged")
	b.record(t, dead.Tenant, time.Hour)
	b.record(t, held.Tenant, old+time.Hour)
	b.record(t, held.Tenant, old)
	expire(b.record(t, "", old+time.Hour), "older than the last of the control tables")
	b.record(t, "", old)
	b.exec(t, `UPDATE tenants SET status = 'DELETED', name_held = false, admin_email = NULL, admin_first_name = NULL, admin_last_name = NULL WHERE name = 'dead';
		UPDATE tenants SET legal_hold = '{}' WHERE name = 'held'`)
	lost, err := backup.NewID()
	require.NoError(t, err)
	require.NoError(t, b.backups.Begin(b.ctx, backup.Ref{ID: lost, Tenant: held.Tenant}))
	b.record(t, held.Tenant, 0) // begins after the other was lost
	expire(lost, "its worker was lost")
	require.ErrorIs(t, b.backups.Good(b.ctx, tenant.FleetFence{}, backup.Manifest{ID: lost}), backup.ErrLost)

	got, err := b.backups.Expire(b.ctx, 100)
	require.NoError(t, err)
	for _, r := range got {
		require.Contains(t, want, r.ID, "%+v", r)
		require.NoError(t, b.backups.Gone(b.ctx, r.ID))
	}
	require.Len(t, got, len(want))
	got, err = b.backups.Expire(b.ctx, 100)
	require.NoError(t, err)
	require.Empty(t, got)

	all, err := b.backups.List(b.ctx, living.Tenant, 10)
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, backup.Broken, all[0].State)
	require.Equal(t, backup.ErrAltered.Error(), all[0].Error)
	one, err := b.backups.Find(b.ctx, all[1].ID)
	require.NoError(t, err)
	require.Equal(t, all[1], one)
	_, err = b.backups.Find(b.ctx, lost)
	require.ErrorIs(t, err, tenant.ErrNotFound)
}

// A purge makes everything that the tenant has nobody's, also what is being written.
func TestAPurgeEndsABackupUnderWay(t *testing.T) {
	t.Parallel()
	b := setupBackups(t)
	f, _ := b.active(t, "purged meanwhile")
	done := b.record(t, f.Tenant, time.Hour)
	id, err := backup.NewID()
	require.NoError(t, err)
	require.NoError(t, b.backups.Begin(b.ctx, backup.Ref{ID: id, Tenant: f.Tenant}))
	require.NoError(t, b.backups.DestroyKey(b.ctx, f, nothingBefore))
	require.ErrorIs(t, b.backups.Good(b.ctx, tenant.FleetFence{}, backup.Manifest{ID: id, Tenant: f.Tenant}), backup.ErrLost)
	gone, err := b.backups.Expire(b.ctx, 10)
	require.NoError(t, err)
	require.ElementsMatch(t, []backup.ID{done, id}, []backup.ID{gone[0].ID, gone[1].ID})
}

// How old backups are is told of what must have one: a tenant that is purged, or was
// never active, is not.
func TestHowOldBackupsAre(t *testing.T) {
	t.Parallel()
	b := setupBackups(t)
	standing := func() tenant.StandingBackups {
		s, err := b.backups.Standing(b.ctx)
		require.NoError(t, err)
		return s
	}
	about := func(want, got time.Duration) {
		t.Helper()
		require.InDelta(t, want.Seconds(), got.Seconds(), 60)
	}
	late, _ := b.active(t, "late")
	fresh, _ := b.active(t, "fresh")
	purged, _ := b.active(t, "purged")
	b.active(t, "never")
	require.Zero(t, standing(), "no backup was ever asked for")

	b.exec(t, `UPDATE tenants SET activated_at = now() - interval '90 days';
		INSERT INTO fleet_runs (id, kind, state, settings, requested_by, reason, client, created_at, finished_at) VALUES
			(gen_random_uuid(), 'backup', 'COMPLETED', '{}', 'a', 'b', 'c', now() - interval '60 hours', now() - interval '59 hours'),
			(gen_random_uuid(), 'backup', 'FAILED', '{}', 'a', 'b', 'c', now() - interval '10 hours', now() - interval '9 hours'),
			(gen_random_uuid(), 'backup', 'PENDING', '{}', 'a', 'b', 'c', now(), NULL);
		INSERT INTO fleet_items (fleet_id, tenant_id, wave, state) SELECT r.id, t.id, 0, CASE t.name WHEN 'late' THEN 'FAILED' ELSE 'DONE' END FROM fleet_runs r, tenants t WHERE r.state = 'FAILED'`)
	b.record(t, late.Tenant, 31*time.Hour)
	b.record(t, fresh.Tenant, 40*time.Hour)
	b.record(t, fresh.Tenant, time.Hour)
	b.record(t, purged.Tenant, 50*time.Hour)
	require.NoError(t, b.backups.DestroyKey(b.ctx, purged, nothingBefore))
	s := standing()
	require.True(t, s.Made)
	about(60*time.Hour, s.Control) // there is none yet
	about(60*time.Hour, s.Oldest)
	require.Equal(t, 2, s.Late, "late and never")
	require.Equal(t, tenant.FleetCounts{Done: 3, Failed: 1}, s.Last)

	b.record(t, "", 2*time.Hour)
	b.exec(t, `UPDATE tenants SET status = 'DELETED', name_held = false, admin_email = NULL, admin_first_name = NULL, admin_last_name = NULL WHERE name = 'never'`)
	require.NoError(t, b.backups.Verified(b.ctx, b.record(t, fresh.Tenant, 0), backup.ErrAltered))
	s = standing()
	about(2*time.Hour, s.Control)
	about(31*time.Hour, s.Oldest)
	require.Equal(t, 1, s.Late)
	require.Equal(t, 1, s.Broken)
}
