package workflows_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/trace"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"tenant-provisioning/workflows"
)

// record is set by "make histories", which is run after a change that is
// guarded by workflow.GetVersion (rename the old files, which stay beside the
// new ones) or before a first release.
var record = flag.Bool("record", false, "write the histories of runs on the server to testdata")

const histories = "testdata"

// TestReplay replays every recorded history with the code of today. When it
// fails, runs that are under way would stop at a deployment: guard the change
// by workflow.GetVersion.
func TestReplay(t *testing.T) {
	t.Parallel()
	names := []string{reconciled, repaired, kept, migrated, continued, backedUp, maintain, windowExtended}
	for _, s := range shapes(t) {
		names = append(names, s.name)
	}
	for _, name := range names {
		require.FileExists(t, filepath.Join(histories, name+".json"), "every shape of a run has a history")
	}
	files, err := filepath.Glob(filepath.Join(histories, "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			require.NoError(t, replayer().ReplayWorkflowHistoryFromJSONFile(nil, file))
			require.NoError(t, replayer(traced(t)).ReplayWorkflowHistoryFromJSONFile(nil, file), "by a worker that is traced")
		})
	}
}

// traced is what a worker has that sends spans: it may take over runs of one that
// does not, and the other way round.
func traced(t *testing.T) interceptor.WorkerInterceptor {
	t.Helper()
	i, err := opentelemetry.NewTracingInterceptor(opentelemetry.TracerOptions{Tracer: trace.NewTracerProvider().Tracer("test"), DisableQueryTracing: true})
	require.NoError(t, err)
	return i
}

func replayer(between ...interceptor.WorkerInterceptor) worker.WorkflowReplayer {
	r, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{Interceptors: between})
	if err != nil {
		panic(err) // it has no options that could be wrong
	}
	workflows.Register(r)
	return r
}

// TestOnTheServer runs every shape on the real server, where a cancel waits
// for the attempt under way and time does not skip, and replays its history.
func TestOnTheServer(t *testing.T) {
	t.Parallel()
	for _, s := range shapes(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			r := servedOn(t, s.of.model())
			s.arrange(r)
			history, err := r.run(t)
			defer func() {
				if t.Failed() {
					t.Logf("calls: %v", r.model.sites)
				}
			}()
			require.Equal(t, s.closes, closing(err))
			require.Equal(t, s.state, r.model.operation.State)
			require.Empty(t, r.model.wrongs)
			require.NoError(t, replayer().ReplayWorkflowHistory(nil, history))
			if *record {
				write(t, s.name, history)
			}
		})
	}
}

// write keeps what replay needs, and nothing of the machine: the name of a
// sticky queue begins with the host's.
func write(t *testing.T, name string, history *historypb.History) {
	t.Helper()
	for _, event := range history.GetEvents() {
		if queue := event.GetWorkflowTaskScheduledEventAttributes().GetTaskQueue(); queue.GetKind() == enumspb.TASK_QUEUE_KIND_STICKY {
			queue.Name = "sticky"
		}
	}
	text, err := temporalproto.CustomJSONMarshalOptions{Indent: " "}.Marshal(history)
	require.NoError(t, err)
	host, err := os.Hostname()
	require.NoError(t, err)
	require.NotContains(t, string(text), host)
	require.NoError(t, os.MkdirAll(histories, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(histories, name+".json"), append(text, '\n'), 0o644))
}
