package observe

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"tenant-provisioning/internal/tenant"
)

var (
	capacityUsed     = desc("capacity_used", "What is used of a resource, as a worker read it within the last ten minutes: disk in bytes, connections, locks, and of the balance the stroops that were ever paid.", "resource")
	capacityLeft     = desc("capacity_left", "What is left of it, in the same unit; missing where it is not judged (disk without DB_DISK_BYTES).", "resource")
	capacityShort    = desc("capacity_short", "1 while provisioning waits for it.", "resource")
	capacityDaysLeft = desc("capacity_days_left", "Days until provisioning waits for it, at the growth of the last two weeks; missing while that is of less than a day, or nothing grows.", "resource")
	capacityAge      = desc("capacity_reading_age_seconds", "How old the reading is; missing where there is none.", "resource")
)

// Capacity shows what adding tenants uses up, as a worker has read it. Every api shows
// the same.
func Capacity(standing func(context.Context) ([]tenant.Capacity, error), log *slog.Logger) prometheus.Collector {
	return read("the capacity", kept, standing, log, []*prometheus.Desc{capacityUsed, capacityLeft, capacityShort, capacityDaysLeft, capacityAge},
		func(all []tenant.Capacity, gauge func(*prometheus.Desc, float64, ...string)) {
			for _, c := range all {
				showCapacity(c, gauge)
			}
		})
}

func showCapacity(c tenant.Capacity, gauge func(*prometheus.Desc, float64, ...string)) {
	resource := bounded(c.Resource, tenant.Resources())
	short := 0.
	if !c.ShortSince.IsZero() {
		short = 1
	}
	gauge(capacityShort, short, resource)
	if c.ReadAt.IsZero() {
		return
	}
	gauge(capacityAge, c.Age.Seconds(), resource)
	gauge(capacityUsed, float64(c.Used), resource)
	if c.Bound != nil {
		gauge(capacityLeft, float64(c.Left()), resource)
	}
	if days, known := c.DaysLeft(); known {
		gauge(capacityDaysLeft, days, resource)
	}
}
