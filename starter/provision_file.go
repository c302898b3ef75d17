package main

import (
	"context"
	"errors"
	"fmt"

	"tenant-provisioning/starter/batch"
	"tenant-provisioning/starter/progress"
	"tenant-provisioning/starter/roster"
)

func (a *app) provisionFile(ctx context.Context, f provisionFlags) error {
	rows, format, err := roster.Read(f.file)
	if err != nil {
		return &usageError{err: err}
	}
	results, err := batch.OpenResultFile(f.file, format)
	if err != nil {
		return err
	}
	plane, err := a.connect(ctx, toProvision)
	if err != nil {
		return err
	}
	defer plane.Close()
	if f.wait {
		plane.listen(ctx)
	}
	shown := a.progress(len(rows), f.wait)
	outcomes, err := batch.NewRunner(batch.Config{
		Control: plane, Caller: a.caller(), Concurrency: f.concurrency, Wait: f.wait,
		Timeout: f.timeout, Again: f.again, Patience: batch.DefaultPatience, Watcher: shown,
	}).Run(ctx, rows, results)
	shown.Done()

	report := batch.NewReport(f.file, results, outcomes, f.wait, err != nil)
	if werr := a.answer(report); werr != nil {
		return errors.Join(err, werr)
	}
	const goOn = "what was accepted goes on by itself; to go on with the rest, run the same command again"
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted; " + goOn)
	}
	if err != nil {
		return fmt.Errorf("stopped; %s: %w", goOn, err)
	}
	if bad := report.NotGood(); len(bad) > 0 {
		return &attentionError{fmt.Sprintf("%d of %d tenants have to be looked at; the column error says why, and for each: starter status TENANT-ID", len(bad), len(rows))}
	}
	return nil
}

// shown is progress that has an end.
type shown interface {
	batch.Watcher
	Done()
}

func (a *app) progress(total int, waited bool) shown {
	if a.terminal {
		return progress.NewBar(a.err, total, waited)
	}
	return progress.NewLines(a.err, total)
}
