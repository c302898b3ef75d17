package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"tenant-provisioning/internal/child"
)

const (
	// readyLimit is what worker and api may take to start on a machine that is
	// busy compiling.
	readyLimit = time.Minute
	// stopGrace lets the worker finish its activities and the api its requests.
	stopGrace = 30 * time.Second
)

// program is the api or the worker, which runs beside the demo.
type program struct {
	*child.Process
	name, ready string // what people call it, and where it tells whether it is ready
}

// startProduct starts api and worker and waits until both are ready. It returns
// those that it has started, also when it fails.
func startProduct(ctx context.Context, f flags, s settings, out io.Writer) ([]program, error) {
	workerURL, err := s.workerURL()
	if err != nil {
		return nil, err
	}
	var product []program
	for _, p := range []struct{ name, path, url string }{{"api", f.api, s.App.URL}, {"worker", f.worker, workerURL}} {
		log := filepath.Join(f.logs, p.name+".log")
		if err := os.RemoveAll(log); err != nil { // that of the last run
			return product, err
		}
		started, err := child.Start(child.Spec{Name: p.name, Path: p.path, LogFile: log, Grace: stopGrace})
		if err != nil {
			return product, fmt.Errorf("%w (build it with: make build)", err)
		}
		product = append(product, program{started, p.name, p.url + "/readyz"})
		fmt.Fprintf(out, "started %-6s  pid %d, log %s\n", p.name, started.PID(), log)
	}
	waiting, release := together(ctx, product)
	defer release()
	for _, p := range product {
		err := p.Ready(waiting, readyLimit, func(ctx context.Context) error {
			response, err := get(ctx, p.ready)
			if err != nil {
				return err
			}
			return response.Body.Close()
		})
		if err != nil {
			return product, causeOf(waiting, err)
		}
	}
	return product, nil
}

// together ends the context when a program ends, with that as its cause.
func together(ctx context.Context, product []program) (context.Context, context.CancelFunc) {
	ctx, fail := context.WithCancelCause(ctx)
	for _, p := range product {
		go func() {
			select {
			case <-p.Ended():
				fail(p.Err())
			case <-ctx.Done():
			}
		}()
	}
	return ctx, func() { fail(nil) }
}
