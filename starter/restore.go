package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/batch"
	"tenant-provisioning/starter/output"
)

// restore asks for the restore of one tenant from one backup.
func (a *app) restore() *cobra.Command {
	var f submitFlags
	var backupID string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "restore TENANT-ID --backup ID --reason TEXT",
		Short: "Put what a backup holds into the place of a tenant's data",
		Long: `Put what a backup holds into the place of an ACTIVE or SUSPENDED tenant's data.

A schema beside the tenant's is filled from the backup, compared with its signed
manifest table by table, and brought to the template's newest version. Then access
ends, the two change places, and access comes back as it was. What was written since
the backup is not in it: suspend the tenant before, if nobody may write meanwhile.
The schema of before is kept for a day, and its name begins with tp_kept_.

A backup that is refused changes nothing. It takes a worker with BACKUP_IDENTITY.
--dry-run says what would happen, and asks for nothing.

The reason is kept in the audit log, in clear: no personal data, no secrets; a
ticket's number will do.

` + exitHelp,
		Example: `  starter backup list 01920e6a-7c1d-7fd2-8a31-5c6f7d8e9f01
  starter restore 01920e6a-7c1d-7fd2-8a31-5c6f7d8e9f01 --backup 01a22ed0-5bbb-7338-bc36-1c4dba7d079e --reason "ticket 4711" --dry-run`,
		Args: one("the tenant's id"),
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&backupID, "backup", "", "the backup's id, from starter backup list")
	flags.StringVar(&f.reason, "reason", "", "why, for the audit log; it is kept in clear")
	flags.BoolVar(&dryRun, "dry-run", false, "say what would happen, and change nothing")
	flags.StringVar(&f.key, "idempotency-key", "", "with the same key, a repeated command does it once")
	flags.BoolVar(&f.wait, "wait", false, "wait until it is done or needs attention")
	flags.DurationVar(&f.timeout, "timeout", batch.DefaultTimeout, "with --wait: how long; it goes on by itself afterwards")
	cmd.RunE = a.does(func(cmd *cobra.Command, args []string) error {
		id, err := tenant.ReadID(args[0])
		if err != nil {
			return usagef("%q is no tenant's id: it is a UUID, from starter list", args[0])
		}
		r, err := tenant.Request{Kind: tenant.KindRestore, Tenant: id, Reason: f.reason, Backup: backupID, IdempotencyKey: f.key}.Clean()
		if err != nil {
			return explainSubmission(err)
		}
		known, err := backup.ParseID(backupID)
		switch {
		case err != nil:
			return &usageError{err}
		case f.timeout <= 0:
			return usagef("--timeout must be longer than nothing")
		case dryRun:
			return a.planRestore(cmd.Context(), id, known)
		}
		return a.submitOne(cmd.Context(), r, f)
	})
	return cmd
}

// planRestore says what a restore would do.
func (a *app) planRestore(ctx context.Context, id tenant.ID, from backup.ID) error {
	b, err := a.openBackups(ctx, config.NeedDB)
	if err != nil {
		return err
	}
	defer b.close()
	record, err := b.rows.Find(ctx, from)
	if err != nil {
		return err
	}
	t, err := b.tenants.Find(ctx, id)
	if err != nil {
		return err
	}
	plan := output.NewRestorePlan(t, record, time.Now())
	if err := a.answer(plan); err != nil {
		return err
	}
	if len(plan.Refused) > 0 {
		return &attentionError{"it would be refused"}
	}
	return nil
}
