package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"tenant-provisioning/client"
	"tenant-provisioning/internal/tenant"
)

// frame is how often the board is read and drawn: fast enough to look alive,
// slow enough for the API's rate limit of 100 requests in a second.
const frame = 150 * time.Millisecond

// provision creates the tenants through the API and shows their progress until
// nothing more happens by itself.
func provision(ctx context.Context, api *client.Client, tenants []tenant.Spec, s screen) (board, error) {
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
func (l *line) create(ctx context.Context, api *client.Client, n tenant.Spec) error {
	op, err := api.CreateTenant(ctx, client.CreateTenantParams{
		Name: n.Name, AdminEmail: n.Administrator.Email, AdminFirstName: n.Administrator.FirstName,
		AdminLastName: n.Administrator.LastName, Tier: n.Tier, Region: n.Region,
	})
	if refused, ok := errors.AsType[*client.Problem](err); ok && refused.Status < http.StatusInternalServerError {
		l.problem = "refused: " + refused.Error()
		return nil
	}
	if err != nil {
		return fmt.Errorf("create %q: %w", n.Name, err)
	}
	l.tenantID, l.operationID, l.state = tenant.ID(op.TenantID), tenant.OperationID(op.ID), tenant.State(op.State)
	return nil
}

// read brings the line up to date.
func (l *line) read(ctx context.Context, api *client.Client) error {
	if l.settled() {
		return nil
	}
	p, err := api.GetProvisioning(ctx, string(l.tenantID))
	if err != nil {
		return fmt.Errorf("follow %q: %w", l.name, err)
	}
	l.status, l.state, l.steps = tenant.Status(p.Status), tenant.State(p.Operation.State), l.steps[:0]
	for _, s := range p.Steps {
		l.steps = append(l.steps, step{
			step: tenant.Step(s.Step), status: tenant.StepStatus(s.Status), attempts: s.Attempts, err: s.Error,
			duration: time.Duration(s.DurationMs * float64(time.Millisecond)),
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
	t, err := api.GetTenant(ctx, string(l.tenantID))
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
