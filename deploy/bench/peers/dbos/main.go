// Command dbos is the peer that keeps its runs by DBOS Transact: a library that writes
// each step's result into PostgreSQL, and nothing beside it.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/dbos-inc/dbos-transact-golang/dbos"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/deploy/bench/peers/peer"
	"tenant-provisioning/deploy/bench/steps"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/tenant"
)

const (
	// retries is how often a step that fails is repeated; DBOS's default is never.
	retries = 10
	// stopTimeout bounds the end of runs that are under way; the next start goes on with
	// them.
	stopTimeout = 5 * time.Second
)

func main() {
	if err := peer.Run(context.Background(), "peer-dbos", open); err != nil {
		fmt.Fprintln(os.Stderr, "peer-dbos:", err)
		os.Exit(1)
	}
}

// engine is a peer.Engine.
type engine struct {
	dbos  dbos.Context
	pool  *pgxpool.Pool
	steps []steps.Step
}

func open(ctx context.Context, s peer.Setup) (peer.Engine, error) {
	// DBOS has a pool of its own beside the application's, as it has when it is given a
	// URL.
	pool, err := connect.Database(ctx, s.Config.DB, s.Name+" engine", connect.Metrics{})
	if err != nil {
		return nil, err
	}
	e := &engine{pool: pool, steps: s.Steps}
	if e.dbos, err = dbos.NewContext(context.WithoutCancel(ctx), dbos.Config{AppName: s.Name, SystemDBPool: pool, Logger: s.Log}); err != nil {
		pool.Close()
		return nil, err
	}
	dbos.RegisterWorkflow(e.dbos, e.provision, dbos.WithWorkflowName("provision"))
	if err := dbos.Launch(e.dbos); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

func (e *engine) provision(ctx dbos.Context, f tenant.Fence) (string, error) {
	for _, step := range e.steps {
		_, err := dbos.RunAsStep(ctx, func(ctx context.Context) (string, error) { return "", step.Do(ctx, f) },
			dbos.WithStepName(step.Name), dbos.WithStepMaxRetries(retries))
		if err != nil {
			return "", err
		}
	}
	return "", nil
}

// Start writes the run, and has it go on in this process.
func (e *engine) Start(_ context.Context, f tenant.Fence) error {
	_, err := dbos.RunWorkflow(e.dbos, e.provision, f, dbos.WithWorkflowID(string(f.Operation)))
	return err
}

func (e *engine) Succeeded(ctx context.Context) (n int, err error) {
	return n, e.pool.QueryRow(ctx, `SELECT count(*) FROM dbos.workflow_status WHERE status = 'SUCCESS'`).Scan(&n)
}

func (e *engine) Close() {
	_ = dbos.Shutdown(e.dbos, stopTimeout) // what is not over by then is recovered at the next start
	e.pool.Close()
}
