package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/output"
)

var actShort = map[tenant.Action]string{
	tenant.ActionRetry:    "Try the failed step, or the blocked undo, again",
	tenant.ActionSkip:     "Go on without the failed step, or without the blocked undo",
	tenant.ActionRollback: "Undo everything; the tenant ends FAILED and its name is free again",
}

// act is one of the three actions on an operation.
func (a *app) act(action tenant.Action) *cobra.Command {
	var request tenant.ActionRequest
	cmd := &cobra.Command{
		Use:   string(action) + " OPERATION-ID --reason TEXT",
		Short: actShort[action],
		Long: actShort[action] + `.

The reason goes into the audit log and into Temporal's history, in clear, also
where payloads are encrypted: nothing about patients, no secrets. A ticket's
number does. "starter status ID" says which actions are allowed now.`,
		Args: one("the operation's id"),
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, args []string) error {
		id, err := tenant.ParseOperationID(args[0])
		if err != nil {
			return usagef("%q is no operation's id: it is a UUID in lower case, from starter list --attention or starter status", args[0])
		}
		caller := a.caller()
		request.Actor = caller.Actor
		request, err := request.Clean()
		if err != nil {
			return byFlag(err, map[string]string{"reason": "--reason", "requestId": "--request-id", "actor": "--actor"})
		}
		plane, err := a.connect(cmd.Context(), toAct)
		if err != nil {
			return err
		}
		defer plane.Close()
		op, err := plane.Act(cmd.Context(), id, action, request, caller)
		if errors.Is(err, tenant.ErrNotFound) {
			return explainNotFound(cmd.Context(), plane, action, id, err)
		}
		if err != nil {
			return fmt.Errorf("%s operation %s: %w", action, id, err)
		}
		return a.answer(output.Acted{Action: action, Operation: output.NewOperation(op)})
	})
	flags := cmd.Flags()
	flags.StringVar(&request.Reason, "reason", "", "why, for the audit log; it is kept in clear")
	flags.StringVar(&request.RequestID, "request-id", "", "with the same id, a repeated command acts once")
	if err := cmd.MarkFlagRequired("reason"); err != nil {
		panic(err) //nolint:forbidigo // the flag is defined two lines above
	}
	return cmd
}

// explainNotFound tells whoever gave a tenant's id which operation is meant.
func explainNotFound(ctx context.Context, c control, action tenant.Action, id tenant.OperationID, notFound error) error {
	p, err := c.Progress(ctx, tenant.ID(id))
	if err != nil {
		return fmt.Errorf("find operation %s: %w", id, notFound)
	}
	return usagef("%s is a tenant. Its latest operation is %s:\n  starter %s %s --reason TEXT", id, p.Operation.ID, action, p.Operation.ID)
}
