package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	temporal "go.temporal.io/sdk/client"

	"tenant-provisioning/client"
	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows"
)

const (
	// fillers is how many tenants are made at a time: as many as the pool for schema
	// work has connections.
	fillers = 4
	// idleWindow is how long the idle stack is measured.
	idleWindow = 10 * time.Second
	// quiet is how much CPU a second PostgreSQL may use and count as idle: after
	// filling it vacuums its catalog.
	quiet = 0.05
	// quietTimeout bounds the wait for that; the report has what is used then.
	quietTimeout = 5 * time.Minute
)

// measureLife suspends and resumes the same n tenants, one at a time, in one
// database that grows to each of the sizes.
func measureLife(ctx context.Context, bin string, sizes []int, n int) ([]Life, error) {
	if err := pauseReconciler(ctx); err != nil {
		return nil, err
	}
	var subjects []string
	var all []Life
	there := n // the subjects are made by the product
	for _, size := range sizes {
		fmt.Fprintf(os.Stderr, "bench: the database is filled up to %d tenants\n", size)
		if err := fill(ctx, size, size-there); err != nil {
			return nil, fmt.Errorf("fill the database up to %d tenants: %w", size, err)
		}
		there = size
		life, err := measureLifeAt(ctx, bin, &subjects, n)
		if err != nil {
			return nil, fmt.Errorf("at %d tenants: %w", size, err)
		}
		life.Tenants = size
		all = append(all, life)
	}
	return all, nil
}

// pauseReconciler keeps its rounds out of the figures. It would also find that the
// tenants which fill the database have no contract.
func pauseReconciler(ctx context.Context) error {
	cfg, err := config.Load(config.Options{}, config.NeedTemporal)
	if err != nil {
		return err
	}
	c, err := connect.Temporal(cfg.Temporal, slog.New(slog.DiscardHandler), nil, connect.Metrics{})
	if err != nil {
		return err
	}
	defer c.Close()
	err = c.ScheduleClient().GetHandle(ctx, workflows.ReconcileSchedule).Pause(ctx, temporal.SchedulePauseOptions{Note: "a benchmark"})
	if err != nil {
		return fmt.Errorf("pause the reconciler: %w", err)
	}
	return nil
}

func fill(ctx context.Context, size, n int) error {
	if n == 0 {
		return nil
	}
	p, stop, err := newPlain(ctx)
	if err != nil {
		return err
	}
	defer stop()
	_, err = drive(ctx, fmt.Sprintf("filling up to %d", size), n, fillers, p.fill)
	return err
}

func measureLifeAt(ctx context.Context, bin string, subjects *[]string, n int) (life Life, err error) {
	c, stop, err := product{bin: bin}.start(ctx, 1, both)
	if err != nil {
		return Life{}, err
	}
	defer stop()
	if *subjects == nil {
		if *subjects, err = c.subjects(ctx, n); err != nil {
			return Life{}, err
		}
	}
	for _, kind := range []tenant.Kind{tenant.KindSuspend, tenant.KindResume} { // the first of each makes connections
		if _, err := c.turn(ctx, kind, (*subjects)[:1], nil); err != nil {
			return Life{}, err
		}
	}
	if life.Idle, err = idle(ctx); err != nil {
		return Life{}, err
	}
	fmt.Fprintf(os.Stderr, "bench: %d tenants are suspended and resumed\n", n)
	if life.Suspend, err = c.turn(ctx, tenant.KindSuspend, *subjects, life.Idle); err != nil {
		return Life{}, err
	}
	life.Resume, err = c.turn(ctx, tenant.KindResume, *subjects, life.Idle)
	return life, err
}

// subjects provisions n tenants with all that belongs to them.
func (c *caller) subjects(ctx context.Context, n int) ([]string, error) {
	ids := make([]string, n)
	for i := range ids {
		o, err := c.succeed(ctx, c.create(tenant.Spec{
			Name:          fmt.Sprintf("Benchmark clinic life.%d", i),
			Administrator: tenant.Administrator{Email: fmt.Sprintf("admin.%d@clinic.example", i), FirstName: "Ada", LastName: "Lovelace"},
		}))
		if err != nil {
			return nil, err
		}
		ids[i] = o.TenantID
	}
	return ids, nil
}

// idle measures a stack of which nothing is asked, once PostgreSQL has come to rest.
func idle(ctx context.Context) (map[string]float64, error) {
	deadline := time.Now().Add(quietTimeout)
	for {
		before, err := readCPU()
		if err != nil {
			return nil, err
		}
		began := time.Now()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(idleWindow):
		}
		after, err := readCPU()
		if err != nil {
			return nil, err
		}
		rates := map[string]float64{}
		for name, seconds := range after {
			rates[name] = round((seconds - before[name]) / time.Since(began).Seconds())
		}
		if rates["postgres"] <= quiet || time.Now().After(deadline) {
			return rates, nil
		}
	}
}

// changesAccess is the step by which access has ended, or is back.
var changesAccess = map[tenant.Kind]tenant.Step{tenant.KindSuspend: tenant.StepRevokeAccess, tenant.KindResume: tenant.StepMarkActive}

// ask asks for an operation of a tenant.
func (c *caller) ask(kind tenant.Kind, id string) accepting {
	const reason = "a benchmark"
	return func(ctx context.Context) (client.Operation, error) {
		if kind == tenant.KindSuspend {
			return c.api.SuspendTenant(ctx, id, client.SuspendTenantParams{Reason: reason})
		}
		return c.api.ResumeTenant(ctx, id, client.ResumeTenantParams{Reason: reason})
	}
}

// turn does one kind of operation to each tenant, one after the other.
func (c *caller) turn(ctx context.Context, kind tenant.Kind, tenants []string, idle map[string]float64) (Turn, error) {
	before, err := readCPU()
	if err != nil {
		return Turn{}, err
	}
	var whole, access []time.Duration
	started := time.Now()
	for _, id := range tenants {
		began := time.Now()
		o, err := c.succeed(ctx, c.ask(kind, id))
		if err != nil {
			return Turn{}, err
		}
		var finished, changed time.Time
		// The database's clock is this machine's.
		err = c.pool.QueryRow(ctx, `
			SELECT o.finished_at, l.created_at FROM operations o JOIN provisioning_logs l ON l.operation_id = o.id
			WHERE o.id = $1 AND l.step = $2 AND l.status = 'COMPLETED'`, o.ID, string(changesAccess[kind])).Scan(&finished, &changed)
		if err != nil {
			return Turn{}, fmt.Errorf("read when operation %s had its effect: %w", o.ID, err)
		}
		whole, access = append(whole, finished.Sub(began)), append(access, changed.Sub(began))
	}
	elapsed := time.Since(started)
	after, err := readCPU()
	if err != nil {
		return Turn{}, err
	}
	slices.Sort(whole)
	slices.Sort(access)
	t := Turn{
		Operations: len(tenants), P50: percentile(whole, 50), P95: percentile(whole, 95),
		AccessP50: percentile(access, 50), AccessP95: percentile(access, 95), CPU: map[string]float64{},
	}
	for name := range after {
		used := after[name] - before[name] - idle[name]*elapsed.Seconds()
		if per := used / float64(len(tenants)); per > 0 {
			t.CPU[name] = roundCPU(per)
		}
	}
	return t, nil
}
