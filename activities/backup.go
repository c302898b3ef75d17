package activities

import (
	"context"
	"errors"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"tenant-provisioning/internal/tenant"
)

// BackupMaker makes backups and removes old ones.
type BackupMaker interface {
	// BackupTenant makes one of a tenant of a run, and marks the tenant done in the
	// commit that makes it count.
	BackupTenant(ctx context.Context, f tenant.FleetFence) error
	// BackupControl makes one of the control tables, unless the run of f is of some tenants
	// alone.
	BackupControl(ctx context.Context, f tenant.FleetID) error
	// Sweep deletes what is too old or failed.
	Sweep(ctx context.Context) (int, error)
}

// BackupStarter accepts the runs that schedules ask for.
type BackupStarter interface {
	StartBackup(ctx context.Context) error
	StartDrill(ctx context.Context) error
}

// Backup covers fleet runs of the kind backup.
type Backup struct {
	Maker BackupMaker
	// Enabled tells that there is a store (BACKUP_URL); without one no daily run is
	// accepted.
	Enabled bool
	Starter BackupStarter
	Items   FleetItems
}

// BackupTenantsOfChunk makes a backup of each tenant. An interrupted one is discarded and
// taken again.
func (a *Backup) BackupTenantsOfChunk(ctx context.Context, c FleetChunk) error {
	return a.Items.Each(ctx, c, a.Maker.BackupTenant)
}

// BackupControlTables makes a backup of the control tables, once the tenants' are made:
// it knows them all. A repetition makes another one.
func (a *Backup) BackupControlTables(ctx context.Context, f tenant.FleetID) error {
	return a.do(ctx, "the control tables are not backed up", func(ctx context.Context) error { return a.Maker.BackupControl(ctx, f) })
}

// SweepBackups deletes what is older than the retention, what failed and what purges
// have left. A repetition goes on.
func (a *Backup) SweepBackups(ctx context.Context) error {
	return a.do(ctx, "old backups are not deleted", func(ctx context.Context) error {
		n, err := a.Maker.Sweep(ctx)
		activity.GetLogger(ctx).Info("old backups are deleted", "backups", n)
		return err
	})
}

func (a *Backup) do(ctx context.Context, failed string, work func(context.Context) error) error {
	ctx, stop := alive(ctx)
	defer stop()
	err := work(ctx)
	if err != nil {
		activity.GetLogger(ctx).Error(failed, "error", err)
		return classify("", err)
	}
	return nil
}

// AcceptBackup accepts the run of today. Where one is open already, that one is it.
func (a *Backup) AcceptBackup(ctx context.Context) error {
	if !a.Enabled {
		activity.GetLogger(ctx).Info("there is no BACKUP_URL, and so no backup")
		return nil
	}
	return accepted(ctx, "the daily backup", a.Starter.StartBackup(ctx))
}

// AcceptDrill accepts the drill of the week, as AcceptBackup does.
func (a *Backup) AcceptDrill(ctx context.Context) error {
	if !a.Enabled {
		activity.GetLogger(ctx).Info("there is no BACKUP_URL, and so no drill")
		return nil
	}
	return accepted(ctx, "the weekly drill", a.Starter.StartDrill(ctx))
}

// accepted takes a run that is open already for the one that was asked for.
func accepted(ctx context.Context, what string, err error) error {
	if open, ok := errors.AsType[*tenant.FleetOpenError](err); ok {
		activity.GetLogger(ctx).Warn(what+" is not accepted: the one before has not ended", "fleet", open.Open)
		return nil
	}
	if err != nil {
		activity.GetLogger(ctx).Error(what+" is not accepted", "error", err)
		return classify("", err)
	}
	return nil
}

// BackupVerifier reads backups whole.
type BackupVerifier interface {
	// VerifyBackup says why a backup is refused; nothing where it is as it was made.
	VerifyBackup(ctx context.Context, id string) (refusal string, err error)
}

// Opening covers what opens archives. It runs only where BACKUP_IDENTITY is.
type Opening struct {
	Verifier BackupVerifier
	Restorer DataRestorer
	Failures FailureLog
	Driller  Driller
	Items    FleetItems
}

// ErrTypeBackupUnknown is the type of the error of a backup that is not there.
const ErrTypeBackupUnknown = "BackupUnknown"

// OpenAndVerify reads a backup whole. It may be repeated at any time.
func (a *Opening) OpenAndVerify(ctx context.Context, id string) (string, error) {
	ctx, stop := alive(ctx)
	defer stop()
	refusal, err := a.Verifier.VerifyBackup(ctx, id)
	if errors.Is(err, tenant.ErrNotFound) {
		return "", temporal.NewNonRetryableApplicationError("there is no such backup; starter backup list prints them", ErrTypeBackupUnknown, nil)
	}
	if err != nil {
		activity.GetLogger(ctx).Error("a backup cannot be verified", "backup", id, "error", err)
		return "", classify("", err)
	}
	return refusal, nil
}
