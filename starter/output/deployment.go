package output

import "time"

// Deployment is the versions of the worker that Temporal knows, newest first.
type Deployment struct {
	Name string `json:"name"`
	// Current is the build that gets new runs; empty: only workers without a
	// version do.
	Current  string            `json:"current,omitempty"`
	Versions []DeployedVersion `json:"versions"`
}

// DeployedVersion is one build of the worker.
type DeployedVersion struct {
	BuildID string `json:"buildId"`
	// State is current, draining (runs that began on it are still open),
	// drained (none is: its workers can be stopped) or inactive (it was never
	// promoted).
	State     string    `json:"state"`
	CreatedAt time.Time `json:"createdAt"`
}

// Text is a table.
func (d Deployment) Text() string {
	if len(d.Versions) == 0 {
		return "Temporal knows no version of " + d.Name + ": start a worker with TEMPORAL_WORKER_VERSIONING and TEMPORAL_WORKER_BUILD_ID\n"
	}
	rows := make([][]string, len(d.Versions))
	for i, v := range d.Versions {
		rows[i] = []string{v.BuildID, v.State, moment(v.CreatedAt)}
	}
	return "deployment " + d.Name + "\n\n" + Grid([]string{"BUILD", "STATE", "SINCE"}, rows)
}
