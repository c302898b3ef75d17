package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"

	"tenant-provisioning/internal/tenant"
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

// keepReconciling calls the reconciler again and again, until it is told to stop: it
// takes over what was terminated, on which a tenant's next operation waits.
func (c *chaos) keepReconciling(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		for sleep(ctx, reconcileEvery) == nil {
			if _, err := c.reconcile(ctx); err != nil && ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, "chaos:", err)
			}
		}
	})
	return func() {
		cancel()
		done.Wait()
	}
}

// settle waits until every tenant's story has ended.
func (c *chaos) settle(ctx context.Context, lives *sync.WaitGroup, giveUp func(), limit time.Duration) error {
	fmt.Fprintln(os.Stderr, "chaos: waiting until every tenant's last operation has ended")
	ended := make(chan struct{})
	go func() {
		lives.Wait()
		close(ended)
	}()
	over := time.After(limit)
	for {
		select {
		case <-ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-over:
			giveUp() // every story then says where it was
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
		if err == nil {
			err = c.repair(ctx, r.tenants)
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

// repair has findings repaired that are what an administrator's skip leaves: a
// contract that does not say what the tenant's status is.
func (c *chaos) repair(ctx context.Context, all []found) error {
	var id tenant.FindingID
	var kind tenant.FindingKind
	var of string
	var open []tenant.FindingID
	err := c.read(ctx, "findings", `SELECT id, kind, coalesce(tenant_id::text, '') FROM findings WHERE state = 'open'`, []any{&id, &kind, &of}, func() {
		ofContract := kind == tenant.FindingContractStatusDiffers || kind == tenant.FindingFailedWithContract
		if ofContract && slices.ContainsFunc(all, func(t found) bool { return t.ID == of && t.leftContract() }) {
			open = append(open, id)
		}
	})
	if err != nil {
		return err
	}
	for _, id := range open {
		out, err := c.starter(ctx, "reconcile", "--repair", id.String(), "--yes", "--reason", "chaos").CombinedOutput()
		if err != nil {
			return fmt.Errorf("starter reconcile --repair %s: %w: %s", id, err, out)
		}
	}
	return nil
}

// leftContract reports whether a step of the ledger was skipped that the operation is
// not whole without.
func (t found) leftContract() bool {
	return slices.ContainsFunc(t.operations, func(o past) bool {
		return slices.ContainsFunc(o.Lifecycle().Stages, func(s tenant.Stage) bool {
			return s.Skippable && s.Needs == tenant.DependencyLedger && slices.ContainsFunc(s.Covers, func(step tenant.Step) bool { return o.log[step][tenant.StepSkipped] > 0 })
		})
	})
}

// countFindings counts what was found and is closed by now, by kind.
func (c *chaos) countFindings(ctx context.Context, r *report) error {
	r.findings = map[string]int{}
	var what string
	var n int
	return c.read(ctx, "findings", `SELECT kind || ', ' || state, count(*) FROM findings WHERE state <> 'open' GROUP BY 1`,
		[]any{&what, &n}, func() { r.findings[what] = n })
}
