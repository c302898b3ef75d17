package workflows_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	sdkpb "go.temporal.io/api/sdk/v1"

	"tenant-provisioning/internal/tenant"
)

// TestDetails compares what Temporal Web UI shows beside a run with golden
// files, one for each state that a person may meet. -record writes them.
func TestDetails(t *testing.T) {
	t.Parallel()
	noContract := with(fault{call: "Send", times: always, before: permanent})
	for name, c := range map[string]struct {
		arrange func(*running)
		// at is a state that the details are taken in; none for the end.
		at tenant.State
	}{
		"succeeded":   {func(*running) {}, ""},
		"rolled_back": {noContract, ""},
		"cancelled":   {func(r *running) { with(fault{call: "Send", times: 1, before: r.meanwhile(cancel)})(r) }, ""},
		"needs_attention_before_the_pivot": {
			with(fault{call: "CreateSchema", times: always, before: transient}), tenant.StateNeedsAttention,
		},
		"needs_attention_after_the_pivot": {
			with(fault{call: "SendEmail", times: always, before: permanent}), tenant.StateNeedsAttention,
		},
		"refused": {func(r *running) {
			with(fault{call: "SendEmail", times: always, before: permanent})(r)
			r.reactions[tenant.StateNeedsAttention] = []reaction{func(r *running) { r.env.SignalWorkflow("rollbak", r.request("")) }}
		}, ""},
		"rollback_blocked": {func(r *running) {
			noContract(r)
			with(fault{call: "DropSchema", times: 1, before: permanent})(r)
		}, tenant.StateRollbackBlocked},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRunning(t)
			var shown string
			c.arrange(r)
			if c.at != "" {
				r.reactions[c.at] = []reaction{func(r *running) { shown = r.details(t) }}
			}
			requireWhole(t, r, r.run(t))
			if c.at == "" {
				shown = r.details(t)
			}
			requireGolden(t, name, times.ReplaceAllString(shown, "2006-01-02T15:04:05Z"))
		})
	}
}

var times = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)

// TestDetailsOfARunningStep are taken while the contract is deployed.
func TestDetailsOfARunningStep(t *testing.T) {
	t.Parallel()
	r := newRunning(t)
	var shown string
	with(fault{call: "Send", times: 1, before: r.meanwhile(func(r *running) { shown = r.details(t) })})(r)
	requireWhole(t, r, r.run(t))
	requireGolden(t, "running", shown)
}

// TestDetailsOfAStepThatWaits are taken while an incident is open.
func TestDetailsOfAStepThatWaits(t *testing.T) {
	t.Parallel()
	r := newRunning(t)
	var shown string
	stops("Send", incidentLasts, func(r *running) { shown = r.details(t) })(r)
	requireWhole(t, r, r.run(t))
	requireGolden(t, "waiting", times.ReplaceAllString(shown, "2006-01-02T15:04:05Z"))
}

// details asks what Temporal Web UI asks.
func (r *running) details(t *testing.T) string {
	t.Helper()
	value, err := r.env.QueryWorkflow("__temporal_workflow_metadata")
	require.NoError(t, err)
	var metadata sdkpb.WorkflowMetadata
	require.NoError(t, value.Get(&metadata))
	return metadata.GetCurrentDetails()
}

func requireGolden(t *testing.T, name, shown string) {
	t.Helper()
	file := filepath.Join("testdata", "details", name+".md")
	if *record {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(shown), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), shown)
}
