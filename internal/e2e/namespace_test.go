package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/types/known/durationpb"

	"tenant-provisioning/client"
)

// workerSays is the answer of a worker's /readyz; nothing while it does not
// listen.
func workerSays(address string) (status int, text string) {
	r, err := http.Get("http://" + address + "/readyz?t=1")
	if err != nil {
		return 0, ""
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, ""
	}
	return r.StatusCode, string(body)
}

// TestTemporalLacksWhatRunsNeed: a namespace that is not there, and one that
// somebody has made by hand, without the search attributes. Nothing can be
// started, everybody says what to run, and once that was run it goes on by itself.
func TestTemporalLacksWhatRunsNeed(t *testing.T) {
	t.Parallel()
	for name, lacks := range map[string]string{"namespace": "is not there", "attributes": "lacks the search attributes TenantId"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			metrics := address(freePort(t))
			i := install(t, nil)
			i = i.with(map[string]string{"TEMPORAL_NAMESPACE": i.env["TEMPORAL_NAMESPACE"] + "-bare", "METRICS_ADDR": metrics})
			if name == "attributes" {
				require.NoError(t, i.asksTemporal(func() error {
					_, err := i.temporal().WorkflowService().RegisterNamespace(t.Context(), &workflowservice.RegisterNamespaceRequest{
						Namespace: i.env["TEMPORAL_NAMESPACE"], WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
					})
					return err
				}))
			}
			_, worker := i.start()
			o := i.create("Charité")
			eventually(t, "the worker says what is missing", func() bool {
				status, text := workerSays(metrics)
				return status == http.StatusServiceUnavailable && strings.Contains(text, lacks) && strings.Contains(text, "starter setup")
			})
			eventually(t, "every tool says so", func() bool {
				for tool, says := range i.everyTool(o) {
					if !strings.Contains(says, lacks) || !strings.Contains(says, "starter setup") {
						t.Logf("%s says %q", tool, says)
						return false
					}
				}
				return true
			})
			require.Contains(t, worker.stderr.String(), "starter setup")
			require.Equal(t, client.StatePending, i.operation(o.ID).State)

			i.output("setup", "--wait", "1m")
			i.becomesActive(o)
			eventually(t, "the worker is ready", func() bool { status, _ := workerSays(metrics); return status == http.StatusOK })
			eventually(t, "every tool is calm", func() bool {
				for _, says := range i.everyTool(o) {
					if says != "" {
						return false
					}
				}
				return true
			})
		})
	}
}

// TestTheScheduleIsGone: work goes on, and everybody who looks reads what to run.
func TestTheScheduleIsGone(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	schedule := i.temporal().ScheduleClient().GetHandle(t.Context(), "tenant-reconcile")
	require.NoError(t, i.asksTemporal(func() error { return schedule.Delete(t.Context()) }))
	_, worker := i.start()
	i.becomesActive(i.create("Charité"))
	says := func() string { p := i.answered("list"); p.wait(); return p.stderr.String() }
	eventually(t, "the list says so", func() bool {
		said := says()
		return strings.Contains(said, "tenant-reconcile is not there") && strings.Contains(said, "starter setup")
	})
	i.output("setup", "--wait", "1m")
	eventually(t, "it is there", func() bool { return says() == "" })
	require.True(t, worker.Running())
}
