package operations

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows"
)

// byItself is who asks for what a schedule starts.
var byItself = tenant.Caller{Actor: "schedule", Client: "schedule"}

// StartBackup accepts the daily backup: once a day, however often it is asked.
func (f *Fleets) StartBackup(ctx context.Context) error {
	_, err := f.backup(ctx, nil, "the daily backup", "backup-"+time.Now().UTC().Format(time.DateOnly), byItself)
	return err
}

// Backup accepts a backup of some tenants; of none: of all and the control tables.
//
// Errors: those of Submit.
func (f *Fleets) Backup(ctx context.Context, of []tenant.ID, reason string, who tenant.Caller) (tenant.FleetRun, error) {
	return f.backup(ctx, of, reason, "", who)
}

func (f *Fleets) backup(ctx context.Context, of []tenant.ID, reason, key string, who tenant.Caller) (tenant.FleetRun, error) {
	params, err := json.Marshal(tenant.BackupParams{Tenants: of})
	if err != nil {
		return tenant.FleetRun{}, fmt.Errorf("ask for a backup: %w", err)
	}
	lifecycle, _ := tenant.FleetBackup.Lifecycle()
	return f.Submit(ctx, tenant.FleetRequest{Kind: tenant.FleetBackup, Settings: lifecycle.Defaults, Params: params, Reason: reason, IdempotencyKey: key}, who)
}

// StartDrill accepts the weekly drill of a random sample: once a week, however often it is
// asked.
func (f *Fleets) StartDrill(ctx context.Context) error {
	year, week := time.Now().UTC().ISOWeek()
	_, err := f.drill(ctx, nil, tenant.DrillSample, "the weekly drill", fmt.Sprintf("drill-%d-%02d", year, week), byItself)
	return err
}

// Drill accepts a drill of some tenants, or of a random sample of so many where none is
// named.
//
// Errors: those of Submit.
func (f *Fleets) Drill(ctx context.Context, of []tenant.ID, sample int, reason string, who tenant.Caller) (tenant.FleetRun, error) {
	return f.drill(ctx, of, sample, reason, "", who)
}

func (f *Fleets) drill(ctx context.Context, of []tenant.ID, sample int, reason, key string, who tenant.Caller) (tenant.FleetRun, error) {
	if len(of) > 0 {
		sample = len(of)
	}
	params, err := json.Marshal(tenant.DrillParams{Tenants: of, Sample: sample})
	if err != nil {
		return tenant.FleetRun{}, fmt.Errorf("ask for a drill: %w", err)
	}
	lifecycle, _ := tenant.FleetDrill.Lifecycle()
	return f.Submit(ctx, tenant.FleetRequest{Kind: tenant.FleetDrill, Settings: lifecycle.Defaults, Params: params, Reason: reason, IdempotencyKey: key}, who)
}

// VerifyBackup has a worker that may open archives read a backup whole, and returns why
// it is refused; nothing where it is as it was made. It waits as long as ctx lets it.
func (f *Fleets) VerifyBackup(ctx context.Context, id string) (refusal string, err error) {
	run, err := f.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: "backup-verify/" + id + "/" + uuid.NewString(), TaskQueue: f.TaskQueue, WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	}, workflows.VerifyBackupName, id)
	if err != nil {
		return "", fmt.Errorf("start the verification of backup %s: %w", id, err)
	}
	if err := run.Get(ctx, &refusal); err != nil {
		return "", fmt.Errorf("verify backup %s: %w", id, err)
	}
	return refusal, nil
}
