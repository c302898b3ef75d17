package workflows_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows"
	"tenant-provisioning/workflows/runner"
)

const (
	retryBudget     = time.Minute
	attentionPeriod = 72 * time.Hour
	// thinking is how long a person takes to decide.
	thinking = time.Minute
	// forgotten is when a run that does not end is given up. The product's have
	// no such time-out.
	forgotten = 30 * 24 * time.Hour
)

// reaction is what a person does about a parked operation.
type reaction func(*running)

// running is one run of the workflow on the SDK's test environment, where time
// passes by itself, and what was seen of it.
type running struct {
	env   *testsuite.TestWorkflowEnvironment
	model *model
	watch *watch
	over  chan struct{}

	mu sync.Mutex
	// reactions are taken one after the other each time the state is reached.
	reactions map[tenant.State][]reaction
	answers   []answer
	sent      int
}

// answer is how an update was answered.
type answer struct {
	action tenant.Action
	err    error
}

// newRunning is a run of a provisioning.
func newRunning(t *testing.T) *running {
	t.Helper()
	return runningOn(t, newModel(), originalRun)
}

// runningOn is a run on what others have left.
func runningOn(t *testing.T, m *model, run string) *running {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	r := &running{
		env: suite.NewTestWorkflowEnvironment(), model: m, watch: newWatch(run),
		over: make(chan struct{}), reactions: map[tenant.State][]reaction{},
	}
	r.env.SetTestTimeout(time.Minute)
	r.env.SetWorkflowRunTimeout(forgotten)
	r.env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{r.watch}, DeadlockDetectionTimeout: time.Minute})
	workflows.Register(r.env)
	for _, a := range r.model.steps() {
		r.env.RegisterActivity(a)
	}
	r.model.moved = r.react
	return r
}

func (r *running) input() runner.Input {
	in := runner.Input{
		Tenant: r.model.tenant.ID, Operation: r.model.operation.ID, Generation: 1,
		RetryBudget: retryBudget, AttentionPeriod: attentionPeriod, Queues: runner.QueuesOf("main"),
	}
	r.model.leads(&in)
	return in
}

// leads says in a run's input what its operation is for. A provisioning is what
// the input says without it.
func (m *model) leads(in *runner.Input) {
	if o := m.operation; o.Kind != tenant.KindProvision {
		in.Kind, in.FromStatus, in.ToStatus = o.Kind, o.FromStatus, o.ToStatus
	}
}

// run runs the workflow to its end, and every attempt that it left behind.
func (r *running) run(t *testing.T) error {
	t.Helper()
	return r.runOn(t, r.input())
}

func (r *running) runOn(t *testing.T, in runner.Input) error {
	t.Helper()
	r.env.ExecuteWorkflow(r.model.operation.Lifecycle().Workflow, in)
	close(r.over)
	r.watch.attempts.Wait()
	r.model.settle()
	require.True(t, r.env.IsWorkflowCompleted())
	return r.env.GetWorkflowError()
}

// react lets a person think about a state that was reached.
func (r *running) react(s tenant.State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do := r.lastResort(s)
	if queue := r.reactions[s]; len(queue) > 0 {
		do, r.reactions[s] = queue[0], queue[1:]
	}
	if do != nil {
		r.env.RegisterDelayedCallback(func() { do(r) }, thinking)
	}
}

// lastResort is what a person does who is told again of what no deadline decides.
func (r *running) lastResort(s tenant.State) reaction {
	r.model.mu.Lock()
	defer r.model.mu.Unlock()
	switch {
	case s != tenant.StateNeedsAttention || r.model.told == 0:
		return nil
	case r.model.operation.Allows(tenant.ActionRollback):
		return update(tenant.ActionRollback)
	}
	return mended(update(tenant.ActionRetry))
}

func (r *running) request(id string) tenant.ActionRequest {
	return tenant.ActionRequest{Actor: "ada", Reason: "ticket 7", RequestID: id}
}

func (r *running) update(a tenant.Action, requestID string) {
	r.env.UpdateWorkflow(string(a), "", &testsuite.TestUpdateCallback{
		OnAccept:   func() { r.sent++ },
		OnReject:   func(err error) { r.answers = append(r.answers, answer{a, err}) },
		OnComplete: func(_ any, err error) { r.answers = append(r.answers, answer{a, err}) },
	}, r.request(requestID))
}

func (r *running) signal(a tenant.Action, requestID string) {
	r.sent++
	r.env.SignalWorkflow(string(a), r.request(requestID))
}

// meanwhile makes a fault of something that a person does while a call is
// under way. The call goes on when the workflow has heard of it.
func (r *running) meanwhile(do reaction) func(context.Context) error {
	return func(context.Context) error {
		heard := make(chan struct{})
		rounds := 5 // what is posted may be posted on
		var next func()
		next = func() {
			if rounds--; rounds == 0 {
				close(heard)
				return
			}
			r.env.RegisterDelayedCallback(next, 0)
		}
		r.env.RegisterDelayedCallback(func() { do(r); next() }, 0)
		select {
		case <-heard:
		case <-r.over:
		}
		return nil
	}
}

func (r *running) status(t tester) runner.Status {
	t.Helper()
	value, err := r.env.QueryWorkflow(runner.QueryStatus)
	require.NoError(t, err)
	var s runner.Status
	require.NoError(t, value.Get(&s))
	return s
}
