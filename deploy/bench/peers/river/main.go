// Command river is the peer that keeps its runs by River: a queue of jobs in PostgreSQL.
// A run is one job, whose steps River skips when the job is repeated after a failure. A
// process that is killed in the middle of a job repeats all of its steps.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"tenant-provisioning/deploy/bench/peers/peer"
	"tenant-provisioning/deploy/bench/steps"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/tenant"
)

const (
	// schema is where River's tables are.
	schema = "river"
	// workers is how many jobs run at a time: more than the benchmark has in flight.
	workers = 100
	// cooldown is how long River waits at least between two looks into its queue. With its
	// default, 100 ms, a tenant would wait for most of that, and River be slower than it
	// can be.
	cooldown = 5 * time.Millisecond
	// stopTimeout bounds the end of jobs that are under way.
	stopTimeout = 5 * time.Second
)

func main() {
	if err := peer.Run(context.Background(), "peer-river", open); err != nil {
		fmt.Fprintln(os.Stderr, "peer-river:", err)
		os.Exit(1)
	}
}

// provision is a job.
type provision struct {
	Fence tenant.Fence `json:"fence"`
}

// Kind is the job's name in the queue.
func (provision) Kind() string { return "provision" }

// worker does jobs.
type worker struct {
	river.WorkerDefaults[provision]

	steps []steps.Step
}

// Work does the steps. After one that fails it skips the others, and the attempt with
// them.
func (w *worker) Work(ctx context.Context, job *river.Job[provision]) error {
	for _, step := range w.steps {
		river.ResumableStep(ctx, step.Name, nil, func(ctx context.Context) error { return step.Do(ctx, job.Args.Fence) })
	}
	return nil
}

// engine is a peer.Engine.
type engine struct {
	client *river.Client[pgx.Tx]
	pool   *pgxpool.Pool
}

func open(ctx context.Context, s peer.Setup) (_ peer.Engine, err error) {
	pool, err := connect.Database(ctx, s.Config.DB, s.Name+" engine", connect.Metrics{})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			pool.Close()
		}
	}()
	driver := riverpgxv5.New(pool)
	if _, err := pool.Exec(ctx, `CREATE SCHEMA IF NOT EXISTS `+schema); err != nil {
		return nil, fmt.Errorf("make the schema of River: %w", err)
	}
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Schema: schema, Logger: s.Log})
	if err != nil {
		return nil, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, fmt.Errorf("make the tables of River: %w", err)
	}
	known := river.NewWorkers()
	river.AddWorker(known, &worker{steps: s.Steps})
	client, err := river.NewClient(driver, &river.Config{
		Schema: schema, Logger: s.Log, Workers: known, FetchCooldown: cooldown,
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workers}},
	})
	if err != nil {
		return nil, err
	}
	if err := client.Start(context.WithoutCancel(ctx)); err != nil { // Close ends it
		return nil, err
	}
	return &engine{client, pool}, nil
}

// Start writes the job.
func (e *engine) Start(ctx context.Context, f tenant.Fence) error {
	_, err := e.client.Insert(ctx, provision{f}, nil)
	return err
}

func (e *engine) Succeeded(ctx context.Context) (n int, err error) {
	return n, e.pool.QueryRow(ctx, `SELECT count(*) FROM `+schema+`.river_job WHERE state = 'completed'`).Scan(&n)
}

func (e *engine) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	_ = e.client.StopAndCancel(ctx) // what is not over by then is rescued at a later start
	e.pool.Close()
}
