package main

import (
	"context"
	"fmt"
	"io"
	"time"
)

const (
	// readyLimit is what worker and api may take to start on a machine that is
	// busy compiling.
	readyLimit = time.Minute
	readyPoll  = 100 * time.Millisecond
	// stopGrace lets the worker finish its activities and the api its requests.
	stopGrace = 30 * time.Second
)

// startProduct starts api and worker and waits until both are ready.
func startProduct(ctx context.Context, f flags, s settings, out io.Writer) ([]*child, error) {
	workerURL, err := s.workerURL()
	if err != nil {
		return nil, err
	}
	var children []*child
	for _, p := range []struct{ name, path string }{{"api", f.api}, {"worker", f.worker}} {
		c, err := startChild(p.name, p.path, f.logs)
		if err != nil {
			return children, err
		}
		children = append(children, c)
		fmt.Fprintf(out, "started %-6s  pid %d, log %s\n", c.name, c.cmd.Process.Pid, c.log)
	}
	waiting, release := together(ctx, children)
	defer release()
	for name, url := range map[string]string{"api": s.App.URL, "worker": workerURL} {
		if err := untilReady(waiting, name, url+"/readyz"); err != nil {
			return children, causeOf(waiting, err)
		}
	}
	return children, nil
}

func untilReady(ctx context.Context, name, url string) error {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		response, err := get(ctx, url)
		if err == nil {
			return response.Body.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the %s was not ready within %s: %w", name, readyLimit, err)
		case <-tick.C:
		}
	}
}
