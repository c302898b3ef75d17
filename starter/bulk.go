package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/time/rate"

	"tenant-provisioning/starter/output"
)

// bulkFlags say how something is done to many.
type bulkFlags struct {
	yes     bool
	rate    float64
	results string
}

// add adds the flags that count only with the filter.
func (f *bulkFlags) add(flags *pflag.FlagSet, filter string) {
	flags.BoolVar(&f.yes, "yes", false, filter+": do not ask")
	flags.Float64Var(&f.rate, "rate", 5, filter+": actions per second, at most")
	flags.StringVar(&f.results, "results", "", filter+": write what came of each to this file, a JSON object a line")
}

func (f *bulkFlags) check() error {
	if f.rate <= 0 || f.rate > 100 {
		return usagef("--rate must be more than 0 and at most 100")
	}
	return nil
}

// bulk is something that is done to many.
type bulk[T any] struct {
	bulkFlags
	// does is what it is called, and noun what it is done to.
	does, noun string
	selected   []T
	preview    string
	act        func(context.Context, T) output.BulkResult
}

// do shows what is selected, asks, and acts on each, at a bounded rate. An
// interrupt ends it between two actions.
func (b bulk[T]) do(ctx context.Context, a *app) error {
	summary := output.Bulk{Action: b.does, Results: []output.BulkResult{}}
	if len(b.selected) == 0 {
		return a.answer(summary)
	}
	a.say("%s", b.preview)
	if !b.yes && !a.confirm(len(b.selected)) {
		return usagef("nothing was done: type the number of %s, or add --yes", b.noun)
	}
	results, err := openResults(b.results)
	if err != nil {
		return err
	}
	err = b.each(ctx, func(result output.BulkResult) error {
		summary.Results = append(summary.Results, result)
		return results.write(result)
	})
	summary.Left = len(b.selected) - len(summary.Results)
	if closed := results.close(); err == nil {
		err = closed
	}
	if answered := a.answer(summary); err == nil {
		err = answered
	}
	if err == nil && summary.Refused() > 0 {
		err = &attentionError{fmt.Sprintf("%d of %d were not accepted; run the same command again for what is left", summary.Refused(), len(b.selected))}
	}
	return err
}

// each acts in turn. One action is never broken off.
func (b bulk[T]) each(ctx context.Context, done func(output.BulkResult) error) error {
	pace := rate.NewLimiter(rate.Limit(b.rate), 1)
	for _, item := range b.selected {
		if err := pace.Wait(ctx); err != nil {
			return fmt.Errorf("interrupted; run the same command again for what is left: %w", context.Cause(ctx))
		}
		if err := done(b.act(context.WithoutCancel(ctx), item)); err != nil {
			return err
		}
	}
	return nil
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
