package fleet

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/tenant"
)

// Input is what a workflow needs to know. Its JSON is frozen: runs that are under way
// have it.
type Input struct {
	Fleet tenant.FleetID   `json:"fleet"`
	Kind  tenant.FleetKind `json:"kind"`
}

// Work is what a kind does to tenants.
type Work struct {
	// Do is the activity that does a chunk: func(context.Context, activities.FleetChunk) error.
	Do any
	// Chunk is how many tenants one activity does: few where each takes long, since those
	// of a worker that was lost are done again from the first that was not.
	Chunk int
	// Timeout bounds a chunk.
	Timeout time.Duration
	// Queue is the task queue of Do; empty is the workflow's own.
	Queue string
}

const (
	// QueryProgress is the query that tells where a run is.
	QueryProgress = "progress"
	// SignalWake has a run look at its row, which somebody has changed.
	SignalWake = "wake"
)

const (
	// lookAgain is how soon a paused run looks at its row, should nobody have woken it.
	lookAgain = time.Minute
	// stateTimeout bounds one attempt to ask what is next: the first writes all tenants
	// down.
	stateTimeout = time.Minute
	// chunkHeartbeat is how soon a lost worker is noticed.
	chunkHeartbeat = 30 * time.Second
)

// fleetActivities is for names and signatures alone.
var fleetActivities *activities.Fleet

// Run does a run from where its rows are to its end. It ends without an error when the
// run has another workflow.
func Run(ctx workflow.Context, in Input, w Work) error {
	r := &run{in: in, work: w, fence: tenant.FleetFence{
		Fleet: in.Fleet,
		// The first of the chain has the run: it is the same after a continue-as-new and a
		// reset.
		Run: workflow.GetInfo(ctx).FirstRunID,
	}}
	if err := r.open(ctx); err != nil {
		return err
	}
	err := r.follow(ctx)
	if ctx.Err() == nil || !temporal.IsCanceledError(err) {
		return err
	}
	ctx, done := workflow.NewDisconnectedContext(ctx)
	defer done()
	if err := r.act(ctx, tenant.FleetAbort, tenant.ActionRequest{Actor: cancelled, Reason: "the workflow was cancelled"}); err != nil {
		workflow.GetLogger(ctx).Warn("the cancelled run is not aborted", "error", err)
	}
	if err := r.follow(ctx); err != nil {
		return err
	}
	return temporal.NewCanceledError()
}

// cancelled is who has aborted a run whose workflow was cancelled: Temporal does not
// tell.
const cancelled = "temporal workflow cancel"

// follow does what the rows say until the run is over.
func (r *run) follow(ctx workflow.Context) error {
	for {
		r.woken = false
		step, err := r.next(ctx)
		if activities.Superseded(err) {
			workflow.GetLogger(ctx).Info("the fleet run has another workflow", "fleet", r.in.Fleet)
			return nil
		}
		if err != nil {
			return err
		}
		r.step = step
		r.show(ctx)
		switch {
		case step.State.Closed():
			return r.settle(ctx)
		case len(step.Tenants) > 0:
			err = r.do(ctx, step)
		default: // paused, or what is left waits for its next attempt
			err = r.wait(ctx, step.After)
		}
		if err != nil {
			return err
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			if err := r.settle(ctx); err != nil {
				return err
			}
			return workflow.NewContinueAsNewError(ctx, workflow.GetInfo(ctx).WorkflowType.Name, r.in)
		}
	}
}

// run is one execution of a workflow.
type run struct {
	in    Input
	work  Work
	fence tenant.FleetFence
	// step is what was to be done last, for the query.
	step tenant.FleetStep
	// woken tells that the row may have changed since it was read.
	woken bool
	// requests counts those that are being answered.
	requests int
}

// next asks what is to be done, for as long as it takes.
func (r *run) next(ctx workflow.Context) (tenant.FleetStep, error) {
	var step tenant.FleetStep
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, stateOptions("find what is next")), fleetActivities.NextOfFleet, r.fence).Get(ctx, &step)
	return step, err
}

// do has the tenants done, in chunks, several at a time. What becomes of each is in the
// rows.
func (r *run) do(ctx workflow.Context, step tenant.FleetStep) error {
	options := workflow.ActivityOptions{
		TaskQueue: r.work.Queue, StartToCloseTimeout: r.work.Timeout, HeartbeatTimeout: chunkHeartbeat,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute},
	}
	ctx = workflow.WithActivityOptions(ctx, options)
	chunks := chunked(step.Tenants, min(r.work.Chunk, (len(step.Tenants)+step.Lanes-1)/step.Lanes))
	wg := workflow.NewWaitGroup(ctx)
	var failed error
	for range min(step.Lanes, len(chunks)) {
		wg.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer wg.Done()
			for len(chunks) > 0 && failed == nil && !r.woken {
				chunk := chunks[0]
				chunks = chunks[1:]
				if err := workflow.ExecuteActivity(ctx, r.work.Do, activities.FleetChunk{Fence: r.fence, Tenants: chunk}).Get(ctx, nil); err != nil {
					failed = err
				}
			}
		})
	}
	wg.Wait(ctx)
	return failed
}

func chunked(all []tenant.ID, size int) [][]tenant.ID {
	var chunks [][]tenant.ID
	for size = max(size, 1); len(all) > 0; {
		n := min(size, len(all))
		chunks = append(chunks, all[:n])
		all = all[n:]
	}
	return chunks
}

// wait waits until somebody acts, or as long as it is told.
func (r *run) wait(ctx workflow.Context, after time.Duration) error {
	if after == 0 {
		after = lookAgain
	}
	_, err := workflow.AwaitWithTimeout(ctx, after, func() bool { return r.woken })
	return err
}

// settle waits until every request has its answer.
func (r *run) settle(ctx workflow.Context) error {
	return workflow.Await(ctx, func() bool { return r.requests == 0 && workflow.AllHandlersFinished(ctx) })
}

// stateOptions is the options of what reads and writes the run's rows, which is repeated
// until it succeeds.
func stateOptions(summary string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		StartToCloseTimeout: stateTimeout, Summary: summary,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second},
	}
}
