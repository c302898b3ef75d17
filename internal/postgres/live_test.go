package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

// TestWhatIsNotLiveDoesNothing: whoever is not asked whether the installation is live is
// refused by the database.
func TestWhatIsNotLiveDoesNothing(t *testing.T) {
	t.Parallel()
	b := setupBackups(t)
	waits := b.accept(t, "Waits for its run")
	require.NoError(t, b.health.Ready(b.ctx))
	b.exec(t, `INSERT INTO notices (batch, recipient) VALUES (gen_random_uuid(), 'staff@hospital.example')`)
	for how, says := range map[string]string{"filling": "starter restore --all --yes", "restored": "starter restore --go-live", "clone": "--as-clone"} {
		b.exec(t, `UPDATE installation SET not_live = '`+how+`'`)
		err := b.health.Ready(b.ctx)
		require.ErrorIs(t, err, tenant.ErrNotLive)
		require.ErrorContains(t, err, says)
	}
	_, err := b.queue.Take(b.ctx, 10, tenant.Bounds{Running: 10}, time.Minute)
	require.ErrorIs(t, err, tenant.ErrNotLive)
	_, err = b.transitions.Claim(b.ctx, fence(waits))
	require.ErrorIs(t, err, tenant.ErrNotLive)
	for _, sql := range []string{
		`INSERT INTO stellar_transactions (hash, purpose, state, network, channel, sequence, envelope, after_ledger, max_time)
			VALUES (repeat('0', 64), 'UPLOAD_CODE', 'PREPARED', 'n', 'c', 1, '', 1, now())`,
		`UPDATE notices SET state = 'SENDING'`,
		`INSERT INTO fleet_runs DEFAULT VALUES`,
	} {
		_, err := b.pool.Exec(b.ctx, sql)
		require.ErrorContains(t, err, "TP006", sql)
	}

	b.exec(t, `UPDATE installation SET not_live = NULL`)
	require.NoError(t, b.health.Ready(b.ctx))
	taken, err := b.queue.Take(b.ctx, 10, tenant.Bounds{Running: 10}, time.Minute)
	require.NoError(t, err)
	require.Len(t, taken, 1)
}
