package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/output"
)

// findings is what the command needs of the control plane.
type findings interface {
	Reconcile(ctx context.Context, who tenant.Caller) (tenant.Reconciliation, error)
	Finding(ctx context.Context, id tenant.FindingID) (tenant.Finding, error)
	Repair(ctx context.Context, id tenant.FindingID, reason string, who tenant.Caller) (tenant.Finding, error)
	Dismiss(ctx context.Context, id tenant.FindingID, reason string, who tenant.Caller) (tenant.Finding, error)
}

type reconcileFlags struct {
	repair, dismiss, reason string
	yes                     bool
}

func (a *app) reconcile() *cobra.Command {
	var f reconcileFlags
	cmd := &cobra.Command{
		Use:   "reconcile",
		Short: "Find what does not fit together, and repair it",
		Long: `Find what does not fit together, and repair it.

It has a worker compare tenants, operations, their runs, schemas, roles,
privileges, contracts and mails at once (a schedule does so every five minutes),
repair what can be repaired without losing anything, and lists what is left and
what was repaired. Each round then submits the purges that are due.

--repair shows what the repair of one finding would do; with --yes it is done.
--dismiss closes a finding that you live with: it is not found anew for as long
as it stays true.

` + exitHelp,
		Example: `  starter reconcile
  starter reconcile --repair F-000012
  starter reconcile --repair F-000012 --yes --reason 'ticket 7'
  starter reconcile --output json | jq -r '.items[].id'`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, _ []string) error {
		id, err := f.check()
		if err != nil {
			return err
		}
		service, err := a.connect(cmd.Context(), toAct)
		if err != nil {
			return err
		}
		defer service.Close()
		err = a.reconcileWith(cmd.Context(), service, f, id)
		if id != 0 && errors.Is(err, tenant.ErrNotFound) {
			return fmt.Errorf("there is no finding %s; see what there is with: starter reconcile", id)
		}
		return err
	})
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.repair, "repair", "", "the id of the finding to repair")
	flags.StringVar(&f.dismiss, "dismiss", "", "close this finding and do not report it again")
	flags.StringVar(&f.reason, "reason", "", "why, for the audit log; it is kept in clear")
	flags.BoolVar(&f.yes, "yes", false, "repair, having seen what it does")
	return cmd
}

// check reads the id of the finding, if one is named.
func (f *reconcileFlags) check() (tenant.FindingID, error) {
	switch {
	case f.repair != "" && f.dismiss != "":
		return 0, usagef("--repair and --dismiss exclude each other")
	case f.yes && f.repair == "":
		return 0, usagef("--yes is for --repair")
	case f.repair == "" && f.dismiss == "":
		return 0, nil
	}
	if f.reason != "" || f.dismiss != "" {
		clean, err := tenant.ActionRequest{Actor: clientName, Reason: f.reason}.Clean()
		if err != nil {
			return 0, byFlag(err, map[string]string{"reason": "--reason"})
		}
		f.reason = clean.Reason
	}
	id, err := tenant.ParseFindingID(f.repair + f.dismiss)
	if err != nil {
		return 0, usagef("%s", err)
	}
	return id, nil
}

func (a *app) reconcileWith(ctx context.Context, c findings, f reconcileFlags, id tenant.FindingID) error {
	switch {
	case f.repair != "":
		return a.repair(ctx, c, f, id)
	case f.dismiss != "":
		found, err := c.Dismiss(ctx, id, f.reason, a.caller())
		if err != nil {
			return err
		}
		return a.answer(output.NewFinding(found))
	}
	r, err := c.Reconcile(ctx, a.caller())
	if err != nil {
		return err
	}
	if err := a.answer(output.NewFindings(r)); err != nil {
		return err
	}
	if len(r.Open)+len(r.Incomplete) > 0 {
		return &attentionError{text: fmt.Sprintf("%d findings are open, and %d parts could not be looked at", len(r.Open), len(r.Incomplete))}
	}
	return nil
}

func (a *app) repair(ctx context.Context, c findings, f reconcileFlags, id tenant.FindingID) error {
	found, err := c.Finding(ctx, id)
	switch {
	case err != nil:
		return err
	case found.State != tenant.FindingOpen:
		return a.answer(output.NewFinding(found))
	case !found.Kind.Repairable():
		return usagef("nothing repairs %s by itself; by hand: %s", id, found.Repair)
	case !f.yes:
		a.say("Nothing was done. To repair it, which %s:\n  starter reconcile --repair %s --yes", found.Repair, id)
		return a.answer(output.NewFinding(found))
	}
	found, err = c.Repair(ctx, id, f.reason, a.caller())
	var step *tenant.StepError
	if errors.As(err, &step) {
		return fmt.Errorf("repair %s: %s", id, step.Reason)
	}
	if err != nil {
		return err
	}
	return a.answer(output.NewFinding(found))
}
