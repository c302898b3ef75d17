package observe

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tenant-provisioning/internal/tenant"
)

var (
	activeTenants  = desc("active_tenants", "Tenants that are ACTIVE.")
	failedTenants  = desc("failed_provisionings", "Tenants that are FAILED: their provisioning was rolled back, and nobody has tried again or purged them.")
	tenants        = desc("tenants", "Tenants, by status.", "status")
	queueDepth     = desc("provisioning_queue_depth", "Operations of any kind that were accepted and wait to be started.")
	openOperations = desc("provisioning_operations", "Operations that have not ended, by state.", "state")
	oldestPending  = desc("provisioning_oldest_pending_seconds", "How long the oldest operation has waited to be started.")
	openIncidents  = desc("provisioning_incidents", "Open incidents, by dependency.", "dependency")
	openFindings   = desc("provisioning_findings", "Findings of the reconciler that nobody has settled.")
	findingsByKind = desc("findings_open", "Findings of the reconciler that nobody has settled, by kind; a kind without any is missing.", "kind")
	operations     = desc("operations_open", "Operations that have not ended, by kind and state.", "kind", "state")
	oldest         = desc("operations_oldest_seconds", "Age of the oldest operation of each state that has not ended, since its acceptance; 0 where there is none.", "state")
	parked         = desc("operations_parked", "Operations that wait for a person, by the step that has failed and why; those without any are missing.", "state", "step", "class")
)

// Installation shows how the whole installation stands, as it was counted within the
// last seconds. Every api shows the same.
func Installation(count func(context.Context) (tenant.Overview, error), log *slog.Logger) prometheus.Collector {
	return read("how the installation stands", kept, count, log, []*prometheus.Desc{
		queueDepth, openOperations, oldestPending, openIncidents, openFindings, findingsByKind, operations, oldest, parked,
	}, showInstallation)
}

func showInstallation(o tenant.Overview, gauge func(*prometheus.Desc, float64, ...string)) {
	byState, age := o.ByState(), o.OldestByState()
	for _, s := range tenant.States() {
		if s.Closed() {
			continue
		}
		gauge(openOperations, float64(byState[s]), string(s))
		gauge(oldest, age[s].Seconds(), string(s))
		for _, l := range tenant.Lifecycles() {
			gauge(operations, float64(o.ByKind(l.Kind, s)), string(l.Kind), string(s))
		}
	}
	gauge(queueDepth, float64(byState[tenant.StatePending]))
	gauge(oldestPending, age[tenant.StatePending].Seconds())
	showParked(o, gauge)
	for _, d := range tenant.Dependencies() {
		gauge(openIncidents, float64(o.Incidents[d]), string(d))
	}
	total, byKind := 0, map[string]int{}
	for kind, n := range o.Findings {
		total += n
		byKind[bounded(kind, findingKinds())] += n
	}
	gauge(openFindings, float64(total))
	for kind, n := range byKind {
		gauge(findingsByKind, float64(n), kind)
	}
}

func showParked(o tenant.Overview, gauge func(*prometheus.Desc, float64, ...string)) {
	counts := map[[3]string]int{}
	for p, n := range o.Parked() {
		counts[[3]string{string(p.State), bounded(p.Step, tenant.Steps()), bounded(p.Class, tenant.FailureClasses())}] += n
	}
	for labels, n := range counts {
		gauge(parked, float64(n), labels[:]...)
	}
}

// bounded is what a row says if this program knows it: rows of a newer one, or of a
// person with psql, must not make series.
func bounded[T ~string](value T, known []T) string {
	if slices.Contains(known, value) {
		return string(value)
	}
	return "other"
}

// findingKinds are those that the reconciler, and a skip, may leave.
func findingKinds() []tenant.FindingKind {
	kinds := []tenant.FindingKind{tenant.FindingUndoSkipped}
	for _, i := range tenant.Invariants() {
		kinds = append(kinds, i.Kind)
	}
	return kinds
}

// keptTenants is how long their numbers are shown: all rows are read for them.
const keptTenants = 30 * time.Second

// Tenants shows how many there are, as they were counted within the last half minute.
// Every api shows the same.
func Tenants(count func(context.Context) (map[tenant.Status]int, error), log *slog.Logger) prometheus.Collector {
	return read("the number of tenants", keptTenants, count, log, []*prometheus.Desc{activeTenants, failedTenants, tenants},
		func(counts map[tenant.Status]int, gauge func(*prometheus.Desc, float64, ...string)) {
			gauge(activeTenants, float64(counts[tenant.StatusActive]))
			gauge(failedTenants, float64(counts[tenant.StatusFailed]))
			for _, s := range tenant.Statuses() {
				gauge(tenants, float64(counts[s]), string(s))
			}
		})
}

var (
	workers  = desc("provisioning_workers", "Workers that were seen of late: working ones take work, waiting ones say why they do not.", "state")
	lastSeen = desc("provisioning_worker_silence_seconds", "How long ago any worker was seen; missing where none ever was.")
	trouble  = desc("provisioning_worker_trouble", "1 while operations are not worked on, by what is wrong.", "trouble")
)

// Workforce shows what an api's look after the workers has found last; false where
// that is too long ago.
type Workforce func() (tenant.Workforce, bool)

// Describe implements prometheus.Collector.
func (Workforce) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{workers, lastSeen, trouble} {
		descs <- d
	}
}

// Collect implements prometheus.Collector. While the database is away the
// numbers are missing.
func (last Workforce) Collect(metrics chan<- prometheus.Metric) {
	now, known := last()
	if !known {
		return
	}
	gauge := gauges(metrics)
	gauge(workers, float64(now.Working), "working")
	gauge(workers, float64(now.Living-now.Working), "waiting")
	if now.Silence >= 0 {
		gauge(lastSeen, now.SilentSeconds)
	}
	if now.Trouble != "" {
		gauge(trouble, 1, string(now.Trouble))
	}
}
