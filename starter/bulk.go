package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/time/rate"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/output"
)

// bulkFlags select operations and say how to act on them.
type bulkFlags struct {
	state, step, class string
	olderThan          time.Duration
	yes                bool
	rate               float64
	results            string
}

func (f *bulkFlags) add(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.StringVar(&f.state, "state", "", "act on all operations in this state, such as NEEDS_ATTENTION")
	flags.StringVar(&f.step, "step", "", "with --state: only those whose failed step is this")
	flags.StringVar(&f.class, "class", "", "with --state: only those with this failure class")
	flags.DurationVar(&f.olderThan, "older-than", 0, "with --state: only those that are there for longer than this")
	flags.BoolVar(&f.yes, "yes", false, "with --state: do not ask")
	flags.Float64Var(&f.rate, "rate", 5, "with --state: actions per second, at most")
	flags.StringVar(&f.results, "results", "", "with --state: write what came of each to this file, a JSON object a line")
}

func (f *bulkFlags) check() error {
	f.state, f.step = strings.ToUpper(f.state), strings.ToUpper(f.step)
	state := tenant.State(f.state)
	switch {
	case !slices.Contains(tenant.States(), state) || state.Closed():
		return usagef("--state must be that of an open operation, such as NEEDS_ATTENTION or ROLLBACK_BLOCKED")
	case f.rate <= 0 || f.rate > 100:
		return usagef("--rate must be more than 0 and at most 100")
	case f.olderThan < 0:
		return usagef("--older-than must not be negative")
	}
	return nil
}

// actOnAll shows what the filter selects, asks, and acts on each, at a bounded
// rate. An interrupt ends it between two actions.
func (a *app) actOnAll(ctx context.Context, action tenant.Action, request tenant.ActionRequest, f actFlags) error {
	if f.dryRun || request.PlanHash != "" {
		return usagef("--dry-run and --plan-hash are for one operation: with --state, the preview shows what is selected")
	}
	if err := f.bulk.check(); err != nil {
		return err
	}
	plane, err := a.connect(ctx, toAct)
	if err != nil {
		return err
	}
	defer plane.Close()
	selected, err := f.bulk.selectOperations(ctx, plane, action, a.now())
	if err != nil {
		return err
	}
	summary := output.Bulk{Action: action, Results: []output.BulkResult{}}
	if len(selected) == 0 {
		return a.answer(summary)
	}
	a.say("%s", output.Preview(action, selected))
	if !f.bulk.yes && !a.confirm(len(selected)) {
		return usagef("nothing was done: type the number of operations, or add --yes")
	}
	results, err := openResults(f.bulk.results)
	if err != nil {
		return err
	}
	err = actOnEach(ctx, selected, f.bulk.rate, func(ctx context.Context, o tenant.Operation) error {
		result := output.BulkResult{OperationID: o.ID, TenantID: o.TenantID, Outcome: tenant.OutcomeAccepted}
		after, err := plane.Act(ctx, o.ID, action, request, a.caller())
		if result.State = after.State; err != nil {
			result.Outcome, result.Error, result.State = tenant.OutcomeRefused, err.Error(), ""
		}
		summary.Results = append(summary.Results, result)
		return results.write(result)
	})
	summary.Left = len(selected) - len(summary.Results)
	if closed := results.close(); err == nil {
		err = closed
	}
	if answered := a.answer(summary); err == nil {
		err = answered
	}
	if err == nil && summary.Refused() > 0 {
		err = &attentionError{fmt.Sprintf("%d of %d were not accepted; run the same command again for what is left", summary.Refused(), len(selected))}
	}
	return err
}

// actOnEach acts in turn. One action is never broken off.
func actOnEach(ctx context.Context, selected []tenant.Operation, perSecond float64, act func(context.Context, tenant.Operation) error) error {
	pace := rate.NewLimiter(rate.Limit(perSecond), 1)
	for _, o := range selected {
		if err := pace.Wait(ctx); err != nil {
			return fmt.Errorf("interrupted; run the same command again for what is left: %w", context.Cause(ctx))
		}
		if err := act(context.WithoutCancel(ctx), o); err != nil {
			return err
		}
	}
	return nil
}

// selectOperations reads all pages, the longest wait first. What the action is
// not allowed for is left out.
func (f *bulkFlags) selectOperations(ctx context.Context, c control, action tenant.Action, now time.Time) ([]tenant.Operation, error) {
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

// confirm has the number typed: whoever types it has read it.
func (a *app) confirm(n int) bool {
	if a.in == nil {
		return false
	}
	fmt.Fprintf(a.err, "Type %d to go on: ", n)
	line, err := bufio.NewReader(a.in).ReadString('\n')
	return (err == nil || line != "") && strings.TrimSpace(line) == strconv.Itoa(n)
}

// resultLines is the file of results; without a name it is none.
type resultLines struct{ file *os.File }

func openResults(path string) (*resultLines, error) {
	if path == "" {
		return &resultLines{}, nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--results cannot be written, so nothing was done: %w", err)
	}
	return &resultLines{file}, nil
}

// write appends a line at once, so that an interrupt loses none.
func (r *resultLines) write(result output.BulkResult) error {
	if r.file == nil {
		return nil
	}
	if err := json.NewEncoder(r.file).Encode(result); err != nil {
		return fmt.Errorf("write --results: %w", err)
	}
	return nil
}

func (r *resultLines) close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}
