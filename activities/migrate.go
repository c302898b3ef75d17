package activities

import (
	"context"

	"tenant-provisioning/internal/tenant"
)

// SchemaMigrator migrates tenants' schemas.
type SchemaMigrator interface {
	// Migrator returns what brings the schema of one of these tenants, all of the same run,
	// to the version that the run names, and marks the tenant done in the run. It does one
	// at a time.
	Migrator(of []tenant.ID) func(ctx context.Context, f tenant.FleetFence) error
}

// Migration covers fleet runs of the kind migrate.
type Migration struct {
	Schemas SchemaMigrator
	Items   FleetItems
}

// MigrateSchemas migrates the schemas of some tenants. Each file is a transaction with
// the version that it leads to, so a repetition goes on where the schema is.
func (a *Migration) MigrateSchemas(ctx context.Context, c FleetChunk) error {
	return a.Items.Each(ctx, c, a.Schemas.Migrator(c.Tenants))
}
