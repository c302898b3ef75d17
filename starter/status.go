package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/output"
)

func (a *app) status() *cobra.Command {
	var following bool
	cmd := &cobra.Command{
		Use:   "status TENANT-ID|OPERATION-ID",
		Short: "Show how far a tenant is, what stands in the way, and the commands to paste",
		Long: `Show how far a tenant is, step by step, what stands in the way, and the commands
to paste. The id is a tenant's or an operation's.

With --follow, first a line on standard error for each thing that happens, from the
operation's beginning until it has ended or waits for a person.

` + exitHelp,
		Args: one("the id of a tenant or of an operation"),
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, args []string) error {
		id, err := tenant.ReadID(args[0])
		if err != nil {
			return usagef("%q is no id: it is a UUID, from starter list or from an answer of the api", args[0])
		}
		service, err := a.connect(cmd.Context(), toRead)
		if err != nil {
			return err
		}
		defer service.Close()
		p, err := find(cmd.Context(), service, id)
		if err != nil {
			return err
		}
		if following {
			if err := a.followEvents(cmd.Context(), service, p.Operation.ID); err != nil {
				return err
			}
			if p, err = find(cmd.Context(), service, tenant.ID(p.Operation.ID)); err != nil {
				return err
			}
		}
		s := output.NewStatus(p)
		if s.Workers, err = a.lookForWorkers(cmd.Context(), service); err != nil {
			return err
		}
		if err := a.answer(s); err != nil {
			return err
		}
		return judge(p.Tenant, p.Operation, false)
	})
	cmd.Flags().BoolVar(&following, "follow", false, "tell what happens until the operation has ended or waits for a person")
	return cmd
}

// find looks for a tenant of this id, then for an operation.
func find(ctx context.Context, c control, id tenant.ID) (tenant.Progress, error) {
	p, err := c.Progress(ctx, id)
	if !errors.Is(err, tenant.ErrNotFound) {
		return p, err
	}
	op, err := c.Operation(ctx, tenant.OperationID(id))
	if err != nil {
		return p, fmt.Errorf("find a tenant or an operation with the id %s: %w", id, err)
	}
	p, err = c.Progress(ctx, op.TenantID)
	if err == nil && p.Operation.ID != op.ID {
		// The steps are those of the latest operation, this is an earlier one.
		p.Operation, p.Steps, p.Logs = op, nil, nil
	}
	return p, err
}
