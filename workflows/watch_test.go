package workflows_test

import (
	"context"
	"slices"
	"sync"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/workflows/runner"
)

// watch counts what a run does, and knows when its attempts have ended.
type watch struct {
	interceptor.WorkerInterceptorBase
	attempts sync.WaitGroup
	// run is the run's id: the test environment has none.
	run string

	mu sync.Mutex
	// plain and local are the activities by name, in the order of their start.
	plain, local, all []string
	// upserts counts the changes of the search attributes.
	upserts    int
	attributes temporal.SearchAttributes
}

func newWatch(run string) *watch {
	return &watch{run: run, attributes: runner.StartAttributes(newModel().tenant.ID)}
}

// originalRun is the id of a run, unless another is given.
const originalRun = "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f33"

func (w *watch) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	a := &watchedActivity{watch: w}
	a.Next = next
	return a
}

type watchedActivity struct {
	interceptor.ActivityInboundInterceptorBase
	watch *watch
}

func (a *watchedActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	a.watch.attempts.Add(1)
	defer a.watch.attempts.Done()
	return a.Next.ExecuteActivity(ctx, in)
}

func (w *watch) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	i := &watchedInbound{watch: w}
	i.Next = next
	return i
}

type watchedInbound struct {
	interceptor.WorkflowInboundInterceptorBase
	watch *watch
}

func (i *watchedInbound) Init(outbound interceptor.WorkflowOutboundInterceptor) error {
	o := &watchedOutbound{watch: i.watch}
	o.Next = outbound
	return i.Next.Init(o)
}

type watchedOutbound struct {
	interceptor.WorkflowOutboundInterceptorBase
	watch *watch
}

func (o *watchedOutbound) GetInfo(ctx workflow.Context) *workflow.Info {
	info := *o.Next.GetInfo(ctx)
	info.OriginalRunID = o.watch.run
	return &info
}

func (o *watchedOutbound) ExecuteActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	o.watch.mu.Lock()
	o.watch.plain, o.watch.all = append(o.watch.plain, name), append(o.watch.all, name)
	o.watch.mu.Unlock()
	return o.Next.ExecuteActivity(ctx, name, args...)
}

func (o *watchedOutbound) ExecuteLocalActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	o.watch.mu.Lock()
	o.watch.local, o.watch.all = append(o.watch.local, name), append(o.watch.all, name)
	o.watch.mu.Unlock()
	return o.Next.ExecuteLocalActivity(ctx, name, args...)
}

func (o *watchedOutbound) UpsertTypedSearchAttributes(ctx workflow.Context, updates ...temporal.SearchAttributeUpdate) error {
	o.watch.mu.Lock()
	o.watch.upserts++
	o.watch.attributes = temporal.NewSearchAttributes(append([]temporal.SearchAttributeUpdate{o.watch.attributes.Copy()}, updates...)...)
	o.watch.mu.Unlock()
	return o.Next.UpsertTypedSearchAttributes(ctx, updates...)
}

// steps lists the activities that are no writes of the operation's state.
func (w *watch) steps() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.all), func(name string) bool {
		return slices.Contains([]string{"ClaimOperation", "MoveOperation", "AuditAction", "AskForIncident"}, name)
	})
}

// attribute is a search attribute as the run left it; empty when unset.
func (w *watch) attribute(key temporal.SearchAttributeKeyKeyword) string {
	value, _ := w.attributes.GetKeyword(key)
	return value
}
