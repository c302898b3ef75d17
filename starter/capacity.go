package main

import (
	"context"

	"github.com/spf13/cobra"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/output"
)

// capacities is what the command needs of the control plane.
type capacities interface {
	Capacity(ctx context.Context) ([]tenant.Capacity, error)
}

func (a *app) capacity() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "capacity",
		Short: "Show what tenants take of disk, connections, locks and balance, and for how many days there is room",
		Long: `Show what tenants take of disk, connections, locks and the balance on the ledger, and
for how many days there is room, as they grew in the last two weeks.

A worker reads it every ten minutes, and every minute while anything is short. Then
provisioning waits, and goes on by itself when there is room; what frees room, and
what ends or gives access, goes on. How much disk there is says DB_DISK_BYTES; unset,
it is not judged.`,
		Example: `  starter capacity
  starter capacity --output json | jq -r '.items[] | select(.waitsSince) | .why'`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, _ []string) error {
		service, err := a.connect(cmd.Context(), toRead)
		if err != nil {
			return err
		}
		defer service.Close()
		all, err := service.Capacity(cmd.Context())
		if err != nil {
			return err
		}
		return a.answer(output.NewCapacities(all))
	})
	return cmd
}
