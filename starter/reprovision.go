package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/output"
)

func (a *app) reprovision() *cobra.Command {
	var reason, key string
	cmd := &cobra.Command{
		Use:   "reprovision TENANT-ID",
		Short: "Provision a FAILED tenant anew: same id and schema, next generation, new contract",
		Long: `Provision a FAILED tenant anew. It keeps its id and the names of its schema and
role; its generation grows by one, and it gets another contract: the one of the
earlier generation stays terminated. Its name must still be free.`,
		Args: one("the tenant's id"),
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, args []string) error {
		id, err := tenant.ReadID(args[0])
		if err != nil {
			return usagef("%q is no tenant's id: it is a UUID, from starter list --status FAILED", args[0])
		}
		plane, err := a.connect(cmd.Context(), toProvision)
		if err != nil {
			return err
		}
		defer plane.Close()
		op, err := plane.Submit(cmd.Context(), tenant.KindProvision, id, reason, a.caller(), key)
		if errors.Is(err, tenant.ErrNotFound) {
			if found, ferr := plane.Operation(cmd.Context(), tenant.OperationID(id)); ferr == nil {
				return usagef("%s is an operation. Its tenant is %s:\n  starter reprovision %s", id, found.TenantID, found.TenantID)
			}
		}
		if err != nil {
			return byFlag(fmt.Errorf("provision tenant %s anew: %w", id, err), map[string]string{"reason": "--reason", "Idempotency-Key": "--idempotency-key"})
		}
		t, err := plane.Tenant(cmd.Context(), id)
		if err != nil {
			return err
		}
		return a.answer(output.NewProvisioned(t, op))
	})
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit log; it is kept in clear")
	cmd.Flags().StringVar(&key, "idempotency-key", "", "with the same key, a repeated command does it once")
	return cmd
}
