package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"tenant-provisioning/internal/tenant"
)

// frame is how often the board is read and drawn: fast enough to look alive,
// slow enough for the API's rate limit of 100 requests in a second.
const frame = 150 * time.Millisecond

// provision creates the tenants through the API and shows their progress until
// nothing more happens by itself.
func provision(ctx context.Context, api *client, tenants []tenant.Spec, s screen) (board, error) {
	b := board{lines: make([]line, len(tenants))}
	begin := time.Now()
	err := each(ctx, len(tenants), func(ctx context.Context, i int) error {
		b.lines[i] = line{name: tenants[i].Name, email: tenants[i].Administrator.Email}
		return b.lines[i].create(ctx, api, tenants[i])
	})
	if err != nil {
		return b, err
	}
	tick := time.NewTicker(frame)
	defer tick.Stop()
	for {
		if err := each(ctx, len(b.lines), func(ctx context.Context, i int) error { return b.lines[i].read(ctx, api) }); err != nil {
			return b, err
		}
		b.elapsed = time.Since(begin)
		s.show(b)
		if b.settled() {
			return b, nil
		}
		select {
		case <-ctx.Done():
			return b, context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// create asks for the tenant. What the API refuses is shown as the tenant's
// problem.
func (l *line) create(ctx context.Context, api *client, n tenant.Spec) error {
	op, err := api.create(ctx, n)
	var refused *apiError
	if errors.As(err, &refused) && refused.Status < 500 {
		l.problem = "refused: " + refused.Error()
		return nil
	}
	if err != nil {
		return fmt.Errorf("create %q: %w", n.Name, err)
	}
	l.tenantID, l.operationID, l.state = op.TenantID, op.ID, op.State
	return nil
}

// read brings the line up to date.
func (l *line) read(ctx context.Context, api *client) error {
	if l.settled() {
		return nil
	}
	p, err := api.progress(ctx, l.tenantID)
	if err != nil {
		return fmt.Errorf("follow %q: %w", l.name, err)
	}
	l.status, l.state, l.steps = p.Status, p.Operation.State, l.steps[:0]
	for _, s := range p.Steps {
		l.steps = append(l.steps, step{
			step: s.Step, status: s.Status, attempts: s.Attempts, err: s.Error,
			duration: time.Duration(s.DurationMS * float64(time.Millisecond)),
		})
	}
	if !l.settled() {
		return nil
	}
	if !l.good() {
		l.problem = string(p.Operation.State) + " at " + string(p.Operation.FailedStep) + ": " + p.Operation.FailureReason
	}
	if !p.Operation.FinishedAt.IsZero() {
		l.seconds = p.Operation.FinishedAt.Sub(p.Operation.CreatedAt).Seconds()
	}
	t, err := api.tenant(ctx, l.tenantID)
	if err != nil {
		return fmt.Errorf("read %q: %w", l.name, err)
	}
	l.schema, l.contract = t.SchemaName, t.ContractID
	return nil
}

// each does something for every index at the same time.
func each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for i := range n {
		group.Go(func() error { return do(ctx, i) })
	}
	return group.Wait()
}
