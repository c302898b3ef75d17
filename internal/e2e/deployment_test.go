package e2e

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVersionsArePromotedAndDrained(t *testing.T) {
	t.Parallel()
	i := install(t, map[string]string{"TEMPORAL_WORKER_VERSIONING": "auto-upgrade"})
	i.startAPI()
	for _, build := range []string{"first", "second"} {
		i.deploys(build)
		i.becomesActive(i.create("Clinic of the " + build + " build"))
	}
	eventually(t, "the first gets no new runs", func() bool {
		state := i.versions()["first"]
		return state == "draining" || state == "drained"
	})

	refused := i.answered("deployment", "drain", "second", "--wait", "0")
	require.Equal(t, 1, refused.wait(), "what gets new runs is never drained")
	require.Contains(t, refused.stderr.String(), "promote another one first")
	unknown := i.starter("deployment", "promote", "third")
	require.Equal(t, 1, unknown.wait(), "a build without a worker would leave every new run alone")
	require.Equal(t, "current", i.versions()["second"])
}

// deploys starts a worker of a build and makes it current.
func (i *installation) deploys(build string) *process {
	i.t.Helper()
	worker := i.with(map[string]string{"TEMPORAL_WORKER_BUILD_ID": build}).startWorker()
	eventually(i.t, "Temporal knows the build "+build, func() bool { return i.versions()[build] == "inactive" })
	eventually(i.t, "all queues of the build are polled, so that it can be promoted", func() bool {
		return i.starter("deployment", "promote", build).wait() == 0
	})
	require.Equal(i.t, "current", i.versions()[build])
	return worker
}

// versions is the state of each build that Temporal knows, once it answers: its
// own worker of a new namespace takes its time.
func (i *installation) versions() map[string]string {
	i.t.Helper()
	var d struct {
		Versions []struct{ BuildID, State string } `json:"versions"`
	}
	eventually(i.t, "Temporal answers for its deployments", func() bool {
		asked := i.starter("deployment", "--output", "json")
		return asked.wait() == 0 && json.Unmarshal([]byte(asked.stdout.String()), &d) == nil
	})
	states := map[string]string{}
	for _, v := range d.Versions {
		states[v.BuildID] = v.State
	}
	return states
}
