package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/output"
)

// operationFilter selects operations.
type operationFilter struct {
	state, step, class string
	olderThan          time.Duration
}

func (f *operationFilter) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.state, "state", "", "act on all operations in this state, such as NEEDS_ATTENTION")
	flags.StringVar(&f.step, "step", "", "with --state: only those whose failed step is this")
	flags.StringVar(&f.class, "class", "", "with --state: only those with this failure class")
	flags.DurationVar(&f.olderThan, "older-than", 0, "with --state: only those that are there for longer than this")
}

func (f *operationFilter) check() error {
	f.state, f.step = strings.ToUpper(f.state), strings.ToUpper(f.step)
	state := tenant.State(f.state)
	switch {
	case !slices.Contains(tenant.States(), state) || state.Closed():
		return usagef("--state must be that of an open operation, such as NEEDS_ATTENTION or ROLLBACK_BLOCKED")
	case f.olderThan < 0:
		return usagef("--older-than must not be negative")
	}
	return nil
}

// find reads all pages, the longest wait first. What the action is not allowed for
// is left out.
func (f *operationFilter) find(ctx context.Context, c control, action tenant.Action, now time.Time) ([]tenant.Operation, error) {
	all, _, err := pages(true, func(cursor string) (tenant.Page[tenant.Operation], error) {
		return c.Operations(ctx, tenant.OperationFilter{State: tenant.State(f.state), Cursor: cursor, Limit: tenant.MaxPageSize})
	}, "")
	if err != nil {
		return nil, err
	}
	selected := slices.DeleteFunc(all, func(o tenant.Operation) bool {
		return f.step != "" && string(o.FailedStep) != f.step || f.class != "" && string(o.FailureClass) != f.class ||
			f.olderThan > 0 && now.Sub(o.WaitsSince()) < f.olderThan || !o.Allows(action)
	})
	slices.SortFunc(selected, func(x, y tenant.Operation) int { return x.WaitsSince().Compare(y.WaitsSince()) })
	return selected, nil
}

// actOnAll acts on what the filter selects.
func (a *app) actOnAll(ctx context.Context, action tenant.Action, request tenant.ActionRequest, f actFlags) error {
	if f.dryRun || request.PlanHash != "" {
		return usagef("--dry-run and --plan-hash are for one operation: with --state, the preview shows what is selected")
	}
	if err := f.filter.check(); err != nil {
		return err
	}
	if err := f.bulk.check(); err != nil {
		return err
	}
	service, err := a.connect(ctx, toAct)
	if err != nil {
		return err
	}
	defer service.Close()
	selected, err := f.filter.find(ctx, service, action, a.now())
	if err != nil {
		return err
	}
	return bulk[tenant.Operation]{
		bulkFlags: f.bulk, does: string(action), noun: "operations", selected: selected, preview: output.PreviewOperations(action, selected),
		act: func(ctx context.Context, o tenant.Operation) output.BulkResult {
			after, err := service.Act(ctx, o.ID, action, request, a.caller())
			after.ID, after.TenantID = o.ID, o.TenantID
			return output.NewBulkResult(after, err)
		},
	}.do(ctx, a)
}
