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
	rows, format, err := a.readRows(f.file)
	if err != nil {
		return &usageError{err: err}
	}
	results, err := f.openResults(format)
	if err != nil {
		return err
	}
	service, err := a.connect(ctx, toProvision)
	if err != nil {
		return err
	}
	defer service.Close()
	if _, err := a.lookForWorkers(ctx, service); err != nil {
		return err
	}
	if f.wait {
		service.listen(ctx)
	}
	shown := a.progress(len(rows), f.wait)
	outcomes, err := batch.NewRunner(batch.Config{
		Control: service, Caller: a.caller(), Concurrency: f.concurrency, Wait: f.wait,
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

// standardInput is the file's name that means it.
const standardInput = "-"

func (a *app) readRows(file string) ([]roster.Row, roster.Format, error) {
	if file != standardInput {
		return roster.Read(file)
	}
	if a.in == nil {
		return nil, "", errors.New("there is no standard input to read the tenants from")
	}
	return roster.ReadFrom(a.in, "standard input")
}

// openResults finds the result file's place: where it is wanted, else beside the
// tenants' file. Beside standard input there is none.
func (f provisionFlags) openResults(format roster.Format) (*batch.ResultFile, error) {
	switch {
	case f.results != "":
		return batch.OpenResultFileAt(f.results, f.file, format)
	case f.file == standardInput:
		return &batch.ResultFile{}, nil
	}
	return batch.OpenResultFile(f.file, format)
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
