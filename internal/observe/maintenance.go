package observe

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"tenant-provisioning/internal/tenant"
)

var (
	maintenanceRunning = desc("maintenance_running", "Maintenance windows under way, by mode: a read-only one refuses changes and starts nothing.", "mode")
	maintenanceOverrun = desc("maintenance_overrun_seconds", "How long ago the oldest window that overruns should have ended; 0 where none does.")
	maintenanceFailed  = desc("maintenance_tasks_failed", "Tasks that failed in the last window that has ended.")
	maintenanceUnsent  = desc("maintenance_notices_unsent", "Mails about maintenance windows that have still to leave.")
)

// Windows shows how maintenance stands. Every api shows the same.
func Windows(ask func(context.Context) (tenant.Maintenance, error), log *slog.Logger) prometheus.Collector {
	return read("how maintenance stands", kept, ask, log, []*prometheus.Desc{maintenanceRunning, maintenanceOverrun, maintenanceFailed, maintenanceUnsent},
		func(m tenant.Maintenance, gauge func(*prometheus.Desc, float64, ...string)) {
			for _, mode := range tenant.WindowModes() {
				gauge(maintenanceRunning, float64(m.Running[mode]), string(mode))
			}
			gauge(maintenanceOverrun, m.Overrun.Seconds())
			gauge(maintenanceFailed, float64(m.Failed))
			gauge(maintenanceUnsent, float64(m.Unsent))
		})
}
