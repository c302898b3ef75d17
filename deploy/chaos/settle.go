package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"
)

const (
	// reconcileEvery is how often the reconciler is called while tenants are
	// still on their way: its own round comes every five minutes.
	reconcileEvery = 15 * time.Second
	// settleLimit is how long what is left of attempts that were killed may
	// take to be found: the reconciler leaves alone for a minute what may still
	// be under way.
	settleLimit = 2 * time.Minute
)

// settle waits until every tenant's story has ended. The reconciler takes over
// what was terminated.
func (c *chaos) settle(ctx context.Context, lives *sync.WaitGroup, giveUp func(), limit time.Duration) error {
	fmt.Fprintln(os.Stderr, "chaos: waiting until every operation has ended")
	over := time.After(limit)
	tick := time.NewTicker(reconcileEvery)
	defer tick.Stop()
	ended := make(chan struct{})
	go func() {
		lives.Wait()
		close(ended)
	}()
	for {
		select {
		case <-ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-over:
			giveUp() // every story then says where it was
		case <-tick.C:
			if _, err := c.reconcile(ctx); err != nil {
				fmt.Fprintln(os.Stderr, "chaos:", err)
			}
		}
	}
}

// examine looks until everything fits together, or until it should.
func (c *chaos) examine(ctx context.Context, r *report) error {
	began := time.Now()
	for {
		incomplete, err := c.reconcile(ctx)
		if err == nil {
			r.tenants, r.left, err = c.look(ctx)
			for _, part := range incomplete {
				r.left = append(r.left, "the reconciler could not look at: "+part)
			}
		}
		if err == nil && len(r.left) == 0 || time.Since(began) > settleLimit {
			r.took = time.Since(began)
			return errors.Join(err, c.countFindings(ctx, r))
		}
		if err := sleep(ctx, reconcileEvery); err != nil {
			return err
		}
	}
}

// reconcile has a worker compare everything and repair what is safe.
func (c *chaos) reconcile(ctx context.Context) (incomplete []string, err error) {
	out, err := c.starter(ctx, "reconcile", "--output", "json").Output()
	exit, ended := errors.AsType[*exec.ExitError](err)
	const findings = 3 // the status when some are open
	if err != nil && (!ended || exit.ExitCode() != findings) {
		return nil, fmt.Errorf("starter reconcile: %w", err)
	}
	var answer struct{ Incomplete []string }
	if err := json.Unmarshal(out, &answer); err != nil {
		return nil, fmt.Errorf("read what starter reconcile says: %w", err)
	}
	return answer.Incomplete, nil
}

// countFindings counts what was found and is closed by now, by kind.
func (c *chaos) countFindings(ctx context.Context, r *report) error {
	rows, err := c.pool.Query(ctx, `SELECT kind || ', ' || state, count(*) FROM findings WHERE state <> 'open' GROUP BY 1`)
	if err != nil {
		return fmt.Errorf("read the findings: %w", err)
	}
	r.findings, err = counts(rows)
	return err
}
