package connect

import (
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/standby"
	"tenant-provisioning/internal/tenant"
)

// Standbys makes what keeps the stock of tenants that are made ahead, with what these
// steps make a tenant with.
func (s Steps) Standbys(c config.Provisioning, pool *pgxpool.Pool, log *slog.Logger, m Metrics) *standby.Filler {
	return standby.New(standby.Config{
		Store: postgres.NewStandbys(pool), Service: submitter(c, pool, log, m), Logger: log,
		Policy: tenant.StandbyPolicy{Wanted: c.StandbyTenants, PerMinute: c.StandbyPerMinute, Template: s.schemas.Version(), Made: s.Standby.Made},
	})
}
