package observe

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"tenant-provisioning/internal/tenant"
)

var (
	fleetIdle   = desc("fleet_run_idle_seconds", "How long ago the open run on all tenants has done one, by kind; 0 where none is open.", "kind")
	fleetFailed = desc("fleet_tenants_failed", "Tenants that have failed in the latest run on all tenants, by kind, and are still there.", "kind")
)

// Fleets shows how the runs on all tenants stand. Every api shows the same.
func Fleets(standing func(context.Context) (map[tenant.FleetKind]tenant.FleetStanding, error), log *slog.Logger) prometheus.Collector {
	return read("how runs on all tenants stand", kept, standing, log, []*prometheus.Desc{fleetIdle, fleetFailed},
		func(all map[tenant.FleetKind]tenant.FleetStanding, gauge func(*prometheus.Desc, float64, ...string)) {
			for _, kind := range tenant.FleetKinds() {
				gauge(fleetIdle, all[kind].Idle.Seconds(), string(kind))
				gauge(fleetFailed, float64(all[kind].Failed), string(kind))
			}
		})
}
