// Command temporal is the peer that keeps its runs by Temporal as its documentation has
// it: one workflow, each of whose steps is an activity of its own, with the SDK's
// options as they are. The product is on the same server; what it does otherwise is what
// this one shows.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/deploy/bench/peers/peer"
	"tenant-provisioning/deploy/bench/steps"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/tenant"
)

const (
	// name is that of the workflow.
	name = "PeerProvision"
	// attempt bounds one attempt at a step. Those that fail are repeated without end, as
	// is Temporal's default.
	attempt = time.Minute
)

func main() {
	if err := peer.Run(context.Background(), "peer-temporal", open); err != nil {
		fmt.Fprintln(os.Stderr, "peer-temporal:", err)
		os.Exit(1)
	}
}

// engine is a peer.Engine.
type engine struct {
	client    client.Client
	namespace string
	queue     string
	worker    worker.Worker
}

func open(_ context.Context, s peer.Setup) (peer.Engine, error) {
	c, err := connect.WorkerTemporal(s.Config.Temporal, s.Log, nil, connect.Metrics{})
	if err != nil {
		return nil, err
	}
	e := &engine{client: c, namespace: s.Config.Temporal.ClientOptions().Namespace, queue: s.Name, worker: worker.New(c, s.Name, worker.Options{})}
	for _, step := range s.Steps {
		e.worker.RegisterActivityWithOptions(step.Do, activity.RegisterOptions{Name: step.Name})
	}
	e.worker.RegisterWorkflowWithOptions(provision(s.Steps), workflow.RegisterOptions{Name: name})
	if err := e.worker.Start(); err != nil {
		c.Close()
		return nil, err
	}
	return e, nil
}

func provision(all []steps.Step) func(workflow.Context, tenant.Fence) error {
	return func(ctx workflow.Context, f tenant.Fence) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: attempt})
		for _, step := range all {
			if err := workflow.ExecuteActivity(ctx, step.Name, f).Get(ctx, nil); err != nil {
				return err
			}
		}
		return nil
	}
}

// Start has the server begin the run.
func (e *engine) Start(ctx context.Context, f tenant.Fence) error {
	_, err := e.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "peer-provision/" + string(f.Tenant), TaskQueue: e.queue}, name, f)
	return err
}

// Succeeded asks the visibility store, which comes a moment later than the runs.
func (e *engine) Succeeded(ctx context.Context) (int, error) {
	r, err := e.client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: e.namespace, Query: fmt.Sprintf(`TaskQueue = '%s' AND ExecutionStatus = 'Completed'`, e.queue),
	})
	return int(r.GetCount()), err
}

func (e *engine) Close() {
	e.worker.Stop()
	e.client.Close()
}
