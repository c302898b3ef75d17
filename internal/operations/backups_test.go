package operations_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/worker"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/backup/bucket"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows"
	"tenant-provisioning/workflows/runner"
)

// backupBundle is a fleet of tenants, and workers that make and open backups of them.
type backupBundle struct {
	*fleetBundle
	dir  string
	rows *postgres.Backups
}

// maker is what the worker makes of its settings (internal/connect).
type maker struct {
	*backup.Maker
	rows     *postgres.Backups
	operator []age.Identity
}

func (m maker) BackupTenant(ctx context.Context, f tenant.FleetFence) error {
	_, err := m.Tenant(ctx, f)
	return err
}

func (m maker) BackupControl(ctx context.Context, f tenant.FleetID) error {
	all, err := m.rows.OfAll(ctx, f)
	if err == nil && all {
		_, err = m.Control(ctx)
	}
	return err
}

func (m maker) VerifyBackup(ctx context.Context, id string) (string, error) {
	_, err := m.Verify(ctx, backup.ID(id), m.operator)
	if backup.Refused(err) {
		return err.Error(), nil
	}
	return "", err
}

func setupBackups(t *testing.T, tenants int) *backupBundle {
	t.Helper()
	b := &backupBundle{fleetBundle: setupFleet(t, tenants), dir: t.TempDir()}
	b.exec(t, `UPDATE tenants SET activated_at = now()`)
	schemas, err := postgres.NewSchemas(t.Context(), b.pool)
	require.NoError(t, err)
	t.Cleanup(schemas.Close)
	b.rows = postgres.NewBackups(b.pool, schemas)
	_, signing, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	operator, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	store, err := bucket.Open(t.Context(), bucket.Config{URL: "file://" + b.dir, Keyring: backup.Keyring{Signing: signing}})
	require.NoError(t, err)
	m := maker{&backup.Maker{Store: store, Database: b.rows, Recipients: []age.Recipient{operator.Recipient()}}, b.rows, []age.Identity{operator}}
	b.poll(t, b.config.TaskQueue, func(w worker.Worker) {
		workflows.Register(w)
		runs := postgres.NewFleets(b.pool)
		w.RegisterActivity(&activities.Fleet{Store: runs})
		w.RegisterActivity(&activities.Backup{
			Maker: m, Enabled: true, Starter: b.fleets, Items: activities.FleetItems{Store: runs, Breaker: postgres.NewIncidents(b.pool)},
		})
	})
	b.poll(t, runner.RestoreQueue(b.config.TaskQueue), func(w worker.Worker) { w.RegisterActivity(&activities.Opening{Verifier: m}) })
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.ctx))
	over := make(chan struct{})
	go func() {
		defer close(over)
		b.fleets.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-over
	})
	return b
}

func (b *backupBundle) poll(t *testing.T, queue string, register func(worker.Worker)) {
	t.Helper()
	w := worker.New(b.temporal, queue, worker.Options{DeadlockDetectionTimeout: time.Minute})
	register(w)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
}

// good waits for as many good backups, and returns those that there are by their tenant.
func (b *backupBundle) good(t *testing.T, n int) map[tenant.ID]backup.Record {
	t.Helper()
	found := map[tenant.ID]backup.Record{}
	require.Eventually(t, func() bool {
		all, err := b.rows.List(b.ctx, "", 100)
		for _, r := range all {
			if r.State == backup.Good {
				found[r.Tenant] = r
			}
		}
		return err == nil && len(found) == n
	}, patience, 50*time.Millisecond)
	return found
}

// Every tenant gets its backup whatever becomes of the others, the control tables come
// last, and each backup is what it was when it is opened.
func TestEveryTenantIsBackedUpWhateverBecomesOfOthers(t *testing.T) {
	t.Parallel()
	b := setupBackups(t, 5)
	gone, held := b.tenants[0], b.tenants[1]
	b.exec(t, `DROP SCHEMA `+pgx.Identifier{tenant.SchemaName("", gone)}.Sanitize()+` CASCADE`)
	lock, err := b.pool.Begin(b.ctx)
	require.NoError(t, err)
	defer func() { require.NoError(t, lock.Rollback(context.WithoutCancel(b.ctx))) }()
	_, err = lock.Exec(b.ctx, `SET LOCAL idle_in_transaction_session_timeout = 0`) // it is held for as long as the run takes
	require.NoError(t, err)
	_, err = lock.Exec(b.ctx, `LOCK TABLE `+pgx.Identifier{tenant.SchemaName("", held), "users"}.Sanitize()+` IN ACCESS EXCLUSIVE MODE`)
	require.NoError(t, err)

	lifecycle, _ := tenant.FleetBackup.Lifecycle()
	lifecycle.Defaults.Attempts = 1
	run, err := b.fleets.Submit(b.ctx, tenant.FleetRequest{Kind: tenant.FleetBackup, Settings: lifecycle.Defaults, Reason: "ticket 7"}, operator)
	require.NoError(t, err)
	run = b.until(t, run.ID, tenant.FleetFailed)
	require.Equal(t, tenant.FleetCounts{Done: 3, Failed: 1, Skipped: 1}, run.Counts)
	failed, err := b.fleets.Items(b.ctx, run.ID, tenant.FleetItemFilter{State: tenant.FleetItemFailed, Limit: 10})
	require.NoError(t, err)
	require.Equal(t, held, failed.Items[0].Tenant)
	require.Contains(t, failed.Items[0].Error, "holds a lock")

	found := b.good(t, 4)
	require.NotContains(t, found, gone)
	require.NotContains(t, found, held)
	for of, r := range found {
		require.False(t, found[""].CreatedAt.Before(r.CreatedAt), "the control tables come last")
		refusal, err := b.fleets.VerifyBackup(b.ctx, string(r.ID))
		require.NoError(t, err)
		require.Empty(t, refusal, of)
	}

	whole := b.tenants[2]
	archive := filepath.Join(b.dir, "tenants", string(whole), string(found[whole].ID), "archive")
	data, err := os.ReadFile(archive)
	require.NoError(t, err)
	data[0] ^= 1
	require.NoError(t, os.WriteFile(archive, data, 0o600))
	refusal, err := b.fleets.VerifyBackup(b.ctx, string(found[whole].ID))
	require.NoError(t, err)
	require.Contains(t, refusal, backup.ErrAltered.Error())
}

// The schedule's run is one a day, however often it is asked for; one of some tenants
// leaves the others and the control tables alone.
func TestABackupOfTheDayAndOfSomeTenants(t *testing.T) {
	t.Parallel()
	b := setupBackups(t, 3)
	run, err := b.fleets.Backup(b.ctx, b.tenants[:1], "before the import", operator)
	require.NoError(t, err)
	b.until(t, run.ID, tenant.FleetCompleted)
	require.Contains(t, b.good(t, 1), b.tenants[0])
	for range 3 {
		require.NoError(t, b.fleets.StartBackup(b.ctx))
	}
	b.good(t, 4)
	all, err := b.fleets.List(b.ctx, tenant.FleetFilter{Kind: tenant.FleetBackup, Limit: 10})
	require.NoError(t, err)
	require.Len(t, all.Items, 2)
	_, err = b.fleets.VerifyBackup(b.ctx, "01a22ed0-5bbb-7338-bc36-1c4dba7d079e")
	require.ErrorContains(t, err, "there is no such backup")
}

// While the store is away a run waits and says so; nothing fails for it.
func TestABackupWaitsForItsStore(t *testing.T) {
	t.Parallel()
	b := setupBackups(t, 2)
	require.NoError(t, os.WriteFile(filepath.Join(b.dir, "keys"), nil, 0o600)) // where a directory must be
	run, err := b.fleets.Backup(b.ctx, nil, "ticket 8", operator)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		run, err = b.fleets.Find(b.ctx, run.ID)
		return err == nil && run.Note != ""
	}, patience, 50*time.Millisecond)
	require.Contains(t, run.Note, "the backup store fails")
	require.Equal(t, tenant.FleetRunning, run.State)
	require.Zero(t, run.Counts.Failed)
	require.NoError(t, os.Remove(filepath.Join(b.dir, "keys")))
	b.until(t, run.ID, tenant.FleetCompleted)
	b.good(t, 3)
}
