package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/activities"
	"tenant-provisioning/workflows/fleet"
)

// migrationActivities is for names and signatures alone.
var migrationActivities *activities.Migration

const (
	// migrateChunk is how many schemas an activity migrates: some hundred milliseconds of
	// work where a file is quick, beside which a task of Temporal's costs little.
	migrateChunk = 100
	// migrateTimeout bounds them, each of which may wait for locks and copy a table.
	migrateTimeout = time.Hour
)

// MigrateTenants brings the schemas of all tenants to the version that the run names.
func MigrateTenants(ctx workflow.Context, in fleet.Input) error {
	return fleet.Run(ctx, in, fleet.Work{Do: migrationActivities.MigrateSchemas, Chunk: migrateChunk, Timeout: migrateTimeout})
}
