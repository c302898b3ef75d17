package operations

import (
	"context"
	"errors"
	"fmt"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/tracing"
	"tenant-provisioning/workflows/runner"
)

// Runs are the workflow executions, as the reconciler sees them.
type Runs struct {
	// Temporal is the client.
	Temporal client.Client
	// TaskQueue is the main queue's name.
	TaskQueue string
}

// Look tells what the latest run is of the operation's kind and tenant.
func (r *Runs) Look(ctx context.Context, o tenant.Operation) (activities.RunState, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	answer, err := r.Temporal.DescribeWorkflowExecution(ctx, o.WorkflowID(), "")
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
		return activities.RunStopped, nil
	}
	if err != nil {
		return "", fmt.Errorf("ask Temporal for the run of operation %s: %w", o.ID, err)
	}
	switch answer.GetWorkflowExecutionInfo().GetStatus() {
	case enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED, enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:
		return activities.RunStopped, nil
	case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED, enumspb.WORKFLOW_EXECUTION_STATUS_FAILED, enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		return activities.RunFailed, nil
	default: // running, paused, or a status that only a newer server knows
		return activities.RunOpen, nil
	}
}

// Start starts a run of an operation, whatever became of earlier ones. One
// that is open already is no error.
func (r *Runs) Start(ctx context.Context, o tenant.Operation) error {
	err := startRun(ctx, r.Temporal, r.TaskQueue, o)
	if isTooLate(err) { // it may have started all the same, which a second start tells
		err = startRun(ctx, r.Temporal, r.TaskQueue, o)
	}
	if !errors.Is(err, errRunIsOpen) {
		return err
	}
	return nil
}

// isTooLate tells an answer that did not come in time.
func isTooLate(err error) bool {
	_, late := errors.AsType[*serviceerror.DeadlineExceeded](err)
	return late || errors.Is(err, context.DeadlineExceeded)
}

// errRunIsOpen is a run of the operation's kind and tenant that is open already: the
// operation's own, or one of an earlier operation that is about to close.
var errRunIsOpen = errors.New("a run is open already")

// endSuperseded ends the run of the operation that gave way to this one. It has lost
// its operation already: the cancel ends its waiting. Only that run: another one of its
// workflow id may be of a later operation, or this one's own. A run that had not claimed
// its operation ends by itself when it tries to.
func endSuperseded(ctx context.Context, temporal client.Client, o tenant.Operation) error {
	if o.SupersededRun == "" {
		return nil
	}
	err := temporal.CancelWorkflowWithOptions(ctx, client.CancelWorkflowOptions{
		WorkflowID: o.Supersedes.WorkflowID(o.TenantID), FirstExecutionRunID: o.SupersededRun, // the same over a reset
	})
	if _, gone := errors.AsType[*serviceerror.NotFound](err); err != nil && !gone {
		return fmt.Errorf("end the run that operation %s supersedes: %w", o.ID, err)
	}
	return nil
}

// startRun starts a run, whatever came before it: that a repeated start does nothing
// is up to the claim.
func startRun(ctx context.Context, temporal client.Client, queue string, o tenant.Operation) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	ctx = tracing.Continue(ctx, o.Trace)
	lifecycle, known := o.Kind.Lifecycle()
	if !known {
		return fmt.Errorf("start the run of operation %s: this version knows no operations of kind %q; update it", o.ID, o.Kind)
	}
	if err := endSuperseded(ctx, temporal, o); err != nil {
		return err
	}
	_, err := temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                                       o.WorkflowID(),
		TaskQueue:                                queue,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		EnableEagerStart:                         true,
		TypedSearchAttributes:                    runner.StartAttributes(o.TenantID),
		StaticSummary:                            fmt.Sprintf("%s tenant %s, generation %d", o.Kind, o.TenantID, o.Generation),
	}, lifecycle.Workflow, runner.Input{
		Kind: o.Kind, FromStatus: o.FromStatus, ToStatus: o.ToStatus, Tenant: o.TenantID, Operation: o.ID, Generation: o.Generation,
		RetryBudget: o.RetryBudget, AttentionPeriod: o.AttentionPeriod, Queues: runner.QueuesOf(queue),
	})
	if _, started := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); started {
		return errRunIsOpen
	}
	if err != nil {
		return fmt.Errorf("start the run of operation %s: %w", o.ID, err)
	}
	return nil
}

// CloseAll ends every run of this task queue that Temporal still has, and counts them.
// The rows that they worked for are those of a restored database, or are lost: the
// reconciler takes over what is open.
func (r *Runs) CloseAll(ctx context.Context, reason string) (closed int, err error) {
	query := "TaskQueue = '" + strings.ReplaceAll(r.TaskQueue, "'", "''") + "' AND ExecutionStatus = 'Running'"
	for token := []byte(nil); ; {
		page, err := r.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, NextPageToken: token})
		if err != nil {
			return closed, fmt.Errorf("list the runs that Temporal has: %w", err)
		}
		for _, e := range page.GetExecutions() {
			id := e.GetExecution()
			err := r.Temporal.TerminateWorkflow(ctx, id.GetWorkflowId(), id.GetRunId(), reason)
			if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
				continue
			}
			if err != nil {
				return closed, fmt.Errorf("end the run %s: %w", id.GetWorkflowId(), err)
			}
			closed++
		}
		if token = page.GetNextPageToken(); len(token) == 0 {
			return closed, nil
		}
	}
}
