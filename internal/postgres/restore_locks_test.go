package postgres_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

// TestARestoreWaitsForNobody: a session that works in the tenant's tables neither keeps the
// restored ones from their place nor notices it. What it holds of them is dropped when it
// has gone; until then nothing else that is repaired waits for it.
func TestARestoreWaitsForNobody(t *testing.T) {
	t.Parallel()
	b := setupBackups(t)
	row, m := b.backedUp(t, "Charité")
	held, err := b.pool.Begin(b.ctx)
	require.NoError(t, err)
	defer func() { _ = held.Rollback(context.WithoutCancel(b.ctx)) }()
	_, err = held.Exec(b.ctx, `SET LOCAL idle_in_transaction_session_timeout = 0; LOCK TABLE `+pgx.Identifier{row.Schema, "z_parent"}.Sanitize()+` IN ACCESS EXCLUSIVE MODE`)
	require.NoError(t, err)
	ctx, stop := context.WithTimeout(b.ctx, time.Minute)
	defer stop()
	b.ctx = ctx

	f := b.claimed(t, row.ID, m.ID)
	b.fills(t, f, m)
	require.NoError(t, b.access.RevokeAccess(b.ctx, f))
	f.To = tenant.StatusActive
	require.NoError(t, b.restorer().Swap(b.ctx, f))
	require.True(t, b.can(t, row.Role, row.Schema))
	require.Len(t, b.rows(t, row.Schema, "z_parent", "ROW(id)"), 300)
	kept := "tp_kept_" + strings.ReplaceAll(string(f.Operation), "-", "")
	_, err = held.Exec(b.ctx, `INSERT INTO `+pgx.Identifier{kept, "z_parent"}.Sanitize()+` (note) VALUES ('written')`)
	require.NoError(t, err, "it goes on where it was")

	b.exec(t, `UPDATE restore_schemas SET drop_after = now()`)
	_, err = b.repairs.DropRestoreSchema(b.ctx, kept)
	var told *tenant.StepError
	require.ErrorAs(t, err, &told)
	require.Contains(t, told.Reason, "a session works in "+kept)
	require.NoError(t, held.Commit(b.ctx))
	require.Equal(t, []string{kept}, b.leftOfRestores(t))
}

// TestAnAttemptThatWasTakenForLostSpoilsNothing: it commits while the next one is at the
// same schema, which then says nothing against the backup.
func TestAnAttemptThatWasTakenForLostSpoilsNothing(t *testing.T) {
	t.Parallel()
	b := setupBackups(t)
	_, m := b.backedUp(t, "Charité")
	first, err := b.pool.Begin(b.ctx)
	require.NoError(t, err)
	defer func() { _ = first.Rollback(context.WithoutCancel(b.ctx)) }()
	_, err = first.Exec(b.ctx, `CREATE SCHEMA scratch`)
	require.NoError(t, err)
	second := make(chan error, 1)
	go func() {
		_, archive, err := b.store.OpenAs(b.ctx, m.Ref(), []age.Identity{b.operator})
		if err == nil {
			_, err = b.restorer().Fill(b.ctx, postgres.Target{Schema: "scratch"}, m, archive, nothingMore)
		}
		second <- err
	}()
	require.Eventually(t, func() bool {
		return b.count(t, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'transactionid'`) == 1
	}, time.Minute, 10*time.Millisecond)
	require.NoError(t, first.Commit(b.ctx))
	err = backup.Explain(<-second)
	require.Error(t, err)
	var told *tenant.StepError
	require.NotErrorAs(t, err, &told, "it is repeated, and nobody's fault")
}
