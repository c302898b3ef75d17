package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/output"
)

// holds is what the command needs of the control plane.
type holds interface {
	SetLegalHold(ctx context.Context, id tenant.ID, reason string, who tenant.Caller) (tenant.Tenant, error)
	LiftLegalHold(ctx context.Context, id tenant.ID, reason string, who tenant.Caller) (tenant.Tenant, error)
}

func (a *app) legalHold() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "legal-hold",
		Short: "Keep a tenant from being purged, or end that",
		Long: `Keep a tenant from being purged, or end that.

While a legal hold stands, the tenant is not purged, also when its grace period is
over. A rollback of its provisioning still removes what that made. starter status
shows who has set the hold, when and why.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.started = true
			return cmd.Help()
		},
	}
	cmd.AddCommand(
		a.hold("set", "Keep a tenant of any status from being purged", "Setting it again changes who does so, since when and why.", holds.SetLegalHold),
		a.hold("lift", "End a legal hold", `An ARCHIVED tenant whose grace period is over is purged within minutes of that.
Lifting a hold that is not there changes nothing.`, holds.LiftLegalHold),
	)
	return cmd
}

func (a *app) hold(verb, short, long string, change func(holds, context.Context, tenant.ID, string, tenant.Caller) (tenant.Tenant, error)) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   verb + " TENANT-ID --reason TEXT",
		Short: short,
		Long: short + `.

` + long + `

The reason is kept in the audit log, in clear: no personal data, no secrets; a
case's number will do.`,
		Example: `  starter legal-hold ` + verb + ` 01920e6a-7c1d-7fd2-8a31-5c6f7d8e9f01 --reason "case 2026-17"`,
		Args:    one("the tenant's id"),
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, args []string) error {
		id, err := tenant.ReadID(args[0])
		if err != nil {
			return usagef("%q is no tenant's id: it is a UUID, from starter list", args[0])
		}
		service, err := a.connect(cmd.Context(), toRead)
		if err != nil {
			return err
		}
		defer service.Close()
		t, err := change(service, cmd.Context(), id, reason, a.caller())
		if err != nil {
			return byFlag(fmt.Errorf("%s the legal hold of tenant %s: %w", verb, id, err), map[string]string{"reason": "--reason"})
		}
		return a.answer(output.NewTenant(t))
	})
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit log; it is kept in clear")
	if err := cmd.MarkFlagRequired("reason"); err != nil {
		panic(err) //nolint:forbidigo // it was defined above
	}
	return cmd
}
