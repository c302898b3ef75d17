package observe

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"tenant-provisioning/internal/tenant"
)

var (
	standbys       = desc("standby_tenants", "Tenants that are made ahead: ready: a request may take it; preparing; parked: its preparation waits for a person; unfit: it is not handed out.", "state")
	standbysWanted = desc("standby_tenants_wanted", "How many are to be ready (STANDBY_TENANTS).")
)

// Standbys shows the stock of tenants that are made ahead. Every api shows the same.
func Standbys(standing func(context.Context) (tenant.StandbyStock, error), log *slog.Logger) prometheus.Collector {
	return read("the stock of standbys", kept, standing, log, []*prometheus.Desc{standbys, standbysWanted},
		func(s tenant.StandbyStock, gauge func(*prometheus.Desc, float64, ...string)) {
			gauge(standbysWanted, float64(s.Wanted))
			gauge(standbys, float64(len(s.Ready)), "ready")
			gauge(standbys, float64(s.Preparing-s.Parked), "preparing")
			gauge(standbys, float64(s.Parked), "parked")
			unfit := 0
			for _, ids := range s.Unfit {
				unfit += len(ids)
			}
			gauge(standbys, float64(unfit), "unfit")
		})
}
