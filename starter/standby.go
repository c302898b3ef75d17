package main

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/output"
)

// maxFill bounds how many standbys one command begins: each costs a contract.
const maxFill = 1000

// standbys is what the command needs of the control plane.
type standbys interface {
	Standbys(ctx context.Context) (tenant.StandbyStock, error)
	Prepare(ctx context.Context, n int, who tenant.Caller) error
	PurgeStandbys(ctx context.Context, ids []tenant.ID, reason string, who tenant.Caller) error
}

func (a *app) standby() *cobra.Command {
	cmd := a.ofStock("standby", "Show the tenants that are made ahead, for the next requests",
		`A worker keeps STANDBY_TENANTS of them, while nothing else waits, and begins
STANDBY_PER_MINUTE a minute at most. A request takes one in milliseconds. Each has a
schema, a role and a contract that is paid for. Where STANDBY_TENANTS is 0 there are
none.`, cobra.NoArgs, func(context.Context, standbys, tenant.StandbyStock, []string) error { return nil })
	cmd.Example = "  starter standby\n  starter standby --output json | jq .ready"
	cmd.AddCommand(a.fillStock(), a.ofStock("empty", "Purge the tenants that are made ahead, and that nobody has asked for",
		`Their contracts are set terminated. Workers make others as long as STANDBY_TENANTS is
not 0: set it to 0 to have none.`, cobra.NoArgs,
		func(ctx context.Context, s standbys, stock tenant.StandbyStock, _ []string) error {
			all := slices.Clone(stock.Ready)
			for _, unfit := range stock.Unfit {
				all = append(all, unfit...)
			}
			return s.PurgeStandbys(ctx, all, "emptied by hand", a.caller())
		}))
	return cmd
}

func (a *app) fillStock() *cobra.Command {
	return a.ofStock("fill N", "Begin N more now, whatever the pace",
		`They stay until they are taken, also beyond STANDBY_TENANTS.`, one("how many"),
		func(ctx context.Context, s standbys, stock tenant.StandbyStock, args []string) error {
			n, err := strconv.Atoi(args[0])
			if err != nil || n < 1 || n > maxFill {
				return usagef("%q is no number from 1 to %d", args[0], maxFill)
			}
			if stock.Wanted == 0 {
				return errors.New("STANDBY_TENANTS is 0: workers would purge them; set it for the workers first")
			}
			return s.Prepare(ctx, n, a.caller())
		})
}

// ofStock is a command that does something about the stock, and shows it.
func (a *app) ofStock(use, short, long string, args cobra.PositionalArgs, do func(context.Context, standbys, tenant.StandbyStock, []string) error) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Long: short + ".\n\n" + long, Args: args}
	cmd.RunE = a.does(func(cmd *cobra.Command, args []string) error {
		service, err := a.connect(cmd.Context(), toRead)
		if err != nil {
			return err
		}
		defer service.Close()
		stock, err := service.Standbys(cmd.Context())
		if err != nil {
			return err
		}
		if err := do(cmd.Context(), service, stock, args); err != nil {
			return err
		}
		if stock, err = service.Standbys(cmd.Context()); err != nil {
			return err
		}
		return a.answer(output.NewStandbys(stock))
	})
	return cmd
}
