package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"tenant-provisioning/internal/tenant"
)

// MarkActive makes the tenant active and passes the operation's pivot. Repeating
// it changes nothing. From then on nothing is undone, so it looks whether the
// rows tell of everything that an active tenant has: a database that has lost
// commits (a failover, a restore) may have lost those of an earlier step.
func (t *Transitions) MarkActive(ctx context.Context, f tenant.Fence) error {
	b := &pgx.Batch{}
	b.Queue(passFence, fenceArgs(f)...)
	b.Queue(`SELECT void_imported_passwords($1)`, string(f.Operation)) // an administrator whom nobody has invited may know it
	completeStage(b, f, tenant.StepMarkActive, `NOT pivot_passed AND EXISTS (SELECT FROM tenants t
		JOIN tenant_schema_versions v ON v.tenant_id = t.id AND v.generation = t.generation
		WHERE t.id = o.tenant_id AND t.status = 'PROVISIONING' AND t.contract_id IS NOT NULL)`)
	b.Queue(`
		INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, attempt, started_at, duration_ms)
		SELECT tenant_id, id, $2, 'COMPLETED', next_attempt(id, $2), now(), extract(epoch FROM clock_timestamp() - now()) * 1000
		FROM operations WHERE id = $1 AND pivot_passed
		  AND NOT EXISTS (SELECT FROM provisioning_logs WHERE operation_id = $1 AND step = $2 AND status = 'COMPLETED')`,
		string(f.Operation), string(tenant.StepMarkActive))
	var status tenant.Status
	b.Queue(`SELECT status FROM tenants WHERE id = $1`, string(f.Tenant)).QueryRow(func(row pgx.Row) error { return row.Scan(&status) })
	if err := t.pool.run(ctx, b); err != nil {
		return stepError(tenant.StepMarkActive, err)
	}
	if status != tenant.StatusActive {
		return &tenant.StepError{
			Step: tenant.StepMarkActive, Class: tenant.ClassConflict, Permanent: true,
			Reason: "the tenant's row has no contract, no schema or another status (" + string(status) + "): the database has lost what earlier steps wrote, or somebody changed it",
		}
	}
	return nil
}
