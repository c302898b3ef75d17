package temporalclient_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/internal/temporalclient"
	"tenant-provisioning/internal/temporalclient/temporaltest"
)

// reader asks an activity, and decides on its answer or failure.
func reader(ctx workflow.Context, how string) (string, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	var answer string
	err := workflow.ExecuteActivity(ctx, "answer", how).Get(ctx, &answer)
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return answer, app.Details(&answer)
	}
	return answer, err
}

func answer(_ context.Context, how string) (string, error) {
	if how == "fail" {
		return "", temporal.NewNonRetryableApplicationError("no", "No", nil, "the failure's details")
	}
	return "the result", nil
}

// keyed is the client of a worker with keys.
func keyed(t *testing.T, logged io.Writer, keys ...temporalclient.Key) client.Client {
	t.Helper()
	_, namespace := temporaltest.New(t)
	c, err := temporalclient.New(temporalclient.Config{
		Options: client.Options{HostPort: temporaltest.Address(t), Namespace: namespace},
		Keys:    keys, RunsWorkflows: true, Logger: slog.New(slog.NewJSONHandler(logged, nil)),
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func works(t *testing.T, c client.Client, queue string, runs, acts bool) (stop func()) {
	t.Helper()
	w := worker.New(c, queue, worker.Options{DisableWorkflowWorker: !runs, LocalActivityWorkerOnly: !acts})
	if runs {
		w.RegisterWorkflowWithOptions(reader, workflow.RegisterOptions{Name: "reader"})
	}
	if acts {
		w.RegisterActivity(answer)
	}
	require.NoError(t, w.Start())
	stopped := false
	stop = func() {
		if !stopped {
			w.Stop()
		}
		stopped = true
	}
	t.Cleanup(stop)
	return stop
}

// TestARunWaitsForAWorkerThatCanReadIt: one without the key fails the task, says
// which key it is, and ends nothing.
func TestARunWaitsForAWorkerThatCanReadIt(t *testing.T) {
	t.Parallel()
	first, second := key("k1", 1), key("k2", 2)
	for name, c := range map[string]struct {
		// lacks are the keys of the worker that cannot read.
		lacks []temporalclient.Key
		// acts are those of the activity's worker.
		acts []temporalclient.Key
		// starts are those of who starts the run.
		starts []temporalclient.Key
		how    string
		says   string
	}{
		"the input, with another key":    {[]temporalclient.Key{first}, []temporalclient.Key{second, first}, []temporalclient.Key{second, first}, "succeed", "is not in PAYLOAD_KEYS"},
		"the input, without any":         {nil, []temporalclient.Key{second}, []temporalclient.Key{second}, "succeed", "PAYLOAD_KEYS is not set"},
		"the input, with another secret": {[]temporalclient.Key{key("k2", 3)}, []temporalclient.Key{second}, []temporalclient.Key{second}, "succeed", "another key has that id"},
		"an activity's result":           {[]temporalclient.Key{first}, []temporalclient.Key{second, first}, []temporalclient.Key{first}, "succeed", "is not in PAYLOAD_KEYS"},
		"an activity's failure":          {[]temporalclient.Key{first}, []temporalclient.Key{second, first}, []temporalclient.Key{first}, "fail", "is not in PAYLOAD_KEYS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			queue := t.Name()
			var logged text
			works(t, keyed(t, io.Discard, c.acts...), queue, false, true)
			stop := works(t, keyed(t, &logged, c.lacks...), queue, true, false)
			starter := keyed(t, io.Discard, c.starts...)
			run, err := starter.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: queue, TaskQueue: queue}, "reader", c.how)
			require.NoError(t, err)
			require.Eventually(t, func() bool { return logged.contains(c.says) }, 2*time.Minute, 10*time.Millisecond, c.says)
			stop()
			able := keyed(t, io.Discard, second, first)
			found, err := able.DescribeWorkflowExecution(t.Context(), queue, run.GetRunID())
			require.NoError(t, err)
			require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, found.GetWorkflowExecutionInfo().GetStatus())

			works(t, able, queue, true, false)
			// Temporal gives a task to the worker that has failed it before, and after
			// failures only after a while.
			_, err = starter.SignalWithStartWorkflow(t.Context(), queue, "wake", nil, client.StartWorkflowOptions{ID: queue, TaskQueue: queue}, "reader", c.how)
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			var result string
			require.NoError(t, able.GetWorkflow(ctx, queue, run.GetRunID()).Get(ctx, &result))
			require.Equal(t, map[string]string{"succeed": "the result", "fail": "the failure's details"}[c.how], result)
		})
	}
}

// text is what a worker logs.
type text struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *text) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *text) contains(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.b.String(), s)
}
