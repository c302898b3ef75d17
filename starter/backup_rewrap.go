package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/output"
)

func (a *app) backupRewrap() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "rewrap --reason TEXT",
		Short: "Encrypt the tenants' private keys anew, to the present BACKUP_RECIPIENTS",
		Long: `Encrypt the private key of every tenant anew, in the database and in the store: to the
BACKUP_RECIPIENTS of this command, and to nobody else. Backups stay as they are, and
whoever has a private half of these recipients opens them. Workers must have the new
BACKUP_RECIPIENTS before: they make the keys of new tenants.

This command does so itself. It needs the BACKUP_ settings of the workers, and in
BACKUP_IDENTITY the private key from before and the new one, comma-separated.
Interrupted, run it again. Backups of the control tables are encrypted to the recipients
of their time: keep the private key from before until those are deleted.

The reason is kept in the audit log, in clear: no personal data, no secrets; a
ticket's number will do.

` + exitHelp,
		Example: `  BACKUP_IDENTITY="$BEFORE,$NOW" BACKUP_RECIPIENTS=age1… starter backup rewrap --reason "ticket 4711"`,
		Args:    cobra.NoArgs,
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, _ []string) error { return a.rewrap(cmd.Context(), reason) })
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit log; it is kept in clear")
	if err := cmd.MarkFlagRequired("reason"); err != nil {
		panic(err) //nolint:forbidigo // it was defined above
	}
	return cmd
}

func (a *app) rewrap(ctx context.Context, reason string) error {
	cfg, err := a.load(config.NeedDB | config.NeedBackup)
	if err != nil {
		return err
	}
	pool, err := openDatabase(ctx, cfg)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := ready(ctx, pool); err != nil {
		return err
	}
	r, end, err := connect.NewRewrapper(ctx, cfg.Backup, pool)
	if err != nil {
		return err
	}
	defer end()
	who := a.caller()
	if err := postgres.NewAuditLog(pool).Append(ctx, tenant.AuditEntry{
		Actor: who.Actor, Claimed: who.Claimed, Action: "backup-rewrap", Outcome: tenant.OutcomeAccepted, Reason: reason,
	}); err != nil {
		return err
	}
	done, err := r.Rewrap(ctx, func(done, of int) {
		if done%100 == 0 || done == of {
			a.say("%d of %d tenants", done, of)
		}
	})
	if err != nil {
		return fmt.Errorf("encrypt the tenants' keys anew: %w; run it again", err)
	}
	if err := a.answer(output.NewRewrapped(done)); err != nil {
		return err
	}
	if len(done.Failed) > 0 {
		return &attentionError{fmt.Sprintf("%d keys are as they were; the tenants are named above", len(done.Failed))}
	}
	return nil
}
