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
	tenant.ActionRollback: "Undo everything, as long as the tenant does not have its new status",
	tenant.ActionCancel:   "Roll back before the tenant has its new status, give up the mail after that",
}

// actMore says where an action does otherwise.
var actMore = map[tenant.Action]string{
	tenant.ActionRollback: `

A purge can be rolled back only while it is PENDING, an invitation until its mail is
noted as sent.`,
	tenant.ActionCancel: `

A purge that has begun goes on, and only its mail is given up. A cancel is refused
during a rollback, and while a purge waits for a person at a step that must be done.`,
}

// actFlags are the flags of an action.
type actFlags struct {
	request tenant.ActionRequest
	dryRun  bool
	filter  operationFilter
	bulk    bulkFlags
}

// act is one of the actions, on one operation or on all that a filter
// selects.
func (a *app) act(action tenant.Action) *cobra.Command {
	var f actFlags
	cmd := &cobra.Command{
		Use:   string(action) + " OPERATION-ID --reason TEXT",
		Short: actShort[action],
		Long: actShort[action] + `.` + actMore[action] + `

With --state instead of an operation's id it acts on all operations that the
filter selects, after it has shown them and you have typed their number. What
changed meanwhile is refused one by one; a second run acts on what is left.

The reason goes into the audit log and into Temporal's history, in clear, also
where payloads are encrypted: no personal data, no secrets; a ticket's number
will do. "starter status ID" says which actions are allowed now.

` + exitHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if f.filter.state != "" && len(args) == 0 {
				return nil
			}
			return one("the operation's id")(cmd, args)
		},
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, args []string) error {
		caller := a.caller()
		f.request.Actor = caller.Actor
		if f.dryRun {
			f.request.Reason = "dry run"
		}
		request, err := f.request.Clean()
		if err != nil {
			return byFlag(err, map[string]string{"reason": "--reason", "requestId": "--request-id", "actor": "--actor", "planHash": "--plan-hash"})
		}
		if len(args) == 0 {
			return a.actOnAll(cmd.Context(), action, request, f)
		}
		if f.filter.state != "" {
			return usagef("--state selects operations: leave the id out, or the filter")
		}
		id, err := tenant.ReadOperationID(args[0])
		if err != nil {
			return usagef("%q is no operation's id: it is a UUID, from starter list --attention or starter status", args[0])
		}
		return a.actOnOne(cmd.Context(), action, id, request, f.dryRun)
	})
	flags := cmd.Flags()
	flags.StringVar(&f.request.Reason, "reason", "", "why, for the audit log; it is kept in clear")
	flags.StringVar(&f.request.RequestID, "request-id", "", "with the same id, a repeated command acts once")
	flags.SortFlags = false
	f.filter.add(flags)
	f.bulk.add(flags, "with --state")
	if action == tenant.ActionRollback {
		flags.BoolVar(&f.dryRun, "dry-run", false, "undo nothing; show what would be undone, and the plan's hash")
		flags.StringVar(&f.request.PlanHash, "plan-hash", "", "refuse if the plan is not the one of this hash any more")
		cmd.MarkFlagsOneRequired("reason", "dry-run")
		return cmd
	}
	if err := cmd.MarkFlagRequired("reason"); err != nil {
		panic(err) //nolint:forbidigo // the flag is defined above
	}
	return cmd
}

func (a *app) actOnOne(ctx context.Context, action tenant.Action, id tenant.OperationID, request tenant.ActionRequest, dryRun bool) error {
	needs := toAct
	if dryRun {
		needs = toRead
	}
	service, err := a.connect(ctx, needs)
	if err != nil {
		return err
	}
	defer service.Close()
	if dryRun {
		plan, err := service.Plan(ctx, id)
		if errors.Is(err, tenant.ErrNotFound) {
			return explainNotFound(ctx, service, action, "--dry-run", id, err)
		}
		if err != nil {
			return fmt.Errorf("plan a rollback of operation %s: %w", id, err)
		}
		return a.answer(output.NewPlan(plan))
	}
	if _, err := a.lookForWorkers(ctx, service); err != nil {
		return err
	}
	op, err := service.Act(ctx, id, action, request, a.caller())
	if errors.Is(err, tenant.ErrNotFound) {
		return explainNotFound(ctx, service, action, "--reason TEXT", id, err)
	}
	if err != nil {
		return fmt.Errorf("%s operation %s: %w", action, id, err)
	}
	return a.answer(output.Acted{Action: action, Operation: output.NewOperation(op)})
}

// explainNotFound tells whoever gave a tenant's id which operation is meant.
func explainNotFound(ctx context.Context, c control, action tenant.Action, flags string, id tenant.OperationID, notFound error) error {
	p, err := c.Progress(ctx, tenant.ID(id))
	if err != nil {
		return fmt.Errorf("find operation %s: %w", id, notFound)
	}
	return usagef("%s is a tenant. Its latest operation is %s:\n  starter %s %s %s", id, p.Operation.ID, action, p.Operation.ID, flags)
}
