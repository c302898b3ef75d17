package observe

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tenant-provisioning/internal/tenant"
)

var (
	backupAge     = desc("backup_age_seconds", "Age of the last good backup: of the control tables, and the oldest of all tenants that are not purged. Missing where no backup was ever asked for.", "of")
	backupLate    = desc("backup_tenants_late", "Tenants whose last good backup is older than 30 hours, or that have none.")
	backupBroken  = desc("backups_broken", "Backups that were good, and that a verification has refused.")
	drillAge      = desc("restore_drill_age_seconds", "Since the last drill in which every backup could be restored; before the first one, since one was asked for. Missing where none ever was.")
	drillsFailed  = desc("restore_drills_failed", "Tenants whose backup could not be restored in their last drill.")
	backupLastRun = desc("backup_last_run_tenants", "Tenants of the last backup of all that has ended, by what became of theirs.", "result")
)

// keptBackups is how long their ages are shown: the last backup of each tenant is read
// for them.
const keptBackups = time.Minute

// Backups shows how old they are. Every api shows the same.
func Backups(ask func(context.Context) (tenant.StandingBackups, error), log *slog.Logger) prometheus.Collector {
	return read("how old the backups are", keptBackups, ask, log, []*prometheus.Desc{backupAge, backupLate, backupBroken, backupLastRun, drillAge, drillsFailed},
		func(b tenant.StandingBackups, gauge func(*prometheus.Desc, float64, ...string)) {
			if !b.Made {
				return
			}
			gauge(backupAge, b.Control.Seconds(), "control")
			gauge(backupAge, b.Oldest.Seconds(), "tenants")
			gauge(backupLate, float64(b.Late))
			gauge(backupBroken, float64(b.Broken))
			gauge(drillsFailed, float64(b.DrillsFailed))
			if b.Drilled > 0 {
				gauge(drillAge, b.Drilled.Seconds())
			}
			gauge(backupLastRun, float64(b.Last.Done), "done")
			gauge(backupLastRun, float64(b.Last.Failed), "failed")
			gauge(backupLastRun, float64(b.Last.Skipped), "skipped")
		})
}
