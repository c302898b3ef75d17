package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"
	"go.temporal.io/sdk/temporal"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/operations"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/output"
)

func (a *app) backup() *cobra.Command {
	var wait bool
	var reason string
	cmd := &cobra.Command{
		Use:   "backup [TENANT…]",
		Short: "Make a backup of all tenants and the control tables, or of some tenants; list and verify them",
		Long: `Make a backup of all tenants, each separately, and of the control tables; or of the
tenants that are named. A schedule does so every day (BACKUP_SCHEDULE). Workers
make it, into BACKUP_URL. A tenant that cannot be backed up does not keep the others
from it; --wait tells which those are.

` + exitHelp,
		Example: `  starter backup --wait
  starter backup 0195942c-1a00-7b53-9b57-2f4d9b0a0f11 --reason 'before the import'`,
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, args []string) error {
		of, err := tenantIDs(args, "is neither a tenant's id nor a command of starter backup: list, verify, drill, rewrap")
		if err != nil {
			return err
		}
		b, err := a.openBackups(cmd.Context(), config.NeedDB|config.NeedTemporal)
		if err != nil {
			return err
		}
		defer b.close()
		return a.makeBackup(cmd.Context(), b, of, reason, wait)
	})
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until it is made")
	cmd.Flags().StringVar(&reason, "reason", "asked for by hand", "why, for the audit log; it is kept in clear")
	cmd.AddCommand(a.backupList(), a.backupVerify(), a.backupDrill(), a.backupRewrap())
	return cmd
}

func tenantIDs(args []string, wrong string) (ids []tenant.ID, err error) {
	for _, arg := range args {
		id, err := tenant.ParseID(arg)
		if err != nil {
			return nil, usagef("%q %s", arg, wrong)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func (a *app) backupDrill() *cobra.Command {
	var wait bool
	var sample int
	var reason string
	cmd := &cobra.Command{
		Use:   "drill [TENANT…]",
		Short: "Restore the last backups of some tenants for practice",
		Long: `Restore the last backups of the tenants that are named, or of a random sample, for
practice: each is read whole, filled into a schema that nobody sees, compared with its
manifest table by table, and undone. Nothing of a tenant is touched. A schedule does so
every week. It takes a worker with BACKUP_IDENTITY.

` + exitHelp,
		Example: `  starter backup drill --wait
  starter backup drill 0195942c-1a00-7b53-9b57-2f4d9b0a0f11 --wait`,
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, args []string) error {
		of, err := tenantIDs(args, "is no tenant's id: it is a UUID, from starter list")
		if err != nil {
			return err
		}
		if sample < 1 {
			return usagef("--sample must be at least 1")
		}
		b, err := a.openBackups(cmd.Context(), config.NeedDB|config.NeedTemporal)
		if err != nil {
			return err
		}
		defer b.close()
		run, err := b.fleets.Drill(cmd.Context(), of, sample, reason, a.caller())
		if open, ok := errors.AsType[*tenant.FleetOpenError](err); ok {
			return fmt.Errorf("a drill is under way already (%s); wait until it has ended", open.Open)
		}
		if err != nil {
			return fmt.Errorf("ask for a drill: %w", err)
		}
		return a.followBackups(cmd.Context(), b, run, wait, "have a backup that could not be restored")
	})
	cmd.Flags().IntVar(&sample, "sample", tenant.DrillSample, "of how many tenants, where none is named")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until it has ended")
	cmd.Flags().StringVar(&reason, "reason", "asked for by hand", "why, for the audit log; it is kept in clear")
	return cmd
}

// backups is what these commands work with.
type backups struct {
	rows    *postgres.Backups
	tenants *postgres.Tenants
	fleets  *operations.Fleets
	close   func()
}

// openBackups dials Temporal if it is needed.
func (a *app) openBackups(ctx context.Context, needs config.Section) (*backups, error) {
	cfg, err := a.load(needs)
	if err != nil {
		return nil, err
	}
	pool, err := openDatabase(ctx, cfg)
	if err != nil {
		return nil, err
	}
	b := &backups{rows: postgres.NewBackups(pool, nil), tenants: postgres.NewTenants(pool), close: pool.Close}
	if err := ready(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	if needs&config.NeedTemporal != 0 {
		client, err := connect.Temporal(cfg.Temporal, a.logger(cfg), nil, connect.Metrics{})
		if err != nil {
			pool.Close()
			return nil, err
		}
		b.close = func() { client.Close(); pool.Close() }
		b.fleets = connect.Fleets(pool, client, cfg.Temporal.TaskQueue, a.logger(cfg))
	}
	return b, nil
}

func ready(ctx context.Context, pool *pgxpool.Pool) error {
	health, err := postgres.NewHealth(pool)
	if err != nil {
		return err
	}
	return health.Ping(ctx)
}

// backupPoll is the pause between two looks at a run.
const backupPoll = time.Second

func (a *app) makeBackup(ctx context.Context, b *backups, of []tenant.ID, reason string, wait bool) error {
	run, err := b.fleets.Backup(ctx, of, reason, a.caller())
	if open, ok := errors.AsType[*tenant.FleetOpenError](err); ok {
		return fmt.Errorf("a backup is being made already (%s); wait until it has ended", open.Open)
	}
	if err != nil {
		return fmt.Errorf("ask for a backup: %w", err)
	}
	outcome := a.followBackups(ctx, b, run, wait, "have no backup of this run")
	if wait && len(of) == 0 {
		if err := a.awaitControl(ctx, b, run.ID); err != nil {
			return err
		}
	}
	return outcome
}

// awaitControl waits for the backup of the control tables, which comes when the run of the
// tenants has ended.
func (a *app) awaitControl(ctx context.Context, b *backups, id tenant.FleetID) error {
	run, err := b.fleets.Find(ctx, id)
	if err != nil || run.State == tenant.FleetAborted { // then there is none
		return err
	}
	for said := false; ; said = true {
		all, err := b.rows.List(ctx, "", newestBackups)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(all, func(r backup.Record) bool {
			return r.Tenant == "" && r.State == backup.Good && r.CreatedAt.After(run.FinishedAt)
		}) {
			return nil
		}
		if !said {
			a.say("the control tables are being backed up")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(backupPoll):
		}
	}
}

// followBackups waits for the end of a run, if it is to, and answers with it. without says
// what those lack that were not done.
func (a *app) followBackups(ctx context.Context, b *backups, run tenant.FleetRun, wait bool, without string) error {
	var err error
	for said := ""; wait && !run.State.Closed(); {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(backupPoll):
		}
		if run, err = b.fleets.Find(ctx, run.ID); err != nil {
			return err
		}
		if said != run.Note && run.Note != "" {
			said = run.Note
			a.say("%s", said)
		}
	}
	d := output.BackupRun{ID: run.ID, State: run.State, Note: run.Note, Counts: run.Counts, Failed: []output.BackupFailure{}}
	if run.Counts.Failed > 0 {
		failed, err := b.fleets.Items(ctx, run.ID, tenant.FleetItemFilter{State: tenant.FleetItemFailed, Limit: maxBackupFailures})
		if err != nil {
			return err
		}
		for _, item := range failed.Items {
			d.Failed = append(d.Failed, output.BackupFailure{Tenant: item.Tenant, Error: item.Error})
		}
	}
	if err := a.answer(d); err != nil {
		return err
	}
	if run.State == tenant.FleetFailed || run.State == tenant.FleetAborted {
		return &attentionError{fmt.Sprintf("%d tenants %s", run.Counts.Total()-run.Counts.Done-run.Counts.Skipped, without)}
	}
	return nil
}

// maxBackupFailures is how many tenants of a run are named, and maxBackups how many
// backups are listed. newestBackups are enough to find the one of the control tables: it
// is the last of a run.
const (
	newestBackups     = 50
	maxBackupFailures = 100
	maxBackups        = 10_000
)

func (a *app) backupList() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list [TENANT]",
		Short: "List the backups, newest first",
		Long: `List the backups, newest first: of one tenant, or all with those of the control
tables, which have no tenant. GOOD was read back from the store and is equal.`,
		Example: `  starter backup list
  starter backup list --output json | jq -r '.items[] | select(.state == "GOOD") | .id'`,
		Args: cobra.MaximumNArgs(1),
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, args []string) error {
		var id tenant.ID
		if len(args) > 0 {
			var err error
			if id, err = tenant.ParseID(args[0]); err != nil {
				return &usageError{err}
			}
		}
		b, err := a.openBackups(cmd.Context(), config.NeedDB)
		if err != nil {
			return err
		}
		defer b.close()
		all, err := b.rows.List(cmd.Context(), id, maxBackups)
		if err != nil {
			return err
		}
		return a.answer(output.NewBackups(all))
	})
	return cmd
}

func (a *app) backupVerify() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify ID",
		Short: "Read one backup whole and check it",
		Long: `Read one backup whole and check it: its signature, every byte of its archive, the rows
of every table. A worker that has BACKUP_IDENTITY does it; without one the command
waits.

` + exitHelp,
		Example: `  starter backup verify 01a22ed0-5bbb-7338-bc36-1c4dba7d079e`,
		Args:    cobra.ExactArgs(1),
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, args []string) error {
		id, err := backup.ParseID(args[0])
		if err != nil {
			return &usageError{err}
		}
		b, err := a.openBackups(cmd.Context(), config.NeedDB|config.NeedTemporal)
		if err != nil {
			return err
		}
		defer b.close()
		refusal, err := b.fleets.VerifyBackup(cmd.Context(), string(id))
		if app, ok := errors.AsType[*temporal.ApplicationError](err); ok {
			if app.Type() == activities.ErrTypeBackupUnknown {
				return fmt.Errorf("there is no backup %s; see what there is with: starter backup list", id)
			}
			return errors.New(app.Message())
		}
		if err != nil {
			return err
		}
		if err := a.answer(output.BackupVerdict{ID: id, Good: refusal == "", Refusal: refusal}); err != nil {
			return err
		}
		if refusal != "" {
			return &attentionError{refusal}
		}
		return nil
	})
	return cmd
}
