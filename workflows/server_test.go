package workflows_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"golang.org/x/sync/errgroup"

	"tenant-provisioning/internal/temporalclient/temporaltest"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows"
	"tenant-provisioning/workflows/runner"
)

// serverTimeout is the end of a run that hangs.
const serverTimeout = 3 * time.Minute

// served is one run of the workflow on the real server, with the real
// activities on a model of its own.
type served struct {
	client    client.Client
	namespace string
	model     *model
	input     runner.Input
	reactions map[tenant.State][]act
	acting    errgroup.Group
}

// act is what a person does about a run.
type act func(context.Context, *served) error

// newServed is a run of a provisioning.
func newServed(t *testing.T) *served {
	t.Helper()
	return servedOn(t, newModel())
}

func servedOn(t *testing.T, m *model) *served {
	t.Helper()
	c, namespace := temporaltest.New(t)
	s := &served{client: c, namespace: namespace, model: m, reactions: map[tenant.State][]act{}}
	id, err := tenant.NewID()
	require.NoError(t, err)
	operation, err := tenant.NewOperationID()
	require.NoError(t, err)
	s.model.tenant.ID, s.model.operation.TenantID, s.model.operation.ID = id, id, operation
	s.model.moved, s.model.exclusive = s.react, true
	s.input = runner.Input{
		Tenant: id, Operation: operation, Generation: 1,
		RetryBudget: time.Hour, AttentionPeriod: time.Hour, Queues: runner.QueuesOf("provision-" + string(id)),
	}
	m.leads(&s.input)
	return s
}

func (s *served) workflowID() string { return s.model.operation.WorkflowID() }

func (s *served) react(state tenant.State) {
	queue := s.reactions[state]
	if len(queue) == 0 {
		return
	}
	s.reactions[state] = queue[1:]
	s.do(queue[0])
}

// do acts beside the run.
func (s *served) do(a act) {
	s.acting.Go(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), serverTimeout)
		defer cancel()
		return a(ctx, s)
	})
}

func (s *served) request() tenant.ActionRequest {
	return tenant.ActionRequest{Actor: "ada", Reason: "ticket 7"}
}

func updated(a tenant.Action) act {
	return func(ctx context.Context, s *served) error {
		handle, err := s.client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
			WorkflowID: s.workflowID(), UpdateName: string(a), Args: []any{s.request()},
			WaitForStage: client.WorkflowUpdateStageCompleted,
		})
		if err != nil {
			return err
		}
		return handle.Get(ctx, nil)
	}
}

func signalled(a tenant.Action) act {
	return func(ctx context.Context, s *served) error {
		return sent(string(a), s.request())(ctx, s)
	}
}

// sent is a signal of any name, with any input.
func sent(name string, input any) act {
	return func(ctx context.Context, s *served) error {
		return s.client.SignalWorkflow(ctx, s.workflowID(), "", name, input)
	}
}

func cancelled(ctx context.Context, s *served) error {
	return s.client.CancelWorkflow(ctx, s.workflowID(), "")
}

// afterMending acts when the cause of all trouble has gone away.
func afterMending(a act) act {
	return func(ctx context.Context, s *served) error {
		s.model.mend()
		return a(ctx, s)
	}
}

func oneAfterTheOther(acts ...act) act {
	return func(ctx context.Context, s *served) error {
		for _, a := range acts {
			if err := a(ctx, s); err != nil {
				return err
			}
		}
		return nil
	}
}

// refused expects the answer that a state forbids an action.
func refused(a act) act {
	return func(ctx context.Context, s *served) error {
		if err := a(ctx, s); err == nil {
			return errors.New("the action was taken")
		}
		return nil
	}
}

// untilStopped is a call that does not end before it is told to, and then
// takes its time. what is done meanwhile.
func (s *served) untilStopped(what act) func(context.Context) error {
	return func(ctx context.Context) error {
		s.do(what)
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for stopped := 0; stopped < 10; {
			<-ticker.C
			activity.RecordHeartbeat(ctx, "waiting")
			if ctx.Err() != nil {
				stopped++
			}
		}
		return ctx.Err()
	}
}

// awaitStep waits until the run says of a step that it is so.
func (s *served) awaitStep(ctx context.Context, state string) error {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		var status runner.Status
		if value, err := s.client.QueryWorkflow(ctx, s.workflowID(), "", runner.QueryStatus); err == nil {
			if err := value.Get(&status); err != nil {
				return err
			}
		}
		if slices.ContainsFunc(status.Steps, func(step runner.StepState) bool { return strings.HasPrefix(step.State, state) }) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

func (s *served) start(ctx context.Context) (client.WorkflowRun, error) {
	return s.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: s.workflowID(), TaskQueue: s.input.Queues.Main,
		TypedSearchAttributes: runner.StartAttributes(s.input.Tenant),
	}, s.model.operation.Lifecycle().Workflow, s.input)
}

// reset takes the run back to its beginning, as an operator does who has
// changed something outside.
func reset(ctx context.Context, s *served) error {
	s.model.mu.Lock()
	s.model.parked = false // somebody has decided that it goes on
	s.model.mu.Unlock()
	_, err := s.client.ResetWorkflowExecution(ctx, &workflowservice.ResetWorkflowExecutionRequest{
		Namespace:         s.namespace,
		WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: s.workflowID()},
		Reason:            "ticket 7", RequestId: string(s.input.Operation),
		WorkflowTaskFinishEventId: firstTaskCompleted,
		ResetReapplyExcludeTypes:  []enumspb.ResetReapplyExcludeType{enumspb.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL, enumspb.RESET_REAPPLY_EXCLUDE_TYPE_UPDATE},
	})
	return err
}

// firstTaskCompleted is the event after the start, the first task's scheduling
// and its start.
const firstTaskCompleted = 4

// terminated ends the run where it is, and has the operation taken over as the
// reconciler does.
func terminated(ctx context.Context, s *served) error {
	if err := s.client.TerminateWorkflow(ctx, s.workflowID(), "", "ticket 7"); err != nil {
		return err
	}
	s.model.release()
	_, err := s.start(ctx)
	return err
}

// run runs the workflow to its end, and returns its history with it.
func (s *served) run(t *testing.T) (*historypb.History, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), serverTimeout)
	defer cancel()
	for _, queue := range []string{s.input.Queues.Main, s.input.Queues.Stellar, s.input.Queues.Email, runner.RestoreQueue(s.input.Queues.Main)} {
		w := worker.New(s.client, queue, worker.Options{MaxHeartbeatThrottleInterval: 100 * time.Millisecond, DeadlockDetectionTimeout: time.Minute})
		workflows.Register(w)
		for _, a := range s.model.steps() {
			w.RegisterActivity(a)
		}
		require.NoError(t, w.Start())
		t.Cleanup(w.Stop)
	}
	run, err := s.start(ctx)
	require.NoError(t, err)
	outcome := run.Get(ctx, nil)
	require.NoError(t, s.acting.Wait())
	if ended := new(temporal.TerminatedError); errors.As(outcome, &ended) { // another was started by an act
		run = s.client.GetWorkflow(ctx, run.GetID(), "")
		outcome = run.Get(ctx, nil)
	}
	require.NoError(t, ctx.Err(), "the run hangs; calls: %v", s.model.calls)
	return historyOf(ctx, t, s.client, run), outcome
}

func historyOf(ctx context.Context, t *testing.T, c client.Client, run client.WorkflowRun) *historypb.History {
	t.Helper()
	history := &historypb.History{}
	events := c.GetWorkflowHistory(ctx, run.GetID(), run.GetRunID(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(t, err)
		history.Events = append(history.Events, event)
	}
	return history
}
