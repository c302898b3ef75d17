package connect

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/retention"
	"tenant-provisioning/internal/tenant"
)

// maintenanceTasks are what workers do in each maintenance window, in this order. Another
// is one line more: a name that people read, and a function that may be repeated and cut
// short at any time.
func maintenanceTasks(pool *pgxpool.Pool, keeper *retention.Keeper) []activities.MaintenanceTask {
	care := postgres.NewCare(pool)
	return []activities.MaintenanceTask{
		{Name: "clean up", Do: care.CleanUp},
		{Name: "archive old logs", Do: keeper.Run},
		{Name: "vacuum and analyse", Do: care.Vacuum},
	}
}

// windowPolicy is what the settings say of maintenance windows.
func windowPolicy(cfg *config.Config) activities.WindowPolicy {
	m := cfg.Maintenance
	p := activities.WindowPolicy{
		Rule: m.Window, Mode: m.Mode, Waits: m.Running == config.RunningWaits, Items: m.Items,
		Audience: tenant.WindowAudience{Administrators: m.Notices == config.NoticesAll},
	}
	for _, a := range cfg.App.NotifyEmail {
		p.Audience.Staff = append(p.Audience.Staff, a.Address)
	}
	return p
}

// windowCheck says why a window must not end yet: the platform does not do its work.
func windowCheck(writes *postgres.WriteProbe, incidents *postgres.Incidents) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		if err := writes.TakesWrites(ctx); errors.Is(err, tenant.ErrUnavailable) {
			return "the database takes no writes", nil
		} else if err != nil {
			return "", err
		}
		open, err := incidents.Open(ctx)
		if err != nil || len(open) == 0 {
			return "", err
		}
		return fmt.Sprintf("%s is open", open[0]), nil
	}
}
