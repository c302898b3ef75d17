package connect

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"filippo.io/age"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/backup/bucket"
	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

// backups is what activities do with backups. Without a store all but a purge of a
// tenant that never had one fails, in plain words.
type backups struct {
	maker *backup.Maker
	rows  *postgres.Backups
	// restorer fills schemas from archives.
	restorer *postgres.Restorer
	// operator opens archives; nil where there is no BACKUP_IDENTITY.
	operator []age.Identity
}

var errNoStore = &tenant.StepError{
	Class: tenant.ClassCapacity, Reason: "this worker has no BACKUP_URL; give it the BACKUP_ settings of the others",
}

func newBackups(ctx context.Context, c config.Backup, rows *postgres.Backups, restorer *postgres.Restorer) (*backups, error) {
	b := &backups{rows: rows, restorer: restorer}
	if c.URL == "" {
		return b, nil
	}
	signing, err := backup.ParseSigningKey(c.SigningKey.Reveal())
	if err != nil {
		return nil, fmt.Errorf("BACKUP_SIGNING_KEY: %w", err)
	}
	store, err := bucket.Open(ctx, bucket.Config{
		URL: c.URL, AccessKey: c.AccessKey, SecretKey: c.SecretKey.Reveal(), Keyring: backup.Keyring{Signing: signing, Trusted: c.VerifyKeys},
	})
	if err != nil {
		return nil, err
	}
	b.maker = &backup.Maker{Store: store, Database: rows, Recipients: c.Recipients}
	if identity := c.Identity.Reveal(); identity != "" {
		if b.operator, err = age.ParseIdentities(strings.NewReader(strings.ReplaceAll(identity, ",", "\n"))); err != nil {
			return nil, errors.Join(fmt.Errorf("BACKUP_IDENTITY: %w", err), store.Close())
		}
	}
	return b, nil
}

func (b *backups) BackupTenant(ctx context.Context, f tenant.FleetFence) error {
	if b.maker == nil {
		return errNoStore
	}
	_, err := b.maker.Tenant(ctx, f)
	return err
}

func (b *backups) BackupControl(ctx context.Context, f tenant.FleetID) error {
	all, err := b.rows.OfAll(ctx, f)
	switch {
	case err != nil || !all:
		return err
	case b.maker == nil:
		return errNoStore
	}
	_, err = b.maker.Control(ctx)
	return err
}

func (b *backups) Sweep(ctx context.Context) (int, error) {
	if b.maker == nil {
		return 0, errNoStore
	}
	return b.maker.Sweep(ctx)
}

// Destroy has nothing bring back a tenant that is being purged. Without a store there
// must be no backup of it: else a worker that has the store does it.
func (b *backups) Destroy(ctx context.Context, f tenant.Fence) error {
	if b.maker != nil {
		return b.maker.Destroy(ctx, f)
	}
	has, err := b.rows.Any(ctx, f.Tenant)
	switch {
	case err != nil:
		return err
	case has:
		return errNoStore
	}
	return b.rows.DestroyKey(ctx, f, func() error { return nil })
}

// VerifyBackup says why a backup is refused.
func (b *backups) VerifyBackup(ctx context.Context, id string) (string, error) {
	known, err := backup.ParseID(id)
	if err != nil {
		return "", fmt.Errorf("%w: %w", tenant.ErrNotFound, err)
	}
	_, err = b.maker.Verify(ctx, known, b.operator)
	if backup.Spoiled(err) {
		return err.Error(), nil
	}
	return "", err
}

// RestoreData fills the schema of an operation of the kind restore from its backup. One
// that is refused changes nothing.
func (b *backups) RestoreData(ctx context.Context, f tenant.Fence) error {
	to, done, err := b.restorer.Begin(ctx, f)
	if err != nil || done {
		return err
	}
	m, archive, err := b.maker.Store.OpenAs(ctx, to.Ref, b.operator)
	if err == nil {
		err = b.restorer.Complete(ctx, f, to, m, archive)
	}
	if backup.Spoiled(err) { // it is not restored again
		err = errors.Join(err, b.rows.Verified(ctx, to.Ref.ID, err))
	}
	return backup.Explain(err)
}

// Drill restores a tenant's newest backup for practice. A tenant that has lost its last
// one since the run began is passed over.
func (b *backups) Drill(ctx context.Context, f tenant.FleetFence) error {
	ref, err := b.rows.Newest(ctx, f.Tenant)
	if errors.Is(err, tenant.ErrNotFound) {
		return b.rows.Nothing(ctx, f)
	}
	if err != nil {
		return err
	}
	began := time.Now()
	m, archive, err := b.maker.Store.OpenAs(ctx, ref, b.operator)
	if err == nil {
		err = b.restorer.Drill(ctx, m, archive)
	}
	took := time.Since(began)
	if backup.Spoiled(err) {
		err = errors.Join(err, b.rows.Verified(ctx, ref.ID, err))
	}
	err = backup.Explain(err)
	if step, told := errors.AsType[*tenant.StepError](err); err != nil && (!told || !step.Permanent) {
		return err // it says nothing of the backup yet
	}
	return errors.Join(err, b.rows.Drilled(ctx, f, ref, m, took, err))
}
