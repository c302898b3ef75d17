package connect

import (
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.temporal.io/sdk/client"

	"tenant-provisioning/internal/operations"
	"tenant-provisioning/internal/postgres"
)

// Fleets makes what accepts, starts, reads and steers runs on all tenants. temporal may
// be nil where nothing is started.
func Fleets(pool *pgxpool.Pool, temporal client.Client, taskQueue string, log *slog.Logger) *operations.Fleets {
	return &operations.Fleets{Store: postgres.NewFleets(pool), Audit: postgres.NewAuditLog(pool), Temporal: temporal, TaskQueue: taskQueue, Logger: log}
}

// Declared makes what opens, reads and steers the incidents that people respond to.
func Declared(pool *pgxpool.Pool) *operations.Declared {
	return &operations.Declared{Store: postgres.NewDeclared(pool), Breaker: postgres.NewIncidents(pool), Audit: postgres.NewAuditLog(pool)}
}

// Service makes what accepts, reads and steers operations, with its rows in the
// database of a pool. Who reads logs gives it Records.
func Service(pool *pgxpool.Pool, c operations.Config, m Metrics) *operations.Service {
	c.Operations = postgres.NewOperations(pool)
	if m.Provisioning != nil {
		c.Operations = countedOperations{postgres.NewOperations(pool), m.Provisioning}
	}
	c.Tenants = postgres.NewTenants(pool)
	c.Audit = postgres.NewAuditLog(pool)
	c.Findings = postgres.NewFindings(pool)
	c.Incidents = postgres.NewIncidents(pool)
	c.Capacity = postgres.NewCapacities(pool)
	c.Purges = postgres.NewPurges(pool)
	c.Workers = postgres.NewWorkers(pool)
	c.Windows = postgres.NewWindows(pool)
	return operations.New(c)
}
