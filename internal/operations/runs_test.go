package operations_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"tenant-provisioning/internal/operations"
)

// lateClient starts a run, and its first answer comes too late.
type lateClient struct {
	client.Client
	asked int
}

func (c *lateClient) ExecuteWorkflow(ctx context.Context, o client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error) {
	run, err := c.Client.ExecuteWorkflow(ctx, o, workflow, args...)
	if c.asked++; c.asked == 1 && err == nil {
		return nil, serviceerror.NewDeadlineExceeded("context deadline exceeded")
	}
	return run, err
}

// TestAStartWhoseAnswerIsLate is one: the reconciler notes that it has repaired.
func TestAStartWhoseAnswerIsLate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	late := &lateClient{Client: b.temporal}
	runs := operations.Runs{Temporal: late, TaskQueue: b.config.TaskQueue}
	require.NoError(t, runs.Start(t.Context(), b.create(t)))
	require.Equal(t, 2, late.asked)
}
