package build

import (
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
)

var (
	commit = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	// byGo is what the Go tool writes into a binary of a repository.
	byGo = &debug.BuildInfo{
		Main: debug.Module{Version: "v1.2.3+dirty"},
		Settings: []debug.BuildSetting{
			{Key: "-trimpath", Value: "true"},
			{Key: "vcs.revision", Value: "0123abc"},
			{Key: "vcs.time", Value: commit.Format(time.RFC3339)},
			{Key: "vcs.modified", Value: "true"},
		},
	}
)

func TestWhatIsWrittenIntoAProgram(t *testing.T) {
	t.Parallel()
	stamped := Info{Version: "v2.0.0", Revision: "fedc987", Committed: commit.Add(time.Hour), Go: "go1.26.8"}
	for name, tt := range map[string]struct {
		stamp   Info
		written *debug.BuildInfo
		want    Info
		line    string
	}{
		"by the Go tool": {
			Info{Go: "go1.26.8"}, byGo,
			Info{Version: "v1.2.3+dirty", Revision: "0123abc", Modified: true, Committed: commit, Go: "go1.26.8"},
			"v1.2.3+dirty 0123abc 2026-11-30T12:00:00Z (with changes that are not committed) go1.26.8",
		},
		"by the linker": {stamped, &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, stamped, "v2.0.0 fedc987 2026-11-30T13:00:00Z go1.26.8"},
		"by both":       {stamped, byGo, stamped, "v2.0.0 fedc987 2026-11-30T13:00:00Z go1.26.8"},
		"by nobody":     {Info{Go: "go1.26.8"}, &debug.BuildInfo{}, Info{Version: Unknown, Go: "go1.26.8"}, "(devel) go1.26.8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := tt.stamp.with(tt.written)
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.line, got.Line())
		})
	}
}

func TestMetric(t *testing.T) {
	t.Parallel()
	r := prometheus.NewPedanticRegistry()
	require.NoError(t, r.Register(Metric()))
	i := This()
	require.Equal(t, runtime.Version(), i.Go)
	require.NoError(t, testutil.GatherAndCompare(r, strings.NewReader(`
# HELP build_info Always 1; the labels say which build this process is.
# TYPE build_info gauge
build_info{goversion="`+i.Go+`",revision="`+i.Revision+`",version="`+i.Version+`"} 1
`)))
}
